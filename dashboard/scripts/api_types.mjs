// Writes src/api/schema.ts: the types of the API, as docs/openapi.json has them.
//
//   node scripts/api_types.mjs [--check]
//
// With --check nothing is written, and the exit code says whether it would be.
import { readFileSync, writeFileSync } from "node:fs";

const CONTRACT = new URL("../../docs/openapi.json", import.meta.url);
const MADE = new URL("../src/api/schema.ts", import.meta.url);

const { schemas } = JSON.parse(readFileSync(CONTRACT, "utf8")).components;
const name = (reference) => reference.split("/").at(-1);
const key = (text) => (/^[A-Za-z_$][\w$]*$/.test(text) ? text : JSON.stringify(text));
const indented = (text) => text.replaceAll("\n", "\n  ");

function comment(text) {
  if (!text) return "";
  const lines = text.replaceAll("*/", "* /").trim().split("\n");
  return lines.length === 1 ? `/** ${lines[0]} */\n` : `/**\n${lines.map((line) => ` * ${line}`.trimEnd()).join("\n")}\n */\n`;
}

function objectType({ properties = {}, required = [], additionalProperties: rest }) {
  const members = Object.entries(properties).map(
    ([field, it]) => `${comment(it.description)}readonly ${key(field)}${required.includes(field) ? "" : "?"}: ${type(it)};`,
  );
  if (members.length > 0) return `{\n  ${indented(members.join("\n"))}\n}`;
  return `Readonly<Record<string, ${rest && rest !== true ? type(rest) : "unknown"}>>`;
}

const SIMPLE = { string: "string", integer: "number", number: "number", boolean: "boolean", null: "null" };

function plain(word, schema) {
  if (word === "array") return `readonly (${schema.items ? type(schema.items) : "unknown"})[]`;
  return word === "object" ? objectType(schema) : (SIMPLE[word] ?? "unknown");
}

function type(schema) {
  if (schema.$ref) return name(schema.$ref);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((it) => JSON.stringify(it)).join(" | ");
  const several = schema.oneOf ?? schema.anyOf;
  if (several) return several.map(type).join(" | ");
  if (schema.allOf) return schema.allOf.map((it) => `(${type(it)})`).join(" & ");
  const words = [schema.type ?? (schema.properties ? "object" : "unknown")].flat();
  return words.map((word) => plain(word, schema)).join(" | ");
}

const types = Object.entries(schemas).map(([it, schema]) => `${comment(schema.description)}export type ${it} = ${type(schema)};\n`);
const text = `// Made from docs/openapi.json by \`npm run types\`: change that, not this.\n\n${types.join("\n")}`;

if (!process.argv.includes("--check")) writeFileSync(MADE, text);
else if (readFileSync(MADE, "utf8") !== text) {
  console.error("src/api/schema.ts is not what docs/openapi.json says: npm run types");
  process.exitCode = 1;
}
