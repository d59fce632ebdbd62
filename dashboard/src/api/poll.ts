// What is asked again and again, while somebody looks at it.

import { useEffect } from "preact/hooks";
import { Store, useStore } from "../app/store.js";
import { type ApiError, get, token } from "./http.js";

export interface Asked<T> {
  /** The last answer, however old. */
  readonly value: T | undefined;
  /** When that was. */
  readonly at: Date | undefined;
  /** Why there is no newer one. */
  readonly error: ApiError | undefined;
}

/** Hidden pages ask so much more seldom, and so is asked for what the router does not know. */
const HIDDEN = 10;

export class Poll<T> {
  readonly store = new Store<Asked<T>>({ value: undefined, at: undefined, error: undefined });
  #watchers = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | undefined;

  constructor(
    readonly place: string,
    private readonly every: number,
    private readonly heard?: (value: T, at: Date) => void,
  ) {
    token.listen(() => this.#watchers > 0 && this.now());
  }

  /** Goes on asking until what is returned is called. */
  watch(): () => void {
    this.#watchers += 1;
    if (this.#watchers === 1) this.now();
    return () => {
      this.#watchers -= 1;
      if (this.#watchers === 0) this.#stop();
    };
  }

  /** Asks at once: after something was done, say. */
  now(): void {
    this.#stop();
    void this.#ask();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = undefined;
  }

  async #ask(): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    const began = performance.now();
    try {
      const value = await get<T>(this.place, {}, asking.signal);
      const at = new Date();
      this.store.set({ value, at, error: undefined });
      this.heard?.(value, at);
    } catch (error) {
      if (asking.signal.aborted) return;
      this.store.set({ ...this.store.value, error: error as ApiError });
    }
    if (asking.signal.aborted || this.#watchers === 0) return;
    const isSeldom = document.hidden || this.store.value.error?.isAbsent;
    const every = isSeldom ? this.every * HIDDEN : this.every;
    this.#timer = setTimeout(() => void this.#ask(), Math.max(every - (performance.now() - began), every / 4));
  }
}

/** Asks while the part that calls this is on the page. */
export function usePoll<T>(poll: Poll<T>): Asked<T> {
  useEffect(() => poll.watch(), [poll]);
  return useStore(poll.store);
}
