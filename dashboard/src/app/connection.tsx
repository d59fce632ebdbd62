// Which path this page is on, and why: always in sight.

import { useEffect, useRef } from "preact/hooks";
import type { State } from "../client/index.js";
import { door, token } from "../api/http.js";
import * as format from "../model/format.js";
import { Ago, Badge, Facts, Foreign, type Level, Time } from "../parts/basics.js";
import { arrivals, clientId, position, record, status } from "./feed.js";
import { useStore, useTurns } from "./store.js";

const LEVELS: Readonly<Record<State, Level>> = { connecting: "idle", live: "good", moving: "info", waiting: "warn", stopped: "bad", closed: "idle" };
const WORDS: Readonly<Record<State, string>> = { connecting: "connecting", live: "live", moving: "moving", waiting: "trying again", stopped: "stopped", closed: "closed" };

export function Connection() {
  const it = useStore(status);
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const elsewhere = ({ target }: PointerEvent) => {
      const box = details.current;
      if (box?.open && target instanceof Node && !box.contains(target)) box.open = false;
    };
    addEventListener("pointerdown", elsewhere);
    return () => removeEventListener("pointerdown", elsewhere);
  }, []);
  const path = it.path ? `${it.path} path` : "no path yet";
  return (
    <details ref={details} class="connection" onKeyDown={({ key }) => key === "Escape" && details.current && (details.current.open = false)}>
      <summary data-path={it.path} data-state={it.state}>
        <Badge level={LEVELS[it.state]}>
          <span class="connection-state">{WORDS[it.state]}</span>
          <span class="connection-path">{path}</span>
        </Badge>
      </summary>
      <Details />
    </details>
  );
}

function Details() {
  useTurns(1000);
  const it = useStore(status);
  const counted = record();
  const moves = counted?.moves.slice(-3).reverse() ?? [];
  return (
    <div class="connection-details">
      <p>
        <strong>This page</strong> is a client like any other: the router says by which path events come to it, and may move it.
      </p>
      <Facts
        of={[
          ["Why this path", <Foreign text={it.reason || "–"} />],
          ["Since", <Ago at={it.since} />],
          ["Known as", <code>{clientId()}</code>],
          ["Position", format.number(position())],
          ["Kept here", `${format.count(arrivals.ring.length, "event")}, ${format.bytes(arrivals.ring.weight)}`],
          ["Delivered", format.number(counted?.delivered)],
          ["Doubles held back", format.number(counted?.duplicates)],
          ["Filled from the journal", format.number(counted?.filled)],
          ["Missing", format.number(counted?.missing)],
          ["Connections, losses", counted ? `${counted.connections}, ${counted.losses}` : "–"],
        ]}
      />
      {moves.length > 0 ? (
        <ul class="moves">
          {moves.map((move) => (
            <li key={move.at.getTime()}>
              <Time at={move.at} /> {move.outcome === "moved" ? "moved" : "stayed, wanted"} {move.from} → {move.to} in {format.millis(move.took_ms)}
              {move.detail ? <Foreign text={`: ${move.detail}`} /> : null}
            </li>
          ))}
        </ul>
      ) : null}
      {token.value ? (
        <p>
          <button type="button" onClick={() => door.set("wants_token")}>
            Show another token…
          </button>
        </p>
      ) : null}
    </div>
  );
}
