// Both paths at a glance, and what has changed.

import { useEffect, useMemo, useState } from "preact/hooks";
import { get } from "../api/http.js";
import { usePoll } from "../api/poll.js";
import type { StatsSnapshot } from "../api/schema.js";
import { change, usePlace } from "../app/here.js";
import { adapters, audit, history, settings, stats, validation } from "../app/router_state.js";
import { changes, type Change } from "../model/changes.js";
import { columns, type Wish } from "../model/columns.js";
import * as format from "../model/format.js";
import { type Health, health } from "../model/health.js";
import { continued, type Past, points } from "../model/past.js";
import { mean, type Sample } from "../model/samples.js";
import { services } from "../model/services.js";
import { Badge, Choice, Foreign, type Level, Panel, Tile, Time } from "../parts/basics.js";
import { Chart, type ChartLine, type Mark } from "../parts/chart.js";
import { Empty, Failed } from "../parts/teach.js";
import { curlPost } from "../parts/teaching.js";

const RANGES = [
  ["60", "1 min"],
  ["300", "5 min"],
  ["900", "15 min"],
  ["3600", "1 h"],
  ["21600", "6 h"],
  ["86400", "24 h"],
] as const;

type Range = (typeof RANGES)[number][0];

/** How many points a chart has room for. */
const POINTS = 300;

const LEVELS: Readonly<Record<Health["level"], Level>> = { healthy: "good", degraded: "warn", critical: "bad" };

export function Overview() {
  const { query } = usePlace();
  const { value, at, error } = usePoll(stats);
  usePoll(validation);
  const range = RANGES.find(([it]) => it === query.get("range"))?.[0] ?? "300";
  if (!value || !at) return error ? <Failed error={error} what="the overview" /> : <p class="loading">Asking the router…</p>;
  const now = at.getTime() / 1000;
  const lately = history.since(now - 60);
  return (
    <>
      <HealthBar stats={value} lately={lately} />
      <Numbers stats={value} lately={lately} />
      <Charts range={range} now={now} />
      <Changes />
    </>
  );
}

