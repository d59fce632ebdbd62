// The newest events that are wanted: held still while somebody looks, counted meanwhile.

import type { MonitoringEvent } from "../client/types.js";
import { weight } from "./json.js";
import { Ring } from "./ring.js";

/** How many events are kept, and what they may weigh, in bytes. */
export const KEPT = 5000;
export const HEAVIEST = 32 * 1024 * 1024;

/** Every event that came, whatever is wanted. */
export class Arrivals {
  readonly ring = new Ring<MonitoringEvent>(KEPT, HEAVIEST);

  push(event: MonitoringEvent): void {
    this.ring.push(event, weight(event.data) + weight(event.metadata) + 500);
  }
}

/** Those of them that are wanted. It holds references only, and forgets what the ring has forgotten. */
export class Tail {
  readonly #arrivals: Arrivals;
  readonly #found: Ring<MonitoringEvent>;
  #wants: (event: MonitoringEvent) => boolean;
  /** How many arrivals were looked at. */
  #seen = 0;
  #held: readonly MonitoringEvent[] | undefined;
  #since = 0;

  constructor(arrivals: Arrivals, wants: (event: MonitoringEvent) => boolean) {
    this.#arrivals = arrivals;
    this.#found = new Ring(KEPT);
    this.#wants = wants;
    this.#look();
  }

  /** From now on, of all that is kept, those. */
  want(wants: (event: MonitoringEvent) => boolean): void {
    this.#wants = wants;
    this.#found.clear();
    this.#seen = 0;
    this.#look();
    if (this.#held) this.hold();
  }

  /** Looks at what has come; says whether anything wanted did. */
  look(): boolean {
    const before = this.#found.count;
    this.#look();
    return this.#found.count !== before;
  }

  #look(): void {
    const { ring } = this.#arrivals;
    const unseen = Math.min(ring.count - this.#seen, ring.length);
    for (let place = unseen - 1; place >= 0; place -= 1) {
      const event = ring.at(place);
      if (event && this.#wants(event)) this.#found.push(event);
    }
    this.#seen = ring.count;
  }

  hold(): void {
    this.#held = this.#found.newest();
    this.#since = this.#found.count;
  }

  release(): void {
    this.#held = undefined;
  }

  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** How many came while it was held. */
  get waiting(): number {
    return this.#held ? this.#found.count - this.#since : 0;
  }

  get length(): number {
    return this.#held?.length ?? this.#found.length;
  }

  /** The newest is at 0. */
  at(place: number): MonitoringEvent | undefined {
    return this.#held ? this.#held[place] : this.#found.at(place);
  }
}
