// Debian's Chromium, without a window and without traffic of its own, for the length of one call.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

const QUIET = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

function executable() {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const folders = process.env.PATH.split(delimiter);
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = [process.env.CHROMIUM, ...candidates].find((path) => path && runs(path));
  if (!found) throw new Error("no Chromium found: install it, or name it in CHROMIUM");
  return found;
}

function runs(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/// Calls `use(browser)`, on a profile that is new and empty; the browser is gone afterwards.
export async function withChromium(use, args = []) {
  const browser = await chromium.launch({ executablePath: executable(), args: [...QUIET, ...args] });
  try {
    return await use(browser);
  } finally {
    await browser.close();
  }
}
