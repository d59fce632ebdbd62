// What probes saw on each path, compared with what was committed.

import type { CaseBody, MatchRow, PathBody, Validation } from "../../api/schema.js";
import { usePoll } from "../../api/poll.js";
import { change, usePlace } from "../../app/here.js";
import { validation } from "../../app/router_state.js";
import { CATEGORIES } from "../../client/filter.js";
import * as format from "../../model/format.js";
import { Ago, Badge, Choice, Foreign, type Level, Panel, Time } from "../../parts/basics.js";
import { type Column, Table } from "../../parts/table.js";
import { Command, Failed } from "../../parts/teach.js";
import { Marking, Planted } from "./rehearsal.js";

const WINDOWS = [
  ["1m", "1 min"],
  ["5m", "5 min"],
  ["1h", "1 h"],
] as const;

/** Below this the seed's target is missed. */
const TARGET = 99.9;

export function Matching() {
  const { value: it, error } = usePoll(validation);
  const window = WINDOWS.find(([name]) => name === usePlace().query.get("window"))?.[0] ?? "5m";
  if (!it) {
    return <Panel title="Match rate">{error ? <Failed error={error} what="how its paths compare" /> : <p class="loading">Asking the router…</p>}</Panel>;
  }
  return (
    <Panel title="Match rate" actions={
        <>
          <Planted it={it.rehearsal} />
          <Choice name="Window" of={WINDOWS} value={window} chosen={(name) => change({ window: name === "5m" ? "" : name })} />
        </>
      }
    >
      <Marking it={it.rehearsal} />
      {it.active ? null : (
        <div class="empty">
          <p class="empty-title">Nothing is compared.</p>
          <p>Events are compared while validation is on and events go to a Realtime. This turns both paths on:</p>
          <Command text="SIGNALBOX__FLAGS__DUAL_MODE=true make run" />
        </div>
      )}
      <Alerts it={it} />
      <div class="cards">
        {it.paths.map((path) => (
          <OnPath key={path.path} it={path} row={path.windows[window].all} />
        ))}
      </div>
      <h3>By category</h3>
      <ByCategory it={it} window={window} />
      <h3>Worst cases</h3>
      {it.worst.length === 0 ? <p class="aside">None: every event that was scored matched.</p> : <Table caption="Worst cases" columns={CASES} rows={it.worst.slice(0, 50)} id={({ path, id }) => path + id} />}
      {it.not_kept > 0 ? <p class="aside">{format.count(it.not_kept, "verdict")} could not be kept in storage.</p> : null}
    </Panel>
  );
}

function Alerts({ it }: { readonly it: Validation }) {
  if (it.alerts.length === 0) return null;
  return (
    <div class="faults" role="alert">
      <ul>
        {it.alerts.map((one) => (
        <li key={one.path + one.category}>
          {format.percent(one.mismatch_percent)} of {one.category.replace("_", " ")} events do not match on the {named(one.path)} path: {format.number(one.faults)} of {format.number(one.scored)}; an alert from{" "}
          {format.percent(one.limit_percent)} on.
        </li>
      ))}
      </ul>
    </div>
  );
}

function named(path: string): string {
  return path === "websocket" ? "direct" : path;
}

function level(rate: number | null): Level {
  return rate === null ? "idle" : rate >= TARGET ? "good" : "bad";
}

const VERDICTS = ["matched", "late", "reordered", "duplicate", "missing", "differs", "unscored"] as const;

