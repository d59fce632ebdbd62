// From the direct path to the realtime one, while events come: what `handover` decides, done.

import { isEverything } from "./filter.js";
import type { Answer } from "./frames.js";
import { Handover } from "./handover.js";
import { headOfRows, join } from "./opening.js";
import { abandoned, type Owner } from "./owner.js";
import type { RealtimeLink } from "./realtime.js";

export class MoveToRealtime {
  readonly #handover: Handover;
  readonly #met: Promise<void>;
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  #link: RealtimeLink | undefined;
  #isProving = false;
  #isOver = false;

  constructor(
    private readonly owner: Owner,
    private readonly answer: Answer,
    private readonly reason: string,
  ) {
    this.#handover = new Handover(owner.timing.overlap);
    this.#met = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // It may fail before anybody waits for it.
    this.#met.catch(() => undefined);
  }

  /** Moves, or fails and leaves all as it was. */
  async run(signal: AbortSignal): Promise<void> {
    const direct = this.owner.link!;
    const { link, joined } = await join(this.owner, this.answer, {
      message: (message) => this.#took(() => this.#handover.message(message)),
      head: (head) => this.#took(() => this.#handover.head(head)),
      lost: (reason) => this.#reject(new Error(reason)),
    });
    this.#link = link;
    const isGivenUp = abandoned(signal);
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      await Promise.race([joined, isGivenUp]);
      this.#handover.joined(Date.now());
      timer = setTimeout(() => this.look(), this.owner.timing.overlap + 1);
      this.look();
      void headOfRows(this.owner, link, (head) => this.#took(() => this.#handover.head(head)));
      await Promise.race([this.#met, isGivenUp]);
      direct.close();
    } catch (error) {
      link.close();
      throw error;
    } finally {
      this.#isOver = true;
      clearTimeout(timer);
    }
  }

  /** Looks whether the paths meet: after whatever comes by one of them. */
  look(): void {
    if (this.#isOver) return;
    const step = this.#handover.look(this.owner.flow.position, Date.now());
    if (step === "failed") this.#reject(new Error("the paths do not overlap in time"));
    if (step === "met") this.#merge();
    if (step === "overlapping") this.#prove();
  }

  #took(take: () => void): void {
    if (this.#isOver) return;
    take();
    this.look();
  }

  /** They meet: from here on, in the same turn, the channel is heard. */
  #merge(): void {
    this.#isOver = true;
    const { messages, head } = this.#handover.release();
    this.owner.live(this.#link!, this.reason);
    for (const message of messages) this.owner.flow.realtimeEvent(message);
    if (head) this.owner.flow.realtimeHead(head);
    this.#resolve();
  }

  /** By a filter the direct path leaves events out, and does not say how far it is: the journal knows what there was. */
  #prove(): void {
    const wanted = this.#handover.wants();
    if (this.#isProving || !wanted || isEverything(this.owner.options.filter)) return;
    this.#isProving = true;
    void this.owner.flow.prove(wanted).then((isProved) => {
      this.#isProving = !isProved;
      this.look();
    });
  }
}
