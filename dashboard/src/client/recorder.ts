// The client's own record: what it told, dropped, filled and missed, and how it moved. Bounded.

import type { Gap, MonitoringEvent, Move, ClientRecord } from "./types.js";

/** How many gaps and moves are listed. */
const LISTED = 100;

export class Recorder {
  #delivered = 0;
  #duplicates = 0;
  #filled = 0;
  #missing = 0;
  #connections = 0;
  #losses = 0;
  #gaps: Gap[] = [];
  #moves: Move[] = [];
  #last = new Map<string, number>();

  event({ epoch, seq }: MonitoringEvent): void {
    this.#delivered += 1;
    this.#last.set(epoch, seq);
  }

  gap(gap: Gap): void {
    this.#missing += gap.to_seq - gap.from_seq + 1;
    this.#gaps = [...this.#gaps.slice(1 - LISTED), gap];
  }

  move(move: Move): void {
    this.#moves = [...this.#moves.slice(1 - LISTED), move];
  }

  counted(step: { readonly duplicates: number; readonly filled: number }): void {
    this.#duplicates += step.duplicates;
    this.#filled += step.filled;
  }

  connected(): void {
    this.#connections += 1;
  }

  lost(): void {
    this.#losses += 1;
  }

  record(): ClientRecord {
    return {
      delivered: this.#delivered,
      duplicates: this.#duplicates,
      filled: this.#filled,
      missing: this.#missing,
      gaps: this.#gaps,
      moves: this.#moves,
      connections: this.#connections,
      losses: this.#losses,
      last: Object.fromEntries(this.#last),
    };
  }
}
