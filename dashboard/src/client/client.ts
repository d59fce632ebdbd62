// The client: asks where it belongs, connects, moves, comes back. One loop attends to one thing after the other; what it decides
// by is pure and stands in files of its own (merge, handover, recheck, backoff, closing).

import { Backoff, jittered } from "./backoff.js";
import type { Loss } from "./direct.js";
import { Emitter } from "./emitter.js";
import { Flow } from "./flow.js";
import type { Answer, Frame } from "./frames.js";
import { clientId } from "./identity.js";
import { Inbox } from "./inbox.js";
import { MoveToRealtime } from "./moving.js";
import { openDirect, openRealtime } from "./opening.js";
import { Lost, type Link, type Owner } from "./owner.js";
import type { RealtimeLink } from "./realtime.js";
import { Agreement, silence } from "./recheck.js";
import { Refused, Router } from "./router.js";
import {
  ClientError,
  type ClientRecord,
  type Move,
  type Options,
  type Path,
  type State,
  type Status,
  type Timing,
  type Told,
} from "./types.js";

/** Times when nothing else is asked for, in milliseconds. */
const TIMING: Timing = {
  patience: 10_000,
  overlap: 10_000,
  late: 1000,
  head: 2000,
  recheck: 30_000,
  backoff: 500,
  backoff_max: 30_000,
};

/** How much longer than otherwise a client waits that is one too many. */
const YIELD = 10;
/** How often a token may be refused in a row. */
const REFUSALS = 2;
/** How long the realtime path must hold to count as sound again, in milliseconds. */
const SOUND_MS = 30_000;

/** What the loop attends to. */
type Thing =
  | { readonly is: "lost"; readonly link: Link; readonly loss: Loss }
  /** It is to be asked again where the client belongs. */
  | { readonly is: "look"; readonly reason: string }
  | { readonly is: "closed" };

export class Client extends Emitter<Told> {
  /** What the router knows this client by. */
  readonly clientId: string;
  readonly #options: Options;
  readonly #timing: Timing;
  readonly #router: Router;
  readonly #flow: Flow;
  readonly #inbox = new Inbox<Thing>();
  readonly #backoff: Backoff;
  /** How often the client asks, on the direct path, to get back to where it was told to be. */
  readonly #returning: Backoff;

  #state: State = "connecting";
  #reason = "new";
  #since = new Date();
  #path: Path | undefined;
  /** Where events come from. */
  #link: Link | undefined;
  /** What is being opened, to be given up. */
  #attempt = new AbortController();
  /** A move to the realtime path, while there is one. */
  #moving: MoveToRealtime | undefined;
  #agreement: Agreement | undefined;
  #recheck: number;
  #lookTimer: ReturnType<typeof setTimeout> | undefined;
  #silenceTimer: ReturnType<typeof setInterval> | undefined;
  #soundTimer: ReturnType<typeof setTimeout> | undefined;
  /** How often the realtime path has failed lately. */
  #troubles = 0;
  #refusals = 0;
  /** How long to wait before the next connection, in milliseconds. */
  #rest = 0;
  #wake: (() => void) | undefined;

