// A long list of which only what is seen is there: rows of one height, put where they belong.

import { useEffect, useRef, useState } from "preact/hooks";
import type { MonitoringEvent } from "../client/types.js";
import { Foreign, Time } from "./basics.js";

/** As in page.css, in pixels. */
const ROW = 28;
/** Rows above and below what is seen. */
const MARGIN = 6;

export interface RowsProps {
  readonly length: number;
  readonly at: (place: number) => MonitoringEvent | undefined;
  readonly chosen: string | undefined;
  readonly choose: (event: MonitoringEvent | undefined) => void;
  /** Whoever looks at what is past does not want it to move. */
  readonly hold: (isHeld: boolean) => void;
  readonly isHeld: boolean;
}

export function Rows({ length, at, chosen, choose, hold, isHeld }: RowsProps) {
  const box = useRef<HTMLDivElement>(null);
  const [{ top, height }, set] = useState({ top: 0, height: 600 });
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => set({ top: element.scrollTop, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const scrolled = () => {
    const element = box.current;
    if (!element) return;
    if (element.scrollTop > 0 && !isHeld) hold(true);
    set({ top: element.scrollTop, height: element.clientHeight });
  };
  const step = (by: number) => {
    const here = chosen === undefined ? -1 : placeOf(chosen, length, at);
    const next = Math.min(Math.max(here + by, 0), length - 1);
    const event = at(next);
    if (!event) return;
    hold(true);
    choose(event);
    const element = box.current;
    if (!element) return;
    if (next * ROW < element.scrollTop) element.scrollTop = next * ROW;
    else if ((next + 2) * ROW > element.scrollTop + element.clientHeight) element.scrollTop = (next + 2) * ROW - element.clientHeight;
  };
  const key = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") step(1);
    else if (event.key === "ArrowUp") step(-1);
    else if (event.key === "Escape" && chosen !== undefined) choose(undefined);
    else return;
    event.preventDefault();
  };
  const first = Math.max(0, Math.floor(top / ROW) - MARGIN);
  const last = Math.min(length, Math.ceil((top + height) / ROW) + MARGIN);
  const shown: MonitoringEvent[] = [];
  for (let place = first; place < last; place += 1) {
    const event = at(place);
    if (event) shown.push(event);
  }
  return (
    <div class="rows-frame" role="table" aria-label="Events, the newest first" aria-rowcount={length}>
      <div class="row rows-head" role="row">
        <span role="columnheader">Time</span>
        <span role="columnheader">Category</span>
        <span role="columnheader">Type</span>
        <span role="columnheader" class="row-source">
          Source
        </span>
        <span role="columnheader" class="row-data">
          Data
        </span>
        <span role="columnheader" class="row-seq">
          Seq
        </span>
      </div>
      <div ref={box} class="rows" role="rowgroup" tabIndex={0} aria-label="Use the arrow keys to choose an event" onScroll={scrolled} onKeyDown={key}>
        <div class="rows-room" role="presentation" style={{ height: `${length * ROW}px` }}>
          {shown.map((event, place) => (
            <Row key={place} event={event} place={first + place} isChosen={event.id === chosen} choose={choose} />
          ))}
        </div>
      </div>
    </div>
  );
}

function placeOf(id: string, length: number, at: RowsProps["at"]): number {
  for (let place = 0; place < length; place += 1) if (at(place)?.id === id) return place;
  return -1;
}

function Row({ event, place, isChosen, choose }: { readonly event: MonitoringEvent; readonly place: number; readonly isChosen: boolean; readonly choose: RowsProps["choose"] }) {
  return (
    <div class="row" role="row" aria-rowindex={place + 1} data-chosen={isChosen || undefined} data-id={event.id} style={{ transform: `translateY(${place * ROW}px)` }} onClick={() => choose(event)}>
      <span role="cell">
        <Time at={event.created_at} fraction />
      </span>
      <span role="cell" class="row-category" data-category={event.category}>
        {event.category.replace("_", " ")}
      </span>
      <span role="cell">
        <button type="button" class="plain row-open" tabIndex={-1}>
          <Foreign text={event.event_type} most={60} />
        </button>
      </span>
      <span role="cell" class="row-source">
        <Foreign text={event.source} most={100} />
      </span>
      <span role="cell" class="row-data">
        <Foreign text={summary(event)} most={160} />
      </span>
      <span role="cell" class="row-seq">
        {event.seq}
      </span>
    </div>
  );
}

const summaries = new WeakMap<MonitoringEvent, string>();

/** The beginning of the data, made once. */
function summary(event: MonitoringEvent): string {
  let text = summaries.get(event);
  if (text === undefined) {
    text = Object.entries(event.data)
      .slice(0, 8)
      .map(([name, value]) => `${name.slice(0, 40)}=${brief(value)}`)
      .join("  ");
    summaries.set(event, text);
  }
  return text;
}

function brief(value: unknown): string {
  if (typeof value === "string") return value.slice(0, 80);
  if (Array.isArray(value)) return `[${value.length}]`;
  return typeof value === "object" && value !== null ? "{…}" : String(value);
}
