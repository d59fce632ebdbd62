// Opening either path. Whoever is heard from then on is decided in the turn in which the other side says so: not an event
// may come between.

import { DirectLink, type Loss } from "./direct.js";
import { isEverything } from "./filter.js";
import type { Answer, Frame } from "./frames.js";
import type { Message } from "./merge.js";
import { abandoned, Lost, type Owner } from "./owner.js";
import { RealtimeLink } from "./realtime.js";
import type { Position, WebSocketConstructor } from "./types.js";

/** Opens the direct path after the position; it is the one that is heard from `subscribed` on. */
export async function openDirect(owner: Owner, place: string, reason: string, signal: AbortSignal, onEvent: () => void): Promise<void> {
  const { flow, router, timing, options } = owner;
  const ticket = await router.ticket();
  const url = router.url(place, "ws");
  url.searchParams.set("client_id", owner.clientId);
  url.searchParams.set("switch", "1");
  if (ticket !== undefined) url.searchParams.set("ticket", ticket);
  const { filter, from = "now" } = options;
  const subscribe = { ...(isEverything(filter) ? {} : { filter }), from: flow.position ?? from };
  const make = sockets(owner);
  signal.throwIfAborted();

  let link: DirectLink | undefined;
  const subscribed = new Promise<void>((resolve, reject) => {
    let seen: Position | undefined;
    const lost = (loss: Loss) => (owner.link === link ? owner.lost(link!, loss) : reject(new Lost(loss)));
    const frame = (frame: Frame) => {
      if (frame.type === "subscribed") {
        seen = flow.position;
        owner.live(link!, reason);
        flow.direct(frame.place, frame.recovered);
        resolve();
      } else if (owner.link !== link) {
        // Refused before it has begun.
        if (frame.type === "error") lost({ code: frame.code, reason: frame.detail, then: frame.code === "bad_filter" ? "stop" : "yield", after_ms: undefined });
      } else if (frame.type === "event") {
        flow.directEvent(frame.event);
        onEvent();
      } else if (frame.type === "gap") flow.directGap(frame, seen);
      else owner.says(frame);
    };
    link = new DirectLink(make, url, subscribe, timing.patience, { frame, lost });
  });
  try {
    await Promise.race([subscribed, abandoned(signal)]);
  } catch (error) {
    if (owner.link !== link) link?.close();
    throw error;
  }
}

/** Opens the realtime path where no other is: what came since the position is a hole like any other. */
export async function openRealtime(owner: Owner, answer: Answer, signal: AbortSignal): Promise<void> {
  await beginBefore(owner);
  signal.throwIfAborted();
  const early: (() => void)[] = [];
  const { flow } = owner;
  const { link, joined } = await join(owner, answer, {
    message: (message) => early.push(() => flow.realtimeEvent(message)),
    head: (head) => early.push(() => flow.realtimeHead(head)),
  });
  try {
    await Promise.race([joined, abandoned(signal)]);
  } catch (error) {
    link.close();
    throw error;
  }
  owner.live(link, answer.reason);
  for (const take of early) take();
  await headOfRows(owner, link, (head) => flow.realtimeHead(head));
}

/** Where a new client begins on the realtime path, which itself tells of nothing old. */
async function beginBefore({ flow, router, options }: Owner): Promise<void> {
  const { from = "now", filter } = options;
  if (flow.position) return;
  if (from !== "now" && "epoch" in from) return flow.before([], from);
  const newest = await router.newest();
  if (!newest) return;
  const { epoch, seq } = newest;
  let events = from !== "now" && "last" in from ? await router.last(from.last, filter) : [];
  if (from !== "now" && "time" in from) events = await router.since(from.time, seq, filter);
  flow.before(
    events.filter((event) => event.epoch === epoch && event.seq <= seq),
    { epoch, seq },
  );
}

/** Who hears a channel while it is not the one that events come from. */
export interface Meanwhile {
  message(message: Message): void;
  head(head: Position): void;
  /** It is lost, after it was joined. */
  lost?(reason: string): void;
}

/** Joins the channel. Once it is the one that events come from, they go on their way. */
export async function join(owner: Owner, answer: Answer, meanwhile: Meanwhile): Promise<{ link: RealtimeLink; joined: Promise<void> }> {
  const { flow, router, timing, options } = owner;
  const channel = answer.realtime!;
  const key = channel.key ?? (await router.ticket()) ?? "anonymous";
  const joining = {
    url: router.url(channel.url, "ws"),
    channel,
    key,
    WebSocket: options.WebSocket,
    patience: timing.patience,
    epoch: () => flow.position?.epoch,
  };
  let link: RealtimeLink | undefined;
  const joined = new Promise<void>((resolve, reject) => {
    const isHeard = () => owner.link === link;
    link = new RealtimeLink(joining, {
      joined: resolve,
      message: (message) => (isHeard() ? flow.realtimeEvent(message) : meanwhile.message(message)),
      head: (head) => (isHeard() ? flow.realtimeHead(head) : meanwhile.head(head)),
      lost: (reason) => {
        const loss: Loss = { code: "realtime_lost", reason, then: "return", after_ms: undefined };
        if (isHeard()) return owner.lost(link!, loss);
        reject(new Lost(loss));
        meanwhile.lost?.(reason);
      },
    });
  });
  // Whoever has given it up does not wait for it any more.
  joined.catch(() => undefined);
  return { link: link!, joined };
}

/** Rows come without heads: how far the table is now is asked once, after joining. */
export async function headOfRows(owner: Owner, link: RealtimeLink, tell: (head: Position) => void): Promise<void> {
  if (link.kind !== "postgres_changes") return;
  try {
    const newest = await owner.router.newest();
    if (newest) tell({ epoch: newest.epoch, seq: newest.seq });
  } catch (error) {
    // The next row says it too.
    owner.failed(error);
  }
}

function sockets({ options }: Owner): WebSocketConstructor {
  const found = options.WebSocket ?? globalThis.WebSocket;
  if (found) return found;
  throw new Lost({ code: "no_websocket", reason: "there is no WebSocket here: give one as an option", then: "stop", after_ms: undefined });
}
