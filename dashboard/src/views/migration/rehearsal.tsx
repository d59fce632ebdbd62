// Faults on purpose, to see that they are found: what is planted now, and planting some.

import { useEffect, useRef, useState } from "preact/hooks";
import { send } from "../../api/http.js";
import type { Rehearsal } from "../../api/schema.js";
import { audit, validation } from "../../app/router_state.js";
import * as format from "../../model/format.js";
import { Badge, Foreign, Time } from "../../parts/basics.js";
import { attempt } from "../../parts/dialog.js";

const FAULTS = [
  ["drop", "lost"],
  ["duplicate", "doubled"],
  ["delay", "late"],
  ["reorder", "out of order"],
  ["alter", "changed"],
] as const;

type Fault = (typeof FAULTS)[number][0];

export function Planted({ it }: { readonly it: Rehearsal | null }) {
  const [isAsked, ask] = useState(false);
  if (!it) {
    return (
      <>
        <button type="button" onClick={() => ask(true)}>
          Rehearse faults…
        </button>
        {isAsked ? <Plant done={() => ask(false)} /> : null}
      </>
    );
  }
  return (
    <button type="button" class="danger" onClick={() => void end()}>
      End the rehearsal
    </button>
  );
}

export function Marking({ it }: { readonly it: Rehearsal | null }) {
  if (!it) return null;
  const said = FAULTS.filter(([fault]) => it.shares[fault] > 0).map(([fault, word]) => `${format.percent(100 * it.shares[fault])} ${word} (${format.number(it.planted[fault])} so far)`);
  return (
    <p class="faults" data-level="warn" role="status">
      <Badge level="warn">rehearsal</Badge> Faults are planted on the {it.path === "websocket" ? "direct" : it.path} path on purpose, by <Foreign text={it.by} />, until <Time at={it.until} />: {said.join(", ")}. What is wrong below
      may be one of them.
    </p>
  );
}

async function end(): Promise<void> {
  await attempt(() => send("DELETE", "/v1/validation/rehearsal"), "The rehearsal is over.");
  again();
}

function again(): void {
  validation.now();
  audit.now();
}

function Plant({ done }: { readonly done: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [path, setPath] = useState("realtime");
  const [fault, setFault] = useState<Fault>("drop");
  const [share, setShare] = useState("1");
  const [seconds, setSeconds] = useState("60");
  useEffect(() => dialog.current?.showModal(), []);
  const percent = Number(share);
  const isGood = share.trim() !== "" && percent > 0 && percent <= 100;
  const plant = async () => {
    done();
    const body = { path, [fault]: percent / 100, seconds: Number(seconds) };
    await attempt(() => send("PUT", "/v1/validation/rehearsal", body), "The rehearsal has begun.");
    again();
  };
  return (
    <dialog ref={dialog} onCancel={done} aria-labelledby="plant">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isGood) void plant();
        }}
      >
        <h2 id="plant">Rehearse faults</h2>
        <p>
          {path === "realtime"
            ? "Everybody on the realtime path meets with them. A rollout comes back by itself when the match rate falls under its floor."
            : "Only the router's own probe meets with them: nobody loses an event on the direct path."}
        </p>
        <label class="field">
          Path
          <select value={path} onChange={({ currentTarget }) => setPath(currentTarget.value)}>
            <option value="realtime">realtime</option>
            <option value="websocket">direct</option>
          </select>
        </label>
        <label class="field">
          Events are
          <select value={fault} onChange={({ currentTarget }) => setFault(currentTarget.value as Fault)}>
            {FAULTS.map(([name, word]) => (
              <option key={name} value={name}>
                {word}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          Of so many, in percent
          <input inputMode="decimal" value={share} aria-invalid={!isGood} onInput={({ currentTarget }) => setShare(currentTarget.value)} />
        </label>
        <label class="field">
          For how long
          <select value={seconds} onChange={({ currentTarget }) => setSeconds(currentTarget.value)}>
            <option value="60">1 minute</option>
            <option value="300">5 minutes</option>
            <option value="1800">30 minutes</option>
          </select>
        </label>
        <div class="buttons">
          <button type="button" onClick={done}>
            Cancel
          </button>
          <button type="submit" class="danger" disabled={!isGood}>
            Plant them
          </button>
        </div>
      </form>
    </dialog>
  );
}
