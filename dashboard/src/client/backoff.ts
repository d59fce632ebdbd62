// When to try again, and when to ask again. Pure: chance is an argument, from 0 up to 1.

/** Waits that double, each drawn between half of it and all of it, so that clients that were cut together do not come back together. */
export class Backoff {
  #tries = 0;

  constructor(
    private readonly first: number,
    private readonly longest: number,
  ) {}

  /** How long to wait before the next try, in milliseconds. */
  next(chance: number): number {
    const whole = Math.min(this.longest, this.first * 2 ** Math.min(this.#tries, 30));
    this.#tries += 1;
    return whole / 2 + (whole / 2) * chance;
  }

  /** It worked: the next wait is the first again. */
  reset(): void {
    this.#tries = 0;
  }

  get tries(): number {
    return this.#tries;
  }
}

/** A time between 80 and 120 % of the one given. */
export function jittered(time: number, chance: number): number {
  return time * (0.8 + 0.4 * chance);
}
