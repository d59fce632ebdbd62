// The page of the contract draws every operation, complains of nothing, asks nobody but the router,
// and can try an operation.
//
//   node docs.mjs http://127.0.0.1:8080
//
// Prints one line of JSON; exit code 0 when all is as it should be.
import { withChromium } from "./chromium.mjs";

const router = new URL(process.argv[2]);
const contract = await (await fetch(`${router.origin}/openapi.json`)).json();
const described = Object.values(contract.paths).flatMap(Object.keys).length;

const seen = await withChromium(async (browser) => {
  const page = await browser.newPage();
  const complaints = [];
  const elsewhere = [];
  page.on("console", (line) => line.type() === "error" && complaints.push(line.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.origin !== router.origin) elsewhere.push(request.url());
  });
  await page.addInitScript(() => {
    const violated = ({ violatedDirective, blockedURI }) =>
      console.error(`policy: ${violatedDirective} ${blockedURI}`);
    document.addEventListener("securitypolicyviolation", violated);
  });
  await page.goto(`${router.origin}/docs`);
  await page.waitForSelector(".opblock");
  const operations = await page.locator(".opblock").count();
  const sockets = await page.locator('a[href="/asyncapi.yaml"]').count();

  const livez = page.locator("#operations-operating-livez");
  await livez.locator(".opblock-summary-control").click();
  await livez.getByRole("button", { name: "Try it out" }).click();
  await livez.getByRole("button", { name: "Execute" }).click();
  const answer = livez.locator(".live-responses-table .response-col_status").last();
  await answer.waitFor();
  const tried = (await answer.innerText()).trim().split("\n")[0];
  return { operations, sockets, tried, complaints, elsewhere };
});

const passed =
  seen.operations === described && seen.sockets > 0 && seen.tried === "200" &&
  seen.complaints.length === 0 && seen.elsewhere.length === 0;
console.log(JSON.stringify({ passed, described, ...seen }));
process.exitCode = passed ? 0 : 1;
