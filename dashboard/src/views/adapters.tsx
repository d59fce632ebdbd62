// The delivery paths: how they are, what they did, and what the breaker decides.

import { useMemo, useState } from "preact/hooks";
import { send } from "../api/http.js";
import { usePoll } from "../api/poll.js";
import type { AdapterRow, Breaker, DeliveryRow } from "../api/schema.js";
import { usePast } from "../app/past.js";
import { adapters, history, stats } from "../app/router_state.js";
import { columns } from "../model/columns.js";
import * as format from "../model/format.js";
import { continued } from "../model/past.js";
import { Ago, Badge, Choice, Facts, Foreign, type Level, Panel, Time } from "../parts/basics.js";
import { Chart } from "../parts/chart.js";
import { attempt, confirm } from "../parts/dialog.js";
import { Command, Failed } from "../parts/teach.js";
import { DeadLetters } from "./dead_letters.js";

export function Adapters() {
  const { value, error } = usePoll(adapters);
  if (!value) return error ? <Failed error={error} what="its delivery paths" /> : <p class="loading">Asking the router…</p>;
  const realtime = value.adapters.find(({ name }) => name === "realtime");
  return (
    <>
      <div class="cards">
        {value.adapters.map((it) => (
          <Card key={it.name} it={it} />
        ))}
      </div>
      {realtime?.delivery ? <Realtime name={realtime.name} it={realtime.delivery} /> : <Off />}
      <DeadLetters />
    </>
  );
}

function Off() {
  return (
    <Panel title="Realtime path">
      <div class="empty">
        <p class="empty-title">The realtime path is off.</p>
        <p>Events go by the direct path only. This sends them to the built-in Realtime too:</p>
        <Command text="SIGNALBOX__FLAGS__DUAL_MODE=true make run" />
      </div>
    </Panel>
  );
}

function Card({ it }: { readonly it: AdapterRow }) {
  const { name, healthy, fault, destination, counters } = it;
  return (
    <Panel title={name} class="card" id={`adapter-${name}`} actions={<Badge level={healthy ? "good" : "bad"}>{healthy ? "healthy" : "faulty"}</Badge>}>
      <p class="faint">
        <Foreign text={destination} />
      </p>
      {fault ? (
        <p class="faults">
          <Foreign text={fault} most={500} />
        </p>
      ) : null}
      <Facts
        of={[
          ["Delivered", format.number(counters.delivered)],
          ["Failed", format.number(counters.failed)],
          ["Dead letters", format.number(counters.dead)],
        ]}
      />
    </Panel>
  );
}

const BREAKERS: Readonly<Record<string, Level>> = { closed: "good", "half-open": "warn", open: "bad" };

function Realtime({ name, it }: { readonly name: string; readonly it: DeliveryRow }) {
  return (
    <>
      <BreakerPanel name={name} it={it} />
      <Panel title="Delivery">
        <Facts
          of={[
            ["Transport", it.published ? `${it.transport}, published by the commit` : it.transport],
            ["Phase", it.phase],
            ["Position", format.number(it.position.seq)],
            ["Lag", `${format.count(it.lag_events, "event")}, ${format.duration(it.lag_seconds)}`],
            ["Together", `${format.count(it.batch_events, "event")}, waits ${format.millis(it.linger_ms)}`],
            ["Waits until", it.waits_until ? <Time at={it.waits_until} /> : "not waiting"],
            ["Settled", `${format.number(it.settled.delivered)} delivered, ${format.number(it.settled.known)} known, ${format.number(it.settled.dead)} dead, ${format.number(it.settled.skipped)} skipped`],
            ["Requests take", `p50 ${format.millis(it.latency.p50_ms)}, p95 ${format.millis(it.latency.p95_ms)}, p99 ${format.millis(it.latency.p99_ms)}`],
          ]}
        />
        <Attempts of={it.attempts} />
        {it.last_failure ? (
          <p class="aside">
            Last failure <Ago at={it.last_failure.at} />: <Badge level="warn">{it.last_failure.outcome.replace("_", " ")}</Badge> <Foreign text={it.last_failure.reason} most={400} /> (events {it.last_failure.first_seq}–
            {it.last_failure.last_seq})
          </p>
        ) : null}
        <Lines />
      </Panel>
    </>
  );
}

