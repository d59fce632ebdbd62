// One event: what it says, and its whole path.

import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get, ROUTER } from "../api/http.js";
import type { AttemptRow, EventTrace, OfEvent } from "../api/schema.js";
import { change } from "../app/here.js";
import type { MonitoringEvent } from "../client/types.js";
import * as curl from "../model/curl.js";
import * as format from "../model/format.js";
import { Badge, Facts, Foreign, type Level, Time } from "../parts/basics.js";
import { Json } from "../parts/json.js";
import { Copy, Failed } from "../parts/teach.js";

export function EventDetail({ id, known }: { readonly id: string; readonly known: MonitoringEvent | undefined }) {
  const [read, set] = useState<MonitoringEvent | ApiError>();
  const heading = useRef<HTMLHeadingElement>(null);
  const event = useRef(known);
  if (known) event.current = known;
  const it = event.current ?? (read instanceof ApiError ? undefined : read);
  const place = `/v1/events/${encodeURIComponent(id)}`;
  useEffect(() => {
    if (event.current) return;
    const asking = new AbortController();
    get<MonitoringEvent>(place, {}, asking.signal).then(set, (error: unknown) => asking.signal.aborted || set(error as ApiError));
    return () => asking.abort();
  }, [place]);
  // Where it covers the list, the keyboard is to be here.
  useEffect(() => {
    if (matchMedia("(max-width: 900px)").matches) heading.current?.focus();
  }, []);
  const close = () => change({ event: undefined }, "push");
  return (
    <aside class="detail" aria-labelledby="detail-title" onKeyDown={({ key }) => key === "Escape" && close()}>
      <header class="panel-head">
        <h2 id="detail-title" ref={heading} tabIndex={-1}>
          {it ? <Foreign text={it.event_type} most={60} /> : "Event"}
        </h2>
        <button type="button" onClick={close} aria-label="Close the event">
          ×
        </button>
      </header>
      {it ? <Whole event={it} place={place} /> : read instanceof ApiError ? <Failed error={read} what="this event" /> : <p class="loading">Reading it…</p>}
      <Trace place={`${place}/trace`} />
    </aside>
  );
}

function Whole({ event, place }: { readonly event: MonitoringEvent; readonly place: string }) {
  const { id, seq, epoch, source, category, timestamp, created_at, checksum, data, metadata } = event;
  return (
    <>
      <div class="buttons">
        <Copy name="Copy as curl" text={curl.post(ROUTER, event)} />
        <Copy name="Copy curl that reads it" text={curl.get(ROUTER, place)} />
        <Copy name="Copy id" text={id} />
      </div>
      <Facts
        of={[
          ["Source", <Foreign text={source} />],
          ["Category", <span data-category={category}>{category.replace("_", " ")}</span>],
          ["Happened", <Time at={timestamp} fraction />],
          ["Committed", <Time at={created_at} fraction />],
          ["Seq", format.number(seq)],
          ["Id", <code>{id}</code>],
          ["Epoch", <code>{epoch}</code>],
          ["Checksum", <code class="long">{checksum}</code>],
        ]}
      />
      <h3>Data</h3>
      <Json value={data} />
      <h3>Metadata</h3>
      <Json value={metadata} />
    </>
  );
}

/** What the journal and the paths know of it; asked again while it is on its way. */
function Trace({ place }: { readonly place: string }) {
  const [trace, set] = useState<EventTrace | ApiError>();
  useEffect(() => {
    const asking = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const ask = (turns: number) =>
      get<EventTrace>(place, {}, asking.signal).then(
        (it) => {
          set(it);
          if (turns > 0) timer = setTimeout(() => void ask(turns - 1), 2000);
        },
        (error: unknown) => asking.signal.aborted || set(error as ApiError),
      );
    void ask(5);
    return () => {
      clearTimeout(timer);
      asking.abort();
    };
  }, [place]);
  return (
    <>
      <h3>Its path</h3>
      {trace instanceof ApiError ? <Failed error={trace} what="its path" /> : trace ? <Path it={trace} /> : <p class="loading">Reading it…</p>}
    </>
  );
}

