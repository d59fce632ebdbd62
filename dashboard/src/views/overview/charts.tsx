// What was measured, over time: both paths side by side, with a mark for each change.

import { useMemo } from "preact/hooks";
import { history } from "../../app/router_state.js";
import { columns, type Wish } from "../../model/columns.js";
import * as format from "../../model/format.js";
import { continued } from "../../model/past.js";
import type { Sample } from "../../model/samples.js";
import { Chart, type ChartLine, type Mark } from "../../parts/chart.js";
import type { Remembered } from "../../app/past.js";

/** How many points a chart has room for. */
const POINTS = 300;

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

export function Charts({ past, seconds, now }: { readonly past: Remembered; readonly seconds: number; readonly now: number }) {
  const samples = continued(past.samples, history.since(now - seconds));
  const marks = useMemo(() => past.changes.map(({ at, label }) => ({ at: at.getTime() / 1000, label })), [past]);
  const first = samples[0]?.at ?? now;
  return (
    <div class="charts">
      {CHARTS.map((it) => (
        <Over key={it.title} it={it} samples={samples} from={Math.max(now - seconds, Math.min(first, now - 60))} to={now} marks={marks} />
      ))}
    </div>
  );
}

function Over({ it, samples, from, to, marks }: { readonly it: Drawn; readonly samples: readonly Sample[]; readonly from: number; readonly to: number; readonly marks: readonly Mark[] }) {
  const { lines } = it;
  const data = useMemo(() => columns(samples, lines, POINTS), [samples, lines]);
  return <Chart {...it} data={data} from={from} to={to} marks={marks} />;
}
