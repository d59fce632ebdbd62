// Where the page is; going elsewhere.

import { changed, hash, type Place, place } from "./route.js";
import { Store, useStore } from "./store.js";

export const here = new Store<Place>(place(location.hash));

addEventListener("hashchange", () => here.set(place(location.hash)));

export function usePlace(): Place {
  return useStore(here);
}

/** Changes the state of the view, in the URL. Typing replaces, choosing can be gone back from. */
export function change(state: Parameters<typeof changed>[1], how: "push" | "replace" = "replace"): void {
  const next = changed(here.value, state);
  const url = hash(next);
  if (url === location.hash) return;
  if (how === "push") window.history.pushState(null, "", url);
  else window.history.replaceState(null, "", url);
  here.set(next);
}
