// One order out of two paths: de-duplicates by position, orders by `seq`, finds holes by `prev` and by heads.
//
// It knows no network and no clock: it is given what came and the time, in milliseconds, and gives back what is to be told.

import type { Gap, MonitoringEvent, Position } from "./types.js";

/** An event of the realtime path, and the `seq` of the one before it there. */
export interface Message {
  readonly event: MonitoringEvent;
  readonly prev: number;
}

/** What is to be told, in order. */
export interface Step {
  readonly told: readonly ({ readonly event: MonitoringEvent } | { readonly gap: Gap })[];
  /** Events that came again. */
  readonly duplicates: number;
  /** Those of the events told that were read from the journal. */
  readonly filled: number;
}

/** Events that may be missing: those after `after`, up to `through`. */
export interface Hole {
  readonly epoch: string;
  readonly after: number;
  readonly through: number;
}

/** Most messages that are kept behind a hole. Beyond it they are read from the journal too. */
export const MOST_PENDING = 20_000;

interface Pending extends Message {
  readonly came: number;
  readonly filled: boolean;
}

interface Building {
  told: ({ event: MonitoringEvent } | { gap: Gap })[];
  duplicates: number;
  filled: number;
}

const nothing = (): Building => ({ told: [], duplicates: 0, filled: 0 });

export class Merge {
  #place: Position | undefined;
  /** Of which journals events may still come, though it is another one now. */
  readonly #over = new Set<string>();
  /** Messages behind a hole, by `seq`. */
  #pending: Pending[] = [];
  /** The end of the path, when not all up to it is here. */
  #head: { readonly seq: number; readonly came: number } | undefined;
  /** Counts how often all was begun anew: a hole of before is none any more. */
  #era = 0;
  readonly #eras = new WeakMap<Hole, number>();

  constructor(
    /** How long what is missing may be late. */
    private readonly late: number,
    /** Which events of the realtime path are told. */
    private readonly wanted: (event: MonitoringEvent) => boolean,
  ) {}

  /** All up to this place was told, is not wanted, or was named by a gap. */
  get position(): Position | undefined {
    return this.#place;
  }