function OnPath({ it, row }: { readonly it: PathBody; readonly row: MatchRow }) {
  const { probe, waiting, latency, path } = it;
  const reasons = Object.entries(it.unscored).filter(([, count]) => count > 0);
  return (
    <section class="match" data-ink={path === "realtime" ? "realtime" : "direct"} aria-label={`${named(path)} path`}>
      <div class="match-head">
        <span class="match-rate">{format.percent(row.match_rate)}</span>
        <span>
          <strong class="ink" data-ink={path === "realtime" ? "realtime" : "direct"}>
            {named(path)} path
          </strong>
          <span class="sub">
            {format.number(row.matched)} of {format.number(row.scored)} scored; {format.number(row.due)} were due
          </span>
        </span>
        <Badge level={level(row.match_rate)}>{row.match_rate === null ? "nothing scored" : row.match_rate >= TARGET ? "on target" : `under ${TARGET} %`}</Badge>
      </div>
      <table class="bars">
        <caption class="unseen">Verdicts on the {named(path)} path</caption>
        <tbody>
          {VERDICTS.map((verdict) => (
            <tr key={verdict} data-none={row[verdict] === 0 || undefined}>
              <th scope="row">{verdict}</th>
              <td class="num">{format.number(row[verdict])}</td>
              <td class="bar">
                <meter min={0} max={Math.max(row.due, 1)} value={row[verdict]} aria-label={`${verdict}: ${format.percent(row.due ? (100 * row[verdict]) / row.due : 0)}`} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="faint">
        Commit to probe: p50 {format.millis(latency.p50_ms)}, p95 {format.millis(latency.p95_ms)}, p99 {format.millis(latency.p99_ms)}. {format.count(waiting, "event waits", "events wait")} for a verdict.
      </p>
      <p>
        <Badge level={probe.up ? "good" : "warn"}>{probe.up ? "probe listens" : "no probe"}</Badge>{" "}
        {probe.since ? (
          <span class="faint">
            since <Time at={probe.since} />
          </span>
        ) : null}
        {probe.last_down ? (
          <span class="faint">
            {" "}
            last down <Ago at={probe.last_down.at} />: <Foreign text={probe.last_down.reason} />
          </span>
        ) : null}
      </p>
      {reasons.length > 0 ? <p class="faint">Unscored since the start: {reasons.map(([reason, count]) => `${format.number(count)} ${reason}`).join(", ")}.</p> : null}
    </section>
  );
}

function ByCategory({ it, window }: { readonly it: Validation; readonly window: (typeof WINDOWS)[number][0] }) {
  const cells = it.paths.flatMap(({ path, windows }): Column<(typeof CATEGORIES)[number]>[] => {
    const row = (category: string) => windows[window].categories[category];
    return [
      {
        name: `${named(path)}: match rate`,
        cell: (category) => <Badge level={level(row(category)?.match_rate ?? null)}>{format.percent(row(category)?.match_rate)}</Badge>,
      },
      { name: "Scored", cell: (category) => format.number(row(category)?.scored), isNumber: true },
      { name: "Missing", cell: (category) => format.number(row(category)?.missing), isNumber: true },
      { name: "Differ", cell: (category) => format.number(row(category)?.differs), isNumber: true, isMinor: true },
    ];
  });
  return <Table caption="Match rate by category" columns={[{ name: "Category", cell: (it) => it.replace("_", " ") }, ...cells]} rows={CATEGORIES} id={(it) => it} />;
}

const CASES: readonly Column<CaseBody>[] = [
  { name: "Verdict", cell: ({ verdict }) => <Badge level={verdict === "late" || verdict === "reordered" ? "warn" : "bad"}>{verdict}</Badge> },
  { name: "Path", cell: ({ path }) => named(path) },
  { name: "Event", cell: ({ id, seq }) => <a href={`#/live?event=${encodeURIComponent(id)}`}>{format.number(seq)}</a> },
  { name: "Category", cell: ({ category }) => category.replace("_", " ") },
  { name: "Copies", cell: ({ copies }) => copies, isNumber: true, isMinor: true },
  { name: "Took", cell: ({ latency_ms }) => format.millis(latency_ms), isNumber: true },
  { name: "Decided", cell: ({ decided_at }) => <Time at={decided_at} /> },
  { name: "Expected, seen", cell: ({ expected_hash, seen_hash }) => <code>{`${expected_hash.slice(0, 8)} ${seen_hash?.slice(0, 8) ?? "–"}`}</code>, isMinor: true },
];