  constructor(options: Options) {
    super();
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.clientId = options.clientId ?? clientId();
    this.#router = new Router(options, this.#timing.patience);
    this.#flow = new Flow(this.#router, options.filter, this.#timing.late, {
      event: (event) => this.emit("event", event),
      gap: (gap) => this.emit("gap", gap),
    });
    const { backoff, backoff_max, recheck } = this.#timing;
    this.#backoff = new Backoff(backoff, backoff_max);
    this.#returning = new Backoff(recheck, 10 * recheck);
    this.#recheck = recheck;
    this.#listen(options);
    this.#run().catch((error: unknown) => this.#stop(new ClientError("internal", String(error), true)));
  }

  get status(): Status {
    return { path: this.#path, state: this.#state, reason: this.#reason, position: this.#flow.position, since: this.#since };
  }

  /** What it has counted since it was made. */
  ledger(): ClientRecord {
    return this.#flow.recorder.record();
  }

  /** Ends it for good. */
  close(): void {
    if (this.#isOver) return;
    this.#end();
    this.#set("closed", "closed by the program");
  }

  get #isOver(): boolean {
    return this.#state === "closed" || this.#state === "stopped";
  }

  #listen({ onEvent, onGap, onStatus, onSwitch, onError }: Options): void {
    if (onEvent) this.on("event", onEvent);
    if (onGap) this.on("gap", onGap);
    if (onStatus) this.on("status", onStatus);
    if (onSwitch) this.on("switch", onSwitch);
    if (onError) this.on("error", onError);
  }

  // --- The loop ---

  async #run(): Promise<void> {
    // Whoever made the client has its listeners there before anything is told.
    await Promise.resolve();
    while (!this.#isOver) {
      try {
        await this.#begin();
        await this.#attend();
      } catch (error) {
        this.#failed(error);
      }
      if (!this.#isOver) await this.#wait(this.#rest);
    }
  }

  /** Asks where to go, and goes there. */
  async #begin(): Promise<void> {
    this.#set("connecting", this.#reason);
    const answer = await this.#router.connect(this.clientId, this.#path);
    this.#heed(answer);
    if (this.#isOver) return;
    // Who is told to come back to the direct path has a time of its own for that, so that not all come at once.
    if (this.#path === "realtime" && answer.path === "direct") await this.#wait(answer.not_before_ms);
    const isTooSoon = this.#path === "direct" && answer.path === "realtime" && answer.not_before_ms > 0;
    const isDown = answer.path === "realtime" && this.#troubles > 1;
    if (isDown && this.#path === "realtime") await this.#wait(Math.random() * 8 * this.#timing.backoff);
    // Without a place, rows do not say of which journal they are.
    const isNew = answer.realtime?.kind === "postgres_changes" && !this.#flow.position;
    if (this.#isOver) return;
    if (answer.path === "direct" || isTooSoon || isDown || isNew) {
      await this.#openDirect(answer.direct, isDown ? "the realtime path is down for this client" : answer.reason);
      if (answer.path === "realtime") this.#lookIn(isDown ? this.#returning.next(Math.random()) : answer.not_before_ms, answer.reason);
    } else {
      this.#troubles += 1;
      await openRealtime(this.#owner(), answer, this.#signal());
      this.#troubles -= 1;
    }
  }

  /** Attends to what comes up, until the connection is lost or all is over. */
  async #attend(): Promise<void> {
    while (!this.#isOver) {
      const thing = await this.#inbox.take();
      if (thing.is === "look" && this.#link) await this.#reconsider(thing.reason);
      if (thing.is === "lost" && thing.link === this.#link) return this.#lost(thing.loss);
    }
  }

  /** Asks again where the client belongs, and moves there when its time has come. */
  async #reconsider(reason: string): Promise<void> {
    const link = this.#link!;
    const { path } = link;
    let answer: Answer;
    try {
      answer = await this.#router.connect(this.clientId, path);
    } catch (error) {
      // A router that is away for a moment is no reason to leave what works.
      this.#tellError(error);
      return this.#lookIn(jittered(this.#recheck, Math.random()), "asked again");
    }
    this.#heed(answer);
    if (this.#isOver || this.#link !== link) return;
    this.#agreement ??= new Agreement(path === "direct" ? "realtime" : "direct");
    const decision = this.#agreement.answered(answer);
    if (decision.do === "wait") return this.#lookIn(decision.ms, answer.reason);
    this.#agreement = undefined;
    if (decision.do === "move") {
      await this.#move(link, answer, answer.reason || reason);
    } else if (path === "realtime") this.#lookIn(jittered(this.#recheck, Math.random()), "asked again");
  }

  #lost(loss: Loss): void {
    const was = this.#link!;
    this.#link = undefined;
    this.#quiet();
    this.#flow.recorder.lost();
    if (was.path === "realtime") this.#troubles += loss.code === "silent" ? 2 : 1;
    this.#judge(loss);
  }

  /** What a loss means for the next connection. */
  #judge({ code, reason, then, after_ms }: Loss): void {
    if (then === "authenticate") this.#refusals += 1;
    const isHopeless = then === "authenticate" && (!this.#options.getToken || this.#refusals >= REFUSALS);
    const error = new ClientError(code, reason, then === "stop" || isHopeless);
    if (error.fatal) return this.#stop(error);
    this.emit("error", error);
    this.#rest = after_ms === undefined ? this.#backoff.next(Math.random()) : jittered(after_ms, Math.random());
    if (then === "yield") this.#rest = Math.max(this.#rest, this.#timing.backoff * YIELD * (1 + Math.random()));
    this.#set("waiting", reason);
  }

  /** A connection was not to be had. */
  #failed(error: unknown): void {
    if (this.#isOver) return;
    if (error instanceof Lost) return this.#judge(error.loss);
    const after_ms = error instanceof Refused ? error.after_ms : undefined;
    const code = error instanceof Refused ? error.code : "internal";
    const then = !(error instanceof Refused) || error.passes ? "return" : error.status === 401 ? "authenticate" : "stop";
    this.#judge({ code, reason: said(error), then, after_ms });
  }

  // --- Opening and moving ---

  /** What opening and moving see of this client. */
  #owner(): Owner {
    const link = () => this.#link;
    return {
      clientId: this.clientId,
      options: this.#options,
      timing: this.#timing,
      router: this.#router,
      flow: this.#flow,
      get link() {
        return link();
      },
      live: (link, reason) => this.#live(link, reason),
      lost: (link, loss) => {
        // A move from a path that is gone makes no sense; what is next is to come back.
        if (link.path === "direct") this.#attempt.abort(loss.reason);
        this.#inbox.put({ is: "lost", link, loss });
      },
      says: (frame) => this.#says(frame),
      failed: (error) => this.#tellError(error),
    };
  }

  #openDirect(place: string, reason: string): Promise<void> {
    return openDirect(this.#owner(), place, reason, this.#signal(), () => this.#moving?.look());
  }

  #signal(): AbortSignal {
    this.#attempt = new AbortController();
    if (this.#isOver) this.#attempt.abort("closed");
    return this.#attempt.signal;
  }

  #says(frame: Frame): void {
    if (frame.type === "error") this.emit("error", new ClientError(frame.code, frame.detail));
    if (frame.type !== "switch" || frame.to !== "realtime") return;
    this.#agreement = new Agreement("realtime");
    this.#lookIn(frame.not_before_ms, frame.reason);
  }

  async #move(from: Link, answer: Answer, reason: string): Promise<void> {
    const began = Date.now();
    const { path: to } = answer;
    const done = (outcome: Move["outcome"], detail: string) => {
      const [at, position] = [new Date(), this.#flow.position];
      const took_ms = at.getTime() - began;
      const move: Move = { from: from.path, to, reason, outcome, detail, position, at, took_ms };
      this.#flow.recorder.move(move);
      this.emit("switch", move);
    };
    this.#set("moving", reason);
    try {
      if (to === "realtime") {
        this.#moving = new MoveToRealtime(this.#owner(), answer, reason);
        await this.#moving.run(this.#signal());
      } else await this.#openDirect(answer.direct, reason);
      from.close();
      done("moved", "");
    } catch (error) {
      if (this.#isOver) return;
      done("stayed", said(error));
      if (this.#link) this.#set("live", `stayed: ${said(error)}`);
      this.#lookIn(this.#returning.next(Math.random()), "another try");
    } finally {
      this.#moving = undefined;
    }
  }

  // --- What goes with it ---

  #live(link: Link, reason: string): void {
    this.#quiet();
    this.#link = link;
    this.#path = link.path;
    this.#since = new Date();
    this.#flow.recorder.connected();
    this.#backoff.reset();
    this.#refusals = 0;
    this.#set("live", reason);
    if (link.path === "direct") return;
    this.#returning.reset();
    this.#lookIn(jittered(this.#recheck, Math.random()), "asked again");
    this.#soundTimer = setTimeout(() => (this.#troubles = 0), SOUND_MS);
    if (link.kind === "broadcast") this.#watchSilence(link);
  }

  #watchSilence(link: RealtimeLink): void {
    const { head } = this.#timing;
    let asked = false;
    this.#silenceTimer = setInterval(() => {
      const quiet = link.quiet(Date.now());
      const state = silence(quiet, head, asked);
      asked = quiet >= 3 * head;
      if (state === "ask") this.#inbox.put({ is: "look", reason: "three heads are missing" });
      if (state !== "down") return;
      const reason = `nothing was heard for ${Math.round(quiet / 1000)} s`;
      clearInterval(this.#silenceTimer);
      link.close();
      this.#inbox.put({ is: "lost", link, loss: { code: "silent", reason, then: "return", after_ms: 0 } });
    }, head / 2);
  }

  /** Looks again later; a time that was set before is no more. */
  #lookIn(ms: number, reason: string): void {
    clearTimeout(this.#lookTimer);
    this.#lookTimer = setTimeout(() => this.#inbox.put({ is: "look", reason }), ms);
  }

  #quiet(): void {
    clearTimeout(this.#lookTimer);
    clearInterval(this.#silenceTimer);
    clearTimeout(this.#soundTimer);
    this.#agreement = undefined;
  }

  #heed({ recheck_ms }: Answer): void {
    if (recheck_ms !== undefined && this.#options.timing?.recheck === undefined) this.#recheck = recheck_ms;
  }

  #wait(ms: number): Promise<void> {
    if (this.#isOver || ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #set(state: State, reason: string): void {
    if (this.#isOver) return;
    if (this.#state !== state) this.#since = new Date();
    [this.#state, this.#reason] = [state, reason];
    this.emit("status", this.status);
  }

  #tellError(error: unknown): void {
    this.emit("error", new ClientError(error instanceof Refused ? error.code : "internal", said(error)));
  }

  #stop(error: ClientError): void {
    if (this.#isOver) return;
    this.#end();
    this.#set("stopped", error.message);
    this.emit("error", error);
  }

  #end(): void {
    this.#quiet();
    this.#attempt.abort("closed");
    this.#link?.close();
    this.#link = undefined;
    this.#flow.stop();
    this.#inbox.put({ is: "closed" });
    this.#wake?.();
  }
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