const STATES: Readonly<Record<string, Level>> = { settled: "good", waiting: "warn", delivered: "good", reached: "good", pending: "warn", transient: "warn", rejected: "bad", misconfigured: "bad", rate_limited: "warn" };

function Path({ it }: { readonly it: EventTrace }) {
  const { committed, direct, realtime, validation } = it;
  return (
    <ol class="path">
      <li>
        <strong>Committed</strong> as {format.number(committed.seq)}, <Time at={committed.created_at} fraction />
      </li>
      <li data-ink="direct">
        <strong>Direct path</strong>: {format.count(direct.matched, "session")} matched, {format.number(direct.reached)} reached, {format.number(direct.pending)} pending
        {direct.sessions.length > 0 ? (
          <ul>
            {direct.sessions.map((one) => (
              <li key={one.id}>
                <Badge level={STATES[one.state] ?? "idle"}>{one.state}</Badge> <Foreign text={one.client_id ?? one.id} most={60} /> <span class="faint">{one.protocol}</span>
              </li>
            ))}
          </ul>
        ) : null}
        {direct.omitted > 0 ? <p class="faint">and {format.number(direct.omitted)} more</p> : null}
      </li>
      <li data-ink="realtime">
        <strong>Realtime path</strong>
        {realtime ? null : ": it was not routed there, or the path is off"}
        {realtime?.cursor ? (
          <>
            : <Badge level={STATES[realtime.cursor.state] ?? "idle"}>{realtime.cursor.state}</Badge> <span class="faint">the cursor is at {format.number(realtime.cursor.through)}</span>
          </>
        ) : null}
        {realtime?.attempts ? <Attempts rows={realtime.attempts.attempts} /> : null}
        {realtime?.dead_letter ? (
          <p>
            <Badge level="bad">dead letter {realtime.dead_letter.id}</Badge> {realtime.dead_letter.status}: <Foreign text={realtime.dead_letter.reason} />
          </p>
        ) : null}
      </li>
      <li>
        <strong>Validation</strong>
        {validation ? <Verdicts it={validation} /> : ": no probe told of it"}
      </li>
    </ol>
  );
}

const VERDICTS: Readonly<Record<string, Level>> = { matched: "good", late: "warn", reordered: "warn", unscored: "idle" };

function Verdicts({ it }: { readonly it: OfEvent }) {
  return (
    <ul>
      {it.paths.map(({ path, verdict, reason, latency_ms, copies, decided_at, expected_hash, seen_hash }) => (
        <li key={path}>
          {path === "websocket" ? "direct" : path} path: <Badge level={verdict ? (VERDICTS[verdict] ?? "bad") : "idle"}>{verdict ?? "waits for its verdict"}</Badge> {reason ?? ""}{" "}
          {latency_ms === null ? "" : `seen after ${format.millis(latency_ms)}`}
          {copies !== null && copies > 1 ? `, ${copies} times` : ""}
          {decided_at ? (
            <span class="faint">
              {" "}
              decided <Time at={decided_at} />
            </span>
          ) : null}
          {seen_hash !== null && seen_hash !== expected_hash ? (
            <p>
              expected <code>{expected_hash}</code>, seen <code>{seen_hash}</code>
            </p>
          ) : null}
        </li>
      ))}
    </ul>
  );
}

function Attempts({ rows }: { readonly rows: readonly AttemptRow[] }) {
  return (
    <ul>
      {rows.map((it) => (
        <li key={it.at}>
          <Time at={it.at} fraction /> <Badge level={STATES[it.outcome] ?? "idle"}>{it.outcome.replace("_", " ")}</Badge> {format.millis(it.latency_ms)},{" "}
          {format.count(it.events, "event")} ({it.first_seq}–{it.last_seq}), breaker {it.breaker}
          {it.reason ? (
            <>
              : <Foreign text={it.reason} />
            </>
          ) : null}
        </li>
      ))}
    </ul>
  );
}
