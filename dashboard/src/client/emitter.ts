// Listeners by the name of what they listen to.

type Listener<T> = (told: T) => void;

export class Emitter<Told extends object> {
  readonly #listeners: { [Name in keyof Told]?: Set<Listener<Told[Name]>> } = {};

  /** Listens; what is given back ends it. */
  on<Name extends keyof Told>(name: Name, listener: Listener<Told[Name]>): () => void {
    const listeners: Set<Listener<Told[Name]>> = (this.#listeners[name] ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** Listens no more. */
  off<Name extends keyof Told>(name: Name, listener: Listener<Told[Name]>): void {
    this.#listeners[name]?.delete(listener);
  }

  /** What a listener throws is its own: it is thrown where nothing of the client is in its way. */
  protected emit<Name extends keyof Told>(name: Name, told: Told[Name]): void {
    for (const listener of this.#listeners[name] ?? []) {
      try {
        listener(told);
      } catch (error) {
        setTimeout(() => {
          throw error;
        });
      }
    }
  }
}
