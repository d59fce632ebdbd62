// Both paths at a glance, and what has changed.

import { usePoll } from "../../api/poll.js";
import type { StatsSnapshot } from "../../api/schema.js";
import { change, usePlace } from "../../app/here.js";
import { history, stats, validation } from "../../app/router_state.js";
import * as format from "../../model/format.js";
import { type Health, health } from "../../model/health.js";
import { mean, type Sample } from "../../model/samples.js";
import { services } from "../../model/services.js";
import { Badge, Choice, type Level, Panel, Tile } from "../../parts/basics.js";
import { Failed } from "../../parts/teach.js";
import { Changes } from "./changes.js";
import { Charts } from "./charts.js";
import { usePast } from "../../app/past.js";

const RANGES = [
  ["60", "1 min"],
  ["300", "5 min"],
  ["900", "15 min"],
  ["3600", "1 h"],
  ["21600", "6 h"],
  ["86400", "24 h"],
] as const;

const LEVELS: Readonly<Record<Health["level"], Level>> = { healthy: "good", degraded: "warn", critical: "bad" };

export function Overview() {
  const { query } = usePlace();
  const { value, at, error } = usePoll(stats);
  usePoll(validation);
  const range = RANGES.find(([it]) => it === query.get("range"))?.[0] ?? "300";
  const past = usePast(Number(range));
  if (!value || !at) return error ? <Failed error={error} what="the overview" /> : <p class="loading">Asking the router…</p>;
  const now = at.getTime() / 1000;
  const lately = history.since(now - 60);
  return (
    <>
      <HealthBar stats={value} lately={lately} />
      <Numbers stats={value} lately={lately} />
      <Panel
        title="Over time"
        id="charts"
        actions={<Choice name="Range" of={RANGES} value={range} chosen={(it) => change({ range: it === "300" ? "" : it })} />}
      >
        <Charts past={past} seconds={Number(range)} now={now} />
      </Panel>
      <Changes past={past} />
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
      <Tile name="Breaker" value={realtime ? realtime.breaker : "–"} note={realtime ? `delivery: ${realtime.phase}` : "the realtime path is off"} level={realtime?.breaker === "open" ? "bad" : realtime?.breaker === "half-open" ? "warn" : undefined} />
      <Tile name="Realtime lag" value={realtime ? format.brief(realtime.lag_events) : "–"} note={realtime ? `events, ${format.duration(realtime.lag_seconds)} behind` : "the realtime path is off"} level={(realtime?.lag_seconds ?? 0) > 30 ? "bad" : (realtime?.lag_seconds ?? 0) > 5 ? "warn" : undefined} />
      <Tile name="Backlog age" value={format.millis(queued)} note={`${format.count(journal.queue_events, "event")} waiting`} level={queued > 5000 ? "bad" : queued > 1000 ? "warn" : undefined} />
    </dl>
  );
}

function MatchTile({ lately }: { readonly lately: readonly Sample[] }) {
  const rate = lately.at(-1)?.match_rate ?? null;
  return <Tile name="Match rate" value={format.percent(rate)} note={rate === null ? "no verdicts yet" : "in 5 min, target 99.9 %"} level={rate !== null && rate < 99.9 ? "bad" : undefined} />;
}
