// Flags: what they are, where they come from, and setting them while the router runs.

import type { FlagRow, FlagsSnapshot } from "../../api/schema.js";
import { send } from "../../api/http.js";
import { usePoll } from "../../api/poll.js";
import { audit, flags } from "../../app/router_state.js";
import { CATEGORIES } from "../../client/filter.js";
import { Badge, Foreign, Panel, Words } from "../../parts/basics.js";
import { attempt, confirm } from "../../parts/dialog.js";
import { Editor, edit } from "../../parts/editor.js";
import { type Column, Table } from "../../parts/table.js";
import { Failed } from "../../parts/teach.js";
import { origin } from "../settings.js";

export function Flags() {
  const { value: it, error } = usePoll(flags);
  if (!it) {
    return <Panel title="Flags">{error ? <Failed error={error} what="its flags" /> : <p class="loading">Asking the router…</p>}</Panel>;
  }
  const isOfCategory = ({ key }: FlagRow) => CATEGORIES.some((category) => key.startsWith(`flags.${category}_`));
  return (
    <>
      <Panel title="Flags">
        <Issues it={it} />
        <Table caption="Flags" columns={COLUMNS} rows={it.flags.filter((flag) => !isOfCategory(flag))} id={({ key }) => key} />
      </Panel>
      <Panel title="What goes to a Realtime, by category" id="categories">
        <Coverage it={it} />
        <Categories rows={it.flags.filter(isOfCategory)} />
      </Panel>
      <Editor />
    </>
  );
}

function Issues({ it }: { readonly it: FlagsSnapshot }) {
  if (it.issues.length === 0) return null;
  return (
    <ul class="issues">
      {it.issues.map(({ level, flag, detail }) => (
        <li key={flag + detail}>
          <Badge level={level === "contradiction" ? "bad" : "info"}>{level}</Badge> <code>{flag}</code> <Foreign text={detail} most={500} />
        </li>
      ))}
    </ul>
  );
}

function Coverage({ it: { coverage, paths } }: { readonly it: FlagsSnapshot }) {
  const on = [paths.direct ? "direct" : "", paths.realtime ? "realtime" : ""].filter(Boolean).join(" and ");
  return (
    <p class="aside">
      Paths that are on: {on} (<code>{paths.mode}</code>).{" "}
      {coverage.covered ? (
        <Badge level="good">covered: every event goes to a Realtime</Badge>
      ) : (
        <>
          <Badge level="warn">not covered</Badge> {coverage.lacking.map(({ category, reason, percent }) => `${category.replace("_", " ")}: ${reason}${reason === "share" ? `, ${percent} %` : ""}`).join("; ")}. The rollout stays at 0 until it
          is.
        </>
      )}
    </p>
  );
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

const isSet = ({ origin: { kind } }: FlagRow) => kind === "override";

const COLUMNS: readonly Column<FlagRow>[] = [
  {
    name: "Flag",
    cell: ({ name, description, other_name }) => (
      <span title={other_name ?? undefined}>
        <code>{name}</code>
        <span class="sub">
          <Words text={description} />
        </span>
      </span>
    ),
  },
  { name: "Value", cell: (it) => <Value it={it} /> },
  { name: "From", cell: (it) => <Badge level={isSet(it) ? "warn" : it.origin.kind === "default" ? "idle" : "info"}>{origin(it.origin)}</Badge> },
  { name: "Default", cell: (it) => <span class="faint">{shown(it.default)}</span>, isMinor: true },
  { name: "", cell: (it) => <Buttons it={it} /> },
];

function Value({ it }: { readonly it: FlagRow }) {
  return (
    <strong>
      <Foreign text={shown(it.value)} />
    </strong>
  );
}

function Buttons({ it }: { readonly it: FlagRow }) {
  return (
    <span class="buttons">
      <button type="button" onClick={() => void change(it)} aria-label={`Set ${it.name}`}>
        Set…
      </button>
      {isSet(it) ? (
        <button type="button" onClick={() => void clear(it)} aria-label={`Clear ${it.name}`}>
          Clear
        </button>
      ) : null}
    </span>
  );
}

async function change(it: FlagRow): Promise<void> {
  const set = await edit(it);
  if (!set) return;
  const { value, expires_in, reason } = set;
  const body = { value, ...(expires_in ? { expires_in } : {}), ...(reason ? { reason } : {}) };
  await attempt(() => send("PUT", `/v1/flags/${encodeURIComponent(it.name)}`, body), `${it.name} is ${shown(value)}.`);
  flags.now();
  audit.now();
}

async function clear(it: FlagRow): Promise<void> {
  const text = "The flag is again what the environment, Settings.toml or its default says.";
  if ((await confirm({ title: `Clear ${it.name}?`, text, action: "Clear it" })) === undefined) return;
  await attempt(() => send("DELETE", `/v1/flags/${encodeURIComponent(it.name)}`), `${it.name} is cleared.`);
  flags.now();
  audit.now();
}

function Categories({ rows }: { readonly rows: readonly FlagRow[] }) {
  const cell = (category: string, what: string) => {
    const it = rows.find(({ key }) => key === `flags.${category}_${what}`);
    if (!it) return null;
    return (
      <span class="category-cell">
        <Value it={it} />
        {it.origin.kind === "default" ? null : <Badge level={isSet(it) ? "warn" : "info"}>{it.origin.kind}</Badge>}
        <Buttons it={it} />
      </span>
    );
  };
  return (
    <Table
      caption="Categories"
      rows={CATEGORIES}
      id={(it) => it}
      columns={[
        { name: "Category", cell: (it) => it.replace("_", " ") },
        { name: "Enabled", cell: (it) => cell(it, "enabled") },
        { name: "Share, percent", cell: (it) => cell(it, "percentage") },
        { name: "Paths", cell: (it) => cell(it, "paths") },
      ]}
    />
  );
}
