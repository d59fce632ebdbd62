// A value that changes, and who wants to know.

import { useEffect, useReducer } from "preact/hooks";

export class Store<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Draws again when it changes. */
export function useStore<T>(store: Store<T>): T {
  const [, draw] = useReducer((turns: number) => turns + 1, 0);
  const drawn = store.value;
  useEffect(() => {
    // It may have changed between drawing and listening.
    if (!Object.is(drawn, store.value)) draw(undefined);
    return store.listen(() => draw(undefined));
  }, [store]);
  return drawn;
}

/** Draws again every so often, in milliseconds. */
export function useTurns(every: number): void {
  const [, draw] = useReducer((turns: number) => turns + 1, 0);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || draw(undefined), every);
    return () => clearInterval(timer);
  }, [every]);
}
