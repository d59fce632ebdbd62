// The tail: what is committed now, as it comes.

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, told } from "../api/http.js";
import { arrivals } from "../app/feed.js";
import { change, usePlace } from "../app/here.js";
import { CATEGORIES } from "../client/filter.js";
import type { MonitoringEvent } from "../client/types.js";
import * as format from "../model/format.js";
import { Tail } from "../model/tail.js";
import { filter, isAll, patterns, predicate, type Wanted, wanted } from "../model/wanted.js";
import { Search } from "../parts/basics.js";
import { tell } from "../parts/dialog.js";
import { Rows } from "../parts/rows.js";
import { Empty } from "../parts/teach.js";
import { curlPost } from "../parts/teaching.js";
import { EventDetail } from "./event_detail.js";

/** More often than this nobody reads, in milliseconds. */
const DRAW_EVERY = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 150;

/** How many are read back at once. */
const OLDER = 200;

export function Live() {
  const { query } = usePlace();
  const text = query.toString();
  const asked = useMemo(() => wanted(new URLSearchParams(text)), [text.replace(/(^|&)event=[^&]*/, "")]);
  const { tail, older, readOlder, isReading } = useTail(asked);
  const chosen = query.get("event") ?? undefined;
  const hold = useCallback(
    (isHeld: boolean) => {
      if (isHeld) tail.hold();
      else tail.release();
    },
    [tail],
  );
  const choose = useCallback((event: MonitoringEvent | undefined) => change({ event: event?.id }, chosen ? "replace" : "push"), [chosen]);
  const total = tail.length + older.length;
  const at = useCallback((place: number) => (place < tail.length ? tail.at(place) : older[place - tail.length]), [tail, older]);
  return (
    <div class={chosen ? "live has-detail" : "live"}>
      <section class="live-main" aria-label="Events">
        <Filters asked={asked} />
        <State tail={tail} hold={hold} />
        {total === 0 ? (
          <Nothing asked={asked} />
        ) : (
          <Rows length={total} at={at} chosen={chosen} choose={choose} hold={hold} isHeld={tail.isHeld} />
        )}
        <p class="live-foot">
          <button type="button" onClick={readOlder} disabled={isReading}>
            {isReading ? "Reading…" : "Read older ones from the journal"}
          </button>
          <span class="faint keys">
            Keys: <kbd>/</kbd> search, <kbd>p</kbd> hold, <kbd>↑</kbd> <kbd>↓</kbd> choose, <kbd>Esc</kbd> close
          </span>
        </p>
      </section>
      {chosen ? <EventDetail key={chosen} id={chosen} known={found(chosen, total, at)} /> : null}
    </div>
  );
}

function found(id: string, total: number, at: (place: number) => MonitoringEvent | undefined): MonitoringEvent | undefined {
  for (let place = 0; place < total; place += 1) {
    const event = at(place);
    if (event?.id === id) return event;
  }
  return undefined;
}

/** The tail of what is wanted, drawn at most so often; and what was read back before it. */
function useTail(asked: Wanted) {
  const [, draw] = useState(0);
  const [older, setOlder] = useState<readonly MonitoringEvent[]>([]);
  const [isReading, setReading] = useState(false);
  const tail = useMemo(() => new Tail(arrivals, predicate(asked)), []);
  useWanted(tail, asked);
  useEffect(() => setOlder([]), [asked]);
  useEffect(() => {
    let [frame, last] = [0, 0];
    const turn = (now: number) => {
      frame = requestAnimationFrame(turn);
      if (now - last < DRAW_EVERY) return;
      last = now;
      if (tail.look()) draw((turns) => turns + 1);
    };
    frame = requestAnimationFrame(turn);
    return () => cancelAnimationFrame(frame);
  }, [tail]);
  const readOlder = async () => {
    const oldest = older.at(-1) ?? tail.at(tail.length - 1);
    setReading(true);
    try {
      const query = { ...filter(asked), ...(oldest ? { before: oldest.seq } : {}), limit: OLDER };
      const page = await get<{ events: MonitoringEvent[] }>("/v1/events", query);
      const wants = predicate(asked);
      const more = page.events.filter(wants);
      if (more.length === 0) tell("info", page.events.length === 0 ? "There are no older ones." : "None of the next older ones is wanted.");
      tail.hold();
      setOlder([...older, ...more].slice(0, 5000));
    } catch (error) {
      tell("bad", told(error));
    } finally {
      setReading(false);
    }
  };
  return { tail, older, readOlder, isReading };
}

