// What the client has to attend to, one thing after the other.

export class Inbox<T> {
  readonly #waiting: T[] = [];
  #wake: (() => void) | undefined;

  put(thing: T): void {
    this.#waiting.push(thing);
    this.#wake?.();
  }

  /** The oldest; waits until there is one. */
  async take(): Promise<T> {
    for (;;) {
      const thing = this.#waiting.shift();
      if (thing !== undefined) return thing;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
