// The rollout: its steps, its gates with what they measure now, and its levers.

import { getText, send, told } from "../../api/http.js";
import type { Rollout, RolloutGate } from "../../api/schema.js";
import { usePoll } from "../../api/poll.js";
import { audit, rollout } from "../../app/router_state.js";
import * as format from "../../model/format.js";
import { Badge, Facts, Foreign, Panel, Time } from "../../parts/basics.js";
import { attempt, confirm, type Question, tell } from "../../parts/dialog.js";
import { type Column, Table } from "../../parts/table.js";
import { Failed } from "../../parts/teach.js";
import { PreviewPanel } from "./preview.js";

export function RolloutPanel() {
  const { value: it, error } = usePoll(rollout);
  if (!it) {
    return <Panel title="Rollout">{error ? <Failed error={error} what="its rollout" /> : <p class="loading">Asking the router…</p>}</Panel>;
  }
  return (
    <Panel title="Rollout" actions={<Levers it={it} />}>
      <Steps it={it} />
      <p class="rollout-says">
        <Badge level={WAITS[it.waits] ?? "idle"}>{it.waits.replaceAll("_", " ")}</Badge> <Foreign text={it.detail} most={400} />
        {it.until ? (
          <span class="faint">
            {" "}
            until <Time at={it.until} />
          </span>
        ) : null}
      </p>
      {it.suspicions.length > 0 ? (
        <div class="faults" role="alert">
          It comes back if this lasts: {it.suspicions.map(({ detail }) => detail).join("; ")}.
        </div>
      ) : null}
      <h3>Gates: all must hold before the next step</h3>
      <Table caption="Gates" columns={GATES} rows={it.gates} id={({ gate }) => gate} />
      <Facts
        of={[
          ["By itself", it.auto ? "it goes on, and comes back" : "it waits for somebody (rollout.auto is off)"],
          ["Latency before anybody moved", format.millis(it.baseline_ms)],
          ["Comes back above", format.millis(it.slow_ms)],
          ["Came back in a row", format.number(it.fallen)],
          ["Told to move in this step", `${format.count(it.moves.told, "session")}; asked: ${format.number(it.moves.to_realtime)} there, ${format.number(it.moves.to_direct)} back`],
          ["Whose turn is yet to come", format.number(it.waiting)],
        ]}
      />
      <PreviewPanel steps={it.steps} percent={it.percent} />
      <History it={it} />
    </Panel>
  );
}

const WAITS = { done: "good", hold: "info", manual: "idle", paused: "warn", frozen: "bad", cool_down: "warn", gates: "warn" } as const as Readonly<Record<string, "good" | "info" | "idle" | "warn" | "bad">>;

function Steps({ it }: { readonly it: Rollout }) {
  return (
    <ol class="steps" aria-label={`${it.percent} % of the clients belong on the realtime path`}>
      {it.steps.map((step) => (
        <li key={step} data-is={step === it.percent ? "now" : step < it.percent ? "past" : step > it.maximum ? "beyond" : "ahead"} aria-current={step === it.percent ? "step" : undefined}>
          <span class="step-mark" aria-hidden="true" />
          {step} %
          {step === it.percent ? (
            <span class="sub">
              since <Time at={it.began} />
            </span>
          ) : null}
          {step > it.maximum ? <span class="sub">beyond the maximum</span> : null}
        </li>
      ))}
    </ol>
  );
}

const NAMES: Readonly<Record<string, string>> = { match_rate: "match rate", error_rate: "error rate", latency: "latency (p95)", samples: "scored events", scored: "share that is scored" };

const GATES: readonly Column<RolloutGate>[] = [
  { name: "Gate", cell: ({ gate }) => NAMES[gate] ?? gate },
  { name: "Holds", cell: ({ holds }) => <Badge level={holds ? "good" : "bad"}>{holds ? "yes" : "no"}</Badge> },
  { name: "Now", cell: ({ gate, value }) => measured(gate, value), isNumber: true },
  { name: "Needed", cell: ({ gate, limit }) => measured(gate, limit), isNumber: true },
  { name: "In words", cell: ({ detail }) => <Foreign text={detail} />, isMinor: true },
];