function HealthBar({ stats: it, lately }: { readonly stats: StatsSnapshot; readonly lately: readonly Sample[] }) {
  const { score, level, services: scores } = health(services(it, lately));
  return (
    <section class="health" aria-label="Health" data-level={LEVELS[level]}>
      <div class="health-all">
        <span class="health-score">{score} %</span>
        <Badge level={LEVELS[level]}>{level}</Badge>
      </div>
      <ul class="health-services">
        {scores.map(({ name, says, score: points, level: is, why }) => (
          <li key={name} title={`${name}: ${says}`}>
            <span class="health-name">{name}</span>
            <Badge level={LEVELS[is]}>{points}</Badge>
            {why.length > 0 ? <span class="health-why">{why.join(", ")}</span> : null}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Numbers({ stats: it, lately }: { readonly stats: StatsSnapshot; readonly lately: readonly Sample[] }) {
  const { ingest, delivery, sessions, journal, http, adapters: paths } = it;
  const realtime = paths.find(({ name }) => name === "realtime")?.delivery;
  const errors = ingest.error_rate;
  const sent = mean(lately, "sent");
  const queued = journal.queue_age_ms;
  return (
    <dl class="tiles">
      <Tile name="Throughput in" value={format.rate(ingest.accepted_per_second["60s"])} note={`${format.rate(ingest.accepted_per_second["1s"])} just now`} title="Events committed, the mean of 60 seconds" />
      <Tile name="Throughput out" value={format.rate(delivery.events_per_second["60s"])} note={realtime ? `${format.rate(sent)} to Realtime` : "to sessions"} title="Events delivered to sessions, the mean of 60 seconds" />
      <Tile name="Connections" value={format.number(sessions.connected)} note={sessions.blocked > 0 ? `${format.number(sessions.blocked)} take no bytes now` : sessions.connected > 0 ? "this page is one" : "nobody"} level={sessions.blocked > 0 ? "warn" : undefined} />
      <Tile name="Error rate" value={format.percent(errors)} note={`${format.number(ingest.failed + ingest.invalid)} since the start`} level={(errors ?? 0) > 5 ? "bad" : (errors ?? 0) > 1 ? "warn" : undefined} title="Events that were invalid or could not be committed, of the last minute's" />
      <Tile name="Response time" value={format.millis(http.answer.p95_ms)} note={`p95 of ${format.count(http.answer.count, "answer")}`} title="HTTP answers of the last minute" />
      <MatchTile lately={lately} />
      <Tile name="Breaker" value={realtime ? realtime.breaker.replace("_", "-") : "–"} note={realtime ? `delivery: ${realtime.phase}` : "the realtime path is off"} level={realtime?.breaker === "open" ? "bad" : realtime?.breaker === "half_open" ? "warn" : undefined} />
      <Tile name="Realtime lag" value={realtime ? format.brief(realtime.lag_events) : "–"} note={realtime ? `events, ${format.duration(realtime.lag_seconds)} behind` : "the realtime path is off"} level={(realtime?.lag_seconds ?? 0) > 30 ? "bad" : (realtime?.lag_seconds ?? 0) > 5 ? "warn" : undefined} />
      <Tile name="Backlog age" value={format.millis(queued)} note={`${format.count(journal.queue_events, "event")} waiting`} level={queued > 5000 ? "bad" : queued > 1000 ? "warn" : undefined} />
    </dl>
  );
}

function MatchTile({ lately }: { readonly lately: readonly Sample[] }) {
  const rate = lately.at(-1)?.match_rate ?? null;
  return <Tile name="Match rate" value={format.percent(rate)} note={rate === null ? "no verdicts yet" : "in 5 min, target 99.9 %"} level={rate !== null && rate < 99.9 ? "bad" : undefined} />;
}

interface Drawn {
  readonly title: string;
  readonly lines: readonly (ChartLine & Wish)[];
  readonly say: (value: number | null) => string;
  readonly least: number;
  readonly most?: number;
  readonly begin?: number;
  readonly isBinary?: boolean;
}

const CHARTS: readonly Drawn[] = [
  {
    title: "Throughput, events a second",
    say: (it) => format.brief(it),
    least: 5,
    lines: [
      { name: "in", series: "taken", join: "mean", ink: "in", isFilled: true },
      { name: "to sessions", series: "shown", join: "mean", ink: "direct", dash: 1 },
      { name: "to Realtime", series: "sent", join: "mean", ink: "realtime", dash: 2 },
    ],
  },
  {
    title: "Errors, percent",
    say: format.percent,
    least: 1,
    most: 100,
    lines: [
      { name: "ingest", series: "ingest_errors", join: "most", ink: "in" },
      { name: "Realtime", series: "realtime_errors", join: "most", ink: "realtime", dash: 1 },
      { name: "HTTP", series: "http_errors", join: "most", ink: "other", dash: 2 },
    ],
  },
  {
    title: "Direct path: from commit to socket",
    say: format.millis,
    least: 1,
    lines: [
      { name: "p50", series: "direct_p50", join: "most", ink: "direct" },
      { name: "p95", series: "direct_p95", join: "most", ink: "direct", dash: 1 },
      { name: "p99", series: "direct_p99", join: "most", ink: "direct", dash: 2 },
    ],
  },
  {
    title: "Realtime path: requests to the destination",
    say: format.millis,
    least: 1,
    lines: [
      { name: "p50", series: "realtime_p50", join: "most", ink: "realtime" },
      { name: "p95", series: "realtime_p95", join: "most", ink: "realtime", dash: 1 },
      { name: "p99", series: "realtime_p99", join: "most", ink: "realtime", dash: 2 },
    ],
  },
  {
    title: "Waiting, events and milliseconds",
    say: (it) => format.brief(it),
    least: 10,
    lines: [
      { name: "Realtime lag, events", series: "lag_events", join: "most", ink: "realtime" },
      { name: "backlog age, ms", series: "queue_age", join: "most", ink: "in", dash: 1 },
    ],
  },
  {
    title: "Match rate of the realtime path, percent",
    say: format.percent,
    least: 100,
    most: 100,
    begin: 99.5,
    lines: [{ name: "5 minutes", series: "match_rate", join: "mean", ink: "realtime" }],
  },
  {
    title: "Answers and commits, p95",
    say: format.millis,
    least: 1,
    lines: [
      { name: "HTTP answers", series: "http_p95", join: "most", ink: "other" },
      { name: "commits", series: "commit_p95", join: "most", ink: "in", dash: 1 },
    ],
  },
  {
    title: "Memory of the router",
    say: format.bytes,
    least: 1024,
    isBinary: true,
    lines: [{ name: "held", series: "memory", join: "most", ink: "other", isFilled: true }],
  },
  {
    title: "Sessions",
    say: (it) => format.brief(it),
    least: 5,
    lines: [{ name: "connected", series: "sessions", join: "most", ink: "direct", isFilled: true }],
  },
];

function Charts({ range, now }: { readonly range: Range; readonly now: number }) {
  const seconds = Number(range);
  const past = usePast(seconds);
  const samples = continued(past, history.since(now - seconds));
  const [marks] = useMarks();
  const first = samples[0]?.at ?? now;
  return (
    <Panel
      title="Over time"
      id="charts"
      actions={<Choice name="Range" of={RANGES} value={range} chosen={(it) => change({ range: it === "300" ? "" : it })} />}
    >
      <div class="charts">
        {CHARTS.map((it) => (
          <Over key={it.title} it={it} samples={samples} from={Math.max(now - seconds, Math.min(first, now - 60))} to={now} marks={marks} />
        ))}
      </div>
    </Panel>
  );
}

/** What the router remembers of so many seconds: asked again as often as it has something new to tell. */
function usePast(seconds: number): readonly Sample[] {
  const [past, set] = useState<readonly Sample[]>([]);
  useEffect(() => {
    const asking = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      let every = 10_000;
      try {
        const since = new Date(Date.now() - 1000 * seconds).toISOString();
        const found = await get<Past>("/v1/history", { since, points: POINTS }, asking.signal);
        set(points(found));
        every = Math.max(every, found.step_ms);
      } catch {
        // What the page has seen itself is shown, and the banner says when the router is away.
      }
      if (!asking.signal.aborted) timer = setTimeout(() => void ask(), document.hidden ? 10 * every : every);
    };
    set([]);
    void ask();
    return () => {
      asking.abort();
      clearTimeout(timer);
    };
  }, [seconds]);
  return past;
}

function Over({ it, samples, from, to, marks }: { readonly it: Drawn; readonly samples: readonly Sample[]; readonly from: number; readonly to: number; readonly marks: readonly Mark[] }) {
  const { lines } = it;
  const data = useMemo(() => columns(samples, lines, POINTS), [samples, lines]);
  return <Chart {...it} data={data} from={from} to={to} marks={marks} />;
}

/** The newest changes, numbered from the oldest of them: the same numbers stand in the charts. */
function useMarks(): [readonly Mark[], readonly (Change & { readonly label: string })[]] {
  const log = usePoll(audit).value;
  const paths = usePoll(adapters).value;
  const snapshot = usePoll(settings).value;
  return useMemo(() => {
    const found = changes(log, paths, snapshot).slice(0, 30);
    const named = found.map((it, place) => ({ ...it, label: String(found.length - place) }));
    return [named.map(({ at, label }) => ({ at: at.getTime() / 1000, label })), named];
  }, [log, paths, snapshot]);
}

function Changes() {
  const [, named] = useMarks();
  const { error } = usePoll(audit);
  return (
    <Panel title="What changed" class="wide">
      {error?.status === 403 ? <p class="aside">The audit log is for tokens with the scope admin.</p> : null}
      {named.length === 0 ? (
        <Empty title="Nothing has changed yet." command={curlPost()}>
          Flags, rollout steps, reloads and breakers leave a mark here and in the charts. Until then, some events to look at:
        </Empty>
      ) : (
        <ol class="changes">
          {named.map((it) => (
            <li key={`${it.at.getTime()}${it.kind}${it.what}`}>
              <span class="change-label">{it.label}</span>
              <Time at={it.at} />
              <span class="change-kind">{it.kind.replaceAll("_", " ")}</span>
              <Foreign text={it.what} />
              <span class="faint">
                by <Foreign text={it.who} />
                {it.why ? (
                  <>
                    : <Foreign text={it.why} />
                  </>
                ) : null}
              </span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}
