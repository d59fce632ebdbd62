// Light or dark: as the system says, or as was chosen here.

import { Store } from "./store.js";

export type Theme = "system" | "light" | "dark";

const KEY = "signalbox.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

export const theme = new Store<Theme>(kept());

/** What is shown: charts are drawn anew when it changes. */
export const shade = new Store<"light" | "dark">("light");

export function choose(it: Theme): void {
  try {
    localStorage.setItem(KEY, it);
  } catch {
    // It lasts as long as the page.
  }
  theme.set(it);
  apply();
}

export function apply(): void {
  const it = theme.value === "system" ? (system.matches ? "dark" : "light") : theme.value;
  document.documentElement.dataset["theme"] = it;
  shade.set(it);
}

system.addEventListener("change", apply);

function kept(): Theme {
  try {
    const it = localStorage.getItem(KEY);
    return it === "light" || it === "dark" ? it : "system";
  } catch {
    return "system";
  }
}