function State({ tail, hold }: { readonly tail: Tail; readonly hold: (isHeld: boolean) => void }) {
  const [, draw] = useState(0);
  const rate = useRate();
  const turn = useCallback(() => {
    hold(!tail.isHeld);
    draw((turns) => turns + 1);
  }, [tail, hold]);
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "p") turn();
      else if (event.key === "/") document.getElementById("live-search")?.focus();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, [turn]);
  const { isHeld, waiting } = tail;
  return (
    <div class="live-state">
      <button type="button" aria-pressed={isHeld} class={isHeld ? "primary" : ""} onClick={turn}>
        <svg class="icon" viewBox="0 0 10 10" aria-hidden="true">
          <path d={isHeld ? "M2 0 10 5 2 10Z" : "M1 0H4V10H1Z M6 0H9V10H6Z"} />
        </svg>
        {isHeld ? "Go on" : "Hold"}
      </button>
      <span role="status">{isHeld ? `Held still; ${format.count(waiting, "new event")} meanwhile` : `Following: ${format.rate(rate)}`}</span>
      <span class="faint">
        {format.count(tail.length, "event")} here, of the {format.number(arrivals.ring.length)} newest
      </span>
    </div>
  );
}

/** Whether a key is part of what somebody types. */
function isTyping({ target }: KeyboardEvent): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName) || target.closest("dialog") !== null);
}

/** How many events came in the last second, of all. */
function useRate(): number {
  const [rate, set] = useState(0);
  useEffect(() => {
    let before = arrivals.ring.count;
    const timer = setInterval(() => {
      set(arrivals.ring.count - before);
      before = arrivals.ring.count;
    }, 1000);
    return () => clearInterval(timer);
  }, []);
  return rate;
}

function Filters({ asked }: { readonly asked: Wanted }) {
  const toggle = (category: (typeof CATEGORIES)[number]) => {
    const is = asked.categories.includes(category);
    change({ category: is ? asked.categories.filter((it) => it !== category) : [...asked.categories, category] });
  };
  return (
    <form class="filters" role="search" aria-label="Filter events" onSubmit={(event) => event.preventDefault()}>
      <Search id="live-search" name="Search in everything" value={asked.search} typed={(q) => change({ q })} />
      <Words name="Type, as cache_*" value={asked.types} field="type" />
      <Words name="Source, as api*" value={asked.sources} field="source" />
      <div class="choice" role="group" aria-label="Categories">
        {CATEGORIES.map((it) => (
          <button key={it} type="button" class="category" data-category={it} aria-pressed={asked.categories.includes(it)} onClick={() => toggle(it)}>
            {it.replace("_", " ")}
          </button>
        ))}
      </div>
      {isAll(asked) ? null : (
        <button type="button" onClick={() => change({ q: "", type: "", source: "", category: [] })}>
          Show all
        </button>
      )}
    </form>
  );
}

/** Patterns: what is typed stays as typed while it is, and means what stands in the URL. */
function Words({ name, value, field }: { readonly name: string; readonly value: readonly string[]; readonly field: "type" | "source" }) {
  const [typed, type] = useState(value.join(" "));
  const isSame = patterns(typed).join() === value.join();
  return (
    <Search
      name={name}
      value={isSame ? typed : value.join(" ")}
      typed={(text) => {
        type(text);
        change({ [field]: patterns(text).join(",") });
      }}
    />
  );
}

function Nothing({ asked }: { readonly asked: Wanted }) {
  return isAll(asked) ? (
    <Empty title="No event has come yet." command={curlPost()}>
      Post one, and it is here as soon as it is committed:
    </Empty>
  ) : (
    <Empty title="None of the events here is wanted.">
      The newest ones are looked through; older ones can be read from the journal. A star stands for any run of characters.
    </Empty>
  );
}

/** Looks through all again when something else is wanted. */
function useWanted(tail: Tail, asked: Wanted): void {
  const before = useRef(asked);
  if (before.current === asked) return;
  before.current = asked;
  tail.want(predicate(asked));
}
