// What the router remembers of the time before the page was opened.

import { useEffect, useState } from "preact/hooks";
import { get } from "../api/http.js";
import type { History } from "../api/schema.js";
import { type Change, changes, points } from "../model/past.js";
import type { Sample } from "../model/samples.js";

export interface Remembered {
  readonly samples: readonly Sample[];
  /** The newest first. */
  readonly changes: readonly Change[];
}

const NOTHING: Remembered = { samples: [], changes: [] };

const POINTS = 300;
const EVERY_MS = 5_000;

/** What it remembers of so many seconds, asked again and again. */
export function usePast(seconds: number): Remembered {
  const [past, set] = useState(NOTHING);
  useEffect(() => {
    const asking = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      try {
        const since = new Date(Date.now() - 1000 * seconds).toISOString();
        const found = await get<History>("/v1/history", { since, points: POINTS }, asking.signal);
        set({ samples: points(found), changes: changes(found) });
      } catch {
        // What the page has seen itself is shown, and the banner says when the router is away.
      }
      if (!asking.signal.aborted) timer = setTimeout(() => void ask(), document.hidden ? 10 * EVERY_MS : EVERY_MS);
    };
    set(NOTHING);
    void ask();
    return () => {
      asking.abort();
      clearTimeout(timer);
    };
  }, [seconds]);
  return past;
}