  /** Goes on after a place; further back than it was only when it is told to be `anew`. */
  begin(place: Position, anew: boolean): void {
    this.forget();
    if (this.#place?.epoch === place.epoch && !anew && this.#place.seq >= place.seq) return;
    this.#enter(place.epoch);
    this.#place = place;
  }

  /** Forgets what waits behind holes: the other path brings all after the position. */
  forget(): void {
    this.#pending = [];
    this.#head = undefined;
    this.#era += 1;
  }

  /** An event of the direct path, which leaves nothing out. */
  direct(event: MonitoringEvent): Step {
    const step = nothing();
    if (this.#isKnown(event)) step.duplicates += 1;
    else {
      this.#enter(event.epoch);
      this.#tell(step, event);
    }
    return step;
  }

  /** A gap that the direct path tells of. `seen` is the position before it was resumed. */
  gap(from_seq: number, to_seq: number, reason: string, seen: Position | undefined): Step {
    const step = nothing();
    const epoch = this.#place?.epoch ?? "";
    // What was told by the other path meanwhile is not missing.
    const told = seen?.epoch === epoch && reason !== "ahead" ? seen.seq : 0;
    const gap = { epoch, from_seq: Math.max(from_seq, told + 1), to_seq, reason };
    if (gap.from_seq <= gap.to_seq) step.told.push({ gap });
    if (this.#place && this.#place.seq < to_seq) this.#place = { epoch, seq: to_seq };
    return step;
  }

  /** An event of the realtime path. */
  realtime(message: Message, now: number): Step {
    const step = nothing();
    const { event, prev } = message;
    if (this.#isKnown(event)) {
      step.duplicates += 1;
      return step;
    }
    const { epoch } = event;
    if (this.#place && this.#place.epoch !== epoch) {
      // Another journal: what of it came before this cannot be known here.
      this.forget();
      if (prev > 0) step.told.push({ gap: { epoch, from_seq: 1, to_seq: prev, reason: "epoch" } });
      this.#enter(epoch);
      this.#place = { epoch, seq: prev };
    }
    this.#place ??= { epoch, seq: 0 };
    if (!this.#insert({ event, prev, came: now, filled: false })) step.duplicates += 1;
    this.#drain(step);
    if (this.#pending.length > MOST_PENDING) this.#overflow(now);
    return step;
  }

  /** The realtime path says how far it is. */
  head({ epoch, seq }: Position, now: number): void {
    const place = this.#place;
    if (place && (place.epoch !== epoch || seq <= place.seq)) return;
    this.#place ??= { epoch, seq: 0 };
    if (!this.#head || this.#head.seq <= this.#place!.seq) this.#head = { seq, came: now };
  }

  /** When the oldest hole is to be filled; nothing while there is none. */
  dueAt(): number | undefined {
    const dues = this.#holes().map(({ came }) => came + this.late);
    return dues.length ? Math.min(...dues) : undefined;
  }

  /** What is to be read from the journal by now. */
  hole(now: number): Hole | undefined {
    const due = this.#holes().filter(({ came }) => came + this.late <= now);
    const last = due.at(-1);
    return last && this.until(last.through);
  }

  /** All from the position up to a place, as a hole. */
  until(through: number): Hole | undefined {
    if (!this.#place || through <= this.#place.seq) return undefined;
    const hole = { epoch: this.#place.epoch, after: this.#place.seq, through };
    this.#eras.set(hole, this.#era);
    return hole;
  }

  /** A hole was read from the journal: these are all of its events that are wanted. */
  filled(hole: Hole, events: readonly MonitoringEvent[], now: number): Step {
    const step = nothing();
    if (!this.#isOpen(hole)) return step;
    for (const event of events) {
      const isOf = event.epoch === hole.epoch && event.seq <= hole.through;
      if (!isOf || this.#isKnown(event)) continue;
      this.#insert({ event, prev: event.seq - 1, came: now, filled: true });
    }
    while (this.#pending[0] && this.#pending[0].event.seq <= hole.through) this.#next(step);
    this.#advance(hole.through);
    this.#drain(step);
    return step;
  }

  /** A hole could not be read: names precisely what is missing, and goes on. */
  lost(hole: Hole, reason: string): Step {
    const step = nothing();
    if (!this.#isOpen(hole)) return step;
    for (let first = this.#pending[0]; first && first.prev <= hole.through; first = this.#pending[0]) {
      this.#miss(step, first.prev, reason);
      this.#next(step);
    }
    this.#miss(step, hole.through, reason);
    this.#drain(step);
    return step;
  }

  #isOpen(hole: Hole): boolean {
    return this.#eras.get(hole) === this.#era && hole.epoch === this.#place?.epoch;
  }

  #isKnown({ epoch, seq }: Position): boolean {
    if (this.#place?.epoch === epoch) return seq <= this.#place.seq;
    return this.#over.has(epoch);
  }

  #enter(epoch: string): void {
    if (this.#place && this.#place.epoch !== epoch) this.#over.add(this.#place.epoch);
    this.#over.delete(epoch);
  }

  /** Where something is missing, in order: up to what, and since when that is known. */
  #holes(): { through: number; came: number }[] {
    const holes = [];
    let seq = this.#place?.seq ?? 0;
    for (const { event, prev, came } of this.#pending) {
      if (prev > seq) holes.push({ through: prev, came });
      seq = event.seq;
    }
    if (this.#head && this.#head.seq > seq) holes.push({ through: this.#head.seq, came: this.#head.came });
    return holes;
  }

  /** Nearly always at the end; false when it is there. */
  #insert(message: Pending): boolean {
    let place = this.#pending.length;
    while (place > 0 && this.#pending[place - 1]!.event.seq >= message.event.seq) place -= 1;
    if (this.#pending[place]?.event.seq === message.event.seq) return false;
    this.#pending.splice(place, 0, message);
    return true;
  }

  #drain(step: Building): void {
    while (this.#pending[0] && this.#pending[0].prev <= this.#place!.seq) this.#next(step);
  }

  #next(step: Building): void {
    const { event, filled } = this.#pending.shift()!;
    if (this.wanted(event)) {
      this.#tell(step, event);
      if (filled) step.filled += 1;
    } else this.#advance(event.seq);
  }

  #tell(step: Building, event: MonitoringEvent): void {
    step.told.push({ event });
    this.#place = { epoch: event.epoch, seq: event.seq };
  }

  #miss(step: Building, to_seq: number, reason: string): void {
    const { epoch, seq } = this.#place!;
    if (to_seq > seq) step.told.push({ gap: { epoch, from_seq: seq + 1, to_seq, reason } });
    this.#advance(to_seq);
  }

  #advance(seq: number): void {
    const { epoch, seq: before } = this.#place!;
    if (seq > before) this.#place = { epoch, seq };
  }

  #overflow(now: number): void {
    const { seq } = this.#pending.at(-1)!.event;
    this.forget();
    this.#head = { seq, came: now - this.late };
  }
}