function measured(gate: string, value: number | null): string {
  if (value === null) return "";
  return gate === "samples" ? format.number(value) : gate === "latency" ? format.millis(value) : format.percent(value);
}

function Levers({ it }: { readonly it: Rollout }) {
  const isPaused = it.waits === "paused" || it.waits === "frozen";
  const closed = it.gates.filter(({ holds }) => !holds).map(({ gate }) => NAMES[gate] ?? gate);
  const force = closed.length > 0;
  return (
    <>
      <button
        type="button"
        class="primary"
        disabled={it.next === null}
        onClick={() =>
          void order(
            { action: "advance", ...(force ? { force } : {}) },
            {
              title: `Advance to ${it.next} %?`,
              text: force
                ? `These gates do not hold: ${closed.join(", ")}. Advancing anyway moves clients to a path that is not proved to be right.`
                : `All gates hold. Clients up to ${it.next} % are told to move, at the pace of the settings; each keeps its connection until the new one has taken over.`,
              action: force ? `Advance anyway` : "Advance",
              isDangerous: force,
            },
            `The rollout is at ${it.next} %.`,
          )
        }
      >
        Advance{it.next === null ? "" : ` to ${it.next} %`}
      </button>
      {isPaused ? (
        <button type="button" onClick={() => void order({ action: "resume" }, { title: "Resume the rollout?", text: "It goes on by itself again, when the gates have held for the whole hold time from now on.", action: "Resume" }, "The rollout goes on.")}>
          Resume
        </button>
      ) : (
        <button type="button" onClick={() => void order({ action: "pause" }, { title: "Pause the rollout?", text: "Nothing moves up by itself until somebody resumes. It may still come back.", action: "Pause" }, "The rollout is paused.")}>
          Pause
        </button>
      )}
      <button
        type="button"
        class="danger"
        disabled={it.previous === null}
        onClick={() =>
          void order(
            { action: "rollback" },
            { title: `Roll back to ${it.previous} %?`, text: "Clients beyond that share go back to the direct path, at the pace of the settings. None loses an event.", action: "Roll back", isDangerous: true },
            `The rollout is back at ${it.previous} %.`,
          )
        }
      >
        Roll back{it.previous === null ? "" : ` to ${it.previous} %`}
      </button>
      <button type="button" onClick={() => void copyReport()}>
        Copy report
      </button>
    </>
  );
}

async function order(body: object, question: Question, done: string): Promise<void> {
  const reason = await confirm({ ...question, asksReason: true });
  if (reason === undefined) return;
  await attempt(() => send("POST", "/v1/rollout", { ...body, ...(reason ? { reason } : {}) }), done);
  rollout.now();
  audit.now();
}

async function copyReport(): Promise<void> {
  try {
    await navigator.clipboard.writeText(await getText("/v1/rollout/report?format=md", "text/markdown"));
    tell("good", "The report is copied, as Markdown.");
  } catch (error) {
    tell("bad", told(error));
  }
}

function History({ it }: { readonly it: Rollout }) {
  if (it.history.length === 0) return null;
  return (
    <>
      <h3>Steps before</h3>
      <Table
        caption="Steps before, newest first"
        rows={it.history}
        id={({ began, percent }) => `${began}${percent}`}
        columns={[
          { name: "Share", cell: ({ percent }) => `${percent} %`, isNumber: true },
          { name: "Began", cell: ({ began }) => <Time at={began} /> },
          { name: "Ended", cell: ({ end }) => <Time at={end.at} /> },
          { name: "How", cell: ({ end }) => <Badge level={end.outcome === "advanced" ? "good" : end.outcome === "rolled_back" ? "bad" : "info"}>{`${end.outcome.replaceAll("_", " ")} to ${end.to} %`}</Badge> },
          { name: "By", cell: ({ end }) => <Foreign text={end.by} most={60} /> },
          { name: "Why", cell: ({ end }) => <Foreign text={end.reason} most={300} /> },
        ]}
      />
    </>
  );
}