function Attempts({ of }: { readonly of: DeliveryRow["attempts"] }) {
  const rows = Object.entries(of) as [string, number][];
  const all = rows.reduce((sum, [, count]) => sum + count, 0);
  return (
    <table class="bars">
      <caption>Requests by outcome</caption>
      <tbody>
        {rows.map(([outcome, count]) => (
          <tr key={outcome}>
            <th scope="row">{outcome.replace("_", " ")}</th>
            <td class="num">{format.number(count)}</td>
            <td class="bar">
              <meter min={0} max={Math.max(all, 1)} value={count} aria-label={`${outcome}: ${format.percent(all ? (100 * count) / all : 0)}`} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const MINUTES = 10;

function Lines() {
  const { at } = usePoll(stats);
  const now = (at?.getTime() ?? Date.now()) / 1000;
  const past = usePast(60 * MINUTES);
  const samples = continued(past.samples, history.since(now - 60 * MINUTES));
  const from = Math.max(now - 60 * MINUTES, Math.min(samples[0]?.at ?? now, now - 60));
  const sizes = useMemo(() => columns(samples, [{ series: "batch", join: "most" }, { series: "lag_events", join: "most" }], 300), [at, past]);
  const takes = useMemo(() => columns(samples, [{ series: "realtime_p50", join: "most" }, { series: "realtime_p95", join: "most" }, { series: "realtime_p99", join: "most" }], 300), [at, past]);
  return (
    <div class="charts">
      <Chart title="Batch size against queue depth" data={sizes} from={from} to={now} say={(it) => format.brief(it)} least={10} lines={[{ name: "batch", ink: "realtime" }, { name: "queue (lag)", ink: "in", dash: 1 }]} />
      <Chart title="Requests take" data={takes} from={from} to={now} say={format.millis} least={1} lines={[{ name: "p50", ink: "realtime" }, { name: "p95", ink: "realtime", dash: 1 }, { name: "p99", ink: "realtime", dash: 2 }]} />
    </div>
  );
}

function BreakerPanel({ name, it }: { readonly name: string; readonly it: DeliveryRow }) {
  const { breaker, transitions } = it;
  return (
    <Panel title="Breaker" actions={<Force name={name} it={breaker} />}>
      <Facts
        of={[
          ["State", <Badge level={BREAKERS[breaker.state] ?? "idle"}>{breaker.state}</Badge>],
          ["Since", <Time at={breaker.since} />],
          ["Until", breaker.until ? <Time at={breaker.until} /> : "–"],
          ["Decides", breaker.forced === "auto" ? "by itself" : <Badge level="warn">forced {breaker.forced}</Badge>],
          ["Cause", breaker.cause ? <Foreign text={breaker.cause} /> : "–"],
          ["Window", `${format.number(breaker.window_failures)} of ${format.count(breaker.window_attempts, "attempt")} failed, ${format.number(breaker.consecutive_failures)} in a row`],
        ]}
      />
      <Timeline now={breaker} transitions={transitions} />
    </Panel>
  );
}

const WANTED = [
  ["auto", "By itself"],
  ["open", "Force open"],
  ["closed", "Force closed"],
] as const;

function Force({ name, it }: { readonly name: string; readonly it: Breaker }) {
  const [isBusy, set] = useState(false);
  const force = async (state: (typeof WANTED)[number][0]) => {
    if (state === it.forced || isBusy) return;
    const text = {
      auto: "It decides by itself again, by what the requests come to.",
      open: "Nothing is sent to Realtime until somebody releases it. Events wait in the journal, none is lost; clients on that path fall back to the direct one.",
      closed: "Requests are sent whatever comes of them, until somebody releases it.",
    }[state];
    if ((await confirm({ title: `${state === "auto" ? "Release" : `Force ${state}`} the breaker of ${name}?`, text, action: state === "auto" ? "Release it" : `Force it ${state}`, isDangerous: state !== "auto" })) === undefined) return;
    set(true);
    await attempt(() => send("POST", `/v1/adapters/${encodeURIComponent(name)}/breaker`, { state }), state === "auto" ? "The breaker decides by itself." : `The breaker is forced ${state}.`);
    set(false);
    adapters.now();
  };
  return <Choice name="Breaker" of={WANTED} value={it.forced as (typeof WANTED)[number][0]} chosen={(state) => void force(state)} />;
}

/** How tall a state stands in the timeline: not colour alone. */
const HEIGHTS: Readonly<Record<string, number>> = { closed: 6, "half-open": 14, open: 24 };
const WIDTH = 1000;

/** The transitions as a band over the time that they took. */
function Timeline({ now, transitions }: { readonly now: Breaker; readonly transitions: readonly Breaker[] }) {
  const states = [...transitions].sort((a, b) => a.since.localeCompare(b.since));
  if (states.at(-1)?.since !== now.since) states.push(now);
  const end = Date.now();
  const first = Math.min(Date.parse(states[0]?.since ?? now.since), end - 60_000);
  const x = (at: number) => (WIDTH * (at - first)) / (end - first);
  const times = states.map(({ since }) => Date.parse(since));
  return (
    <figure class="timeline">
      <figcaption>
        From <Time at={new Date(first)} /> to now
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} 26`} preserveAspectRatio="none" role="img" aria-label={`The breaker: ${states.map(({ state }) => state).join(", then ")}`}>
        {states.map((it, place) => {
          const [from, to] = [x(Math.max(times[place] ?? first, first)), x(times[place + 1] ?? end)];
          const height = HEIGHTS[it.state] ?? 6;
          return <rect key={`${it.since}${it.state}`} x={from} y={25 - height} width={Math.max(to - from, 1.5)} height={height} data-level={BREAKERS[it.state]} />;
        })}
      </svg>
      <ol class="transitions">
        {states
          .slice(-8)
          .reverse()
          .map((it) => (
            <li key={`${it.since}${it.state}`}>
              <Time at={it.since} /> <Badge level={BREAKERS[it.state] ?? "idle"}>{it.state}</Badge> {it.cause ? <Foreign text={it.cause} /> : <span class="faint">{it.forced === "auto" ? "" : `forced ${it.forced}`}</span>}
            </li>
          ))}
      </ol>
    </figure>
  );
}
