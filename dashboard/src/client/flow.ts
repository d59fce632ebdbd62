// Events on their way to whoever listens: merged, counted, told; and holes of the realtime path filled from the journal.

import { matches } from "./filter.js";
import { Merge, type Hole, type Message, type Step } from "./merge.js";
import { Recorder } from "./recorder.js";
import type { Router } from "./router.js";
import type { Filter, Gap, MonitoringEvent, Position } from "./types.js";

/** How often a hole is asked for, and how long to wait in between, in milliseconds. */
const WAITS_MS = [0, 500, 1500];

/** Who is told. */
export interface Listener {
  event(event: MonitoringEvent): void;
  gap(gap: Gap): void;
}

export class Flow {
  readonly recorder = new Recorder();
  readonly #merge: Merge;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isFilling = false;

  constructor(
    private readonly router: Router,
    private readonly filter: Filter | undefined,
    /** How long what is missing may be late, in milliseconds. */
    private readonly late: number,
    private readonly listener: Listener,
  ) {
    this.#merge = new Merge(late, (event) => matches(filter, event));
  }

  get position(): Position | undefined {
    return this.#merge.position;
  }

  /** The direct path goes on after a place. */
  direct(place: Position, recovered: boolean): void {
    this.#merge.begin(place, !recovered);
    this.#arm();
  }

  directEvent(event: MonitoringEvent): void {
    this.#tell(this.#merge.direct(event));
  }

  /** `seen`: the position before the direct path was resumed. */
  directGap(gap: Pick<Gap, "from_seq" | "to_seq" | "reason">, seen: Position | undefined): void {
    this.#tell(this.#merge.gap(gap.from_seq, gap.to_seq, gap.reason, seen));
  }

  realtimeEvent(message: Message): void {
    this.#tell(this.#merge.realtime(message, Date.now()));
    this.#arm();
  }

  realtimeHead(head: Position): void {
    this.#merge.head(head, Date.now());
    this.#arm();
  }

  /** Events that were read before any came: what the client asked to begin with. */
  before(events: readonly MonitoringEvent[], place: Position): void {
    for (const event of events) this.directEvent(event);
    this.#merge.begin(place, false);
  }

  /** Reads all that is wanted up to a place, which the direct path has not come to by its own events; whether that could be done. */
  async prove(through: Position): Promise<boolean> {
    const hole = this.#merge.until(through.seq);
    if (!hole || hole.epoch !== through.epoch) return true;
    try {
      const events = await this.router.fill(hole, this.filter);
      // Nothing was lost: the direct path brings it too.
      this.#tell({ ...this.#merge.filled(hole, events, Date.now()), filled: 0 });
      return true;
    } catch {
      // The paths do not meet, which is told.
      return false;
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#merge.forget();
  }

  #tell(step: Step): void {
    this.recorder.counted(step);
    for (const it of step.told) {
      if ("event" in it) {
        this.recorder.event(it.event);
        this.listener.event(it.event);
      } else {
        this.recorder.gap(it.gap);
        this.listener.gap(it.gap);
      }
    }
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const due = this.#isFilling ? undefined : this.#merge.dueAt();
    if (due !== undefined) this.#timer = setTimeout(() => void this.#fill(), Math.max(0, due - Date.now()));
  }

  async #fill(): Promise<void> {
    this.#isFilling = true;
    for (let hole = this.#merge.hole(Date.now()); hole; hole = this.#merge.hole(Date.now())) {
      const events = await this.#read(hole);
      this.#tell(events ? this.#merge.filled(hole, events, Date.now()) : this.#merge.lost(hole, "unfilled"));
    }
    this.#isFilling = false;
    this.#arm();
  }

  async #read(hole: Hole): Promise<MonitoringEvent[] | undefined> {
    for (const wait of WAITS_MS) {
      if (wait) await new Promise((resolve) => setTimeout(resolve, Math.min(wait, this.late)));
      try {
        return await this.router.fill(hole, this.filter);
      } catch {
        // After the last try there is a gap, which is told.
      }
    }
    return undefined;
  }
}
