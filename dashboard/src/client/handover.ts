// Moving from the direct path to the realtime one, make before break: the direct path is kept while a channel is joined; what
// comes there is kept, until it is known to go on where the direct path is; then it is merged, and the direct path closed.
//
// The way back needs no such state: the direct path is opened after the last contiguous position, and as soon as it says
// `subscribed` it brings all that follows.

import { MOST_PENDING, type Message } from "./merge.js";
import type { Position } from "./types.js";

/** How a hand-over is. */
export type Step =
  /** The channel is not joined yet. */
  | "joining"
  /** It is joined; the paths do not overlap yet. */
  | "overlapping"
  /** The channel brings all that comes after the direct path's place. */
  | "met"
  /** They did not meet in time, or too much came meanwhile: the client stays on the direct path. */
  | "failed";

export class Handover {
  #step: Step = "joining";
  #messages: Message[] = [];
  #head: Position | undefined;
  /** The first place after which the channel brings all. */
  #least: Position | undefined;
  #deadline = Infinity;

  /** `limit`: how long paths may take to overlap, in milliseconds. */
  constructor(private readonly limit: number) {}

  get step(): Step {
    return this.#step;
  }

  /** The channel is joined. */
  joined(now: number): void {
    if (this.#step !== "joining") return;
    this.#step = "overlapping";
    this.#deadline = now + this.limit;
  }

  /** An event came by the channel. */
  message(message: Message): void {
    this.#messages.push(message);
    this.#from({ epoch: message.event.epoch, seq: message.prev });
    if (this.#messages.length > MOST_PENDING && this.#step !== "met") this.#step = "failed";
  }

  /** The channel said how far its path is: all after that place is still to come by it. */
  head(head: Position): void {
    this.#head = head;
    this.#from(head);
  }

  /** Looks whether the paths overlap, now that the direct one is at `last`. */
  look(last: Position | undefined, now: number): Step {
    if (this.#step !== "overlapping") return this.#step;
    const least = this.#least;
    if (least && least.epoch === last?.epoch && least.seq <= last.seq) this.#step = "met";
    else if (now >= this.#deadline) this.#step = "failed";
    return this.#step;
  }

  /**
   * The place that the direct path must be known to have reached. Its own events do not say so when a filter leaves some of
   * them out: then the journal is asked what there is up to here. Nothing while nothing came by the channel.
   */
  wants(): Position | undefined {
    return this.#least;
  }

  /** What came meanwhile, as it came: to be merged like what comes after it. */
  release(): { readonly messages: readonly Message[]; readonly head: Position | undefined } {
    const messages = this.#messages;
    this.#messages = [];
    return { messages, head: this.#head };
  }

  #from(place: Position): void {
    const least = this.#least;
    if (!least || least.epoch !== place.epoch || place.seq < least.seq) this.#least = place;
  }
}
