// Events that a destination refused for good: send them again, or let them go.

import { useEffect, useState } from "preact/hooks";
import { type ApiError, get, send } from "../api/http.js";
import type { DeadLetter, LetterPage } from "../api/schema.js";
import { change, usePlace } from "../app/here.js";
import { Badge, Choice, Foreign, type Level, Panel, Time } from "../parts/basics.js";
import { attempt, confirm } from "../parts/dialog.js";
import { type Column, Table } from "../parts/table.js";
import { Empty, Failed } from "../parts/teach.js";

const STATUSES = [
  ["", "All"],
  ["pending", "Pending"],
  ["failed", "Failed"],
  ["recovered", "Recovered"],
] as const;

const LEVELS: Readonly<Record<string, Level>> = { pending: "warn", failed: "bad", recovered: "good" };
const PAGE = 50;

export function DeadLetters() {
  const { query } = usePlace();
  const status = STATUSES.find(([it]) => it === query.get("letters"))?.[0] ?? "";
  const [before, setBefore] = useState<number>();
  const [turn, again] = useState(0);
  const [page, set] = useState<LetterPage | ApiError>();
  useEffect(() => setBefore(undefined), [status]);
  useEffect(() => {
    const asking = new AbortController();
    const ask = () =>
      get<LetterPage>("/v1/dead-letters", { limit: PAGE, ...(status ? { status } : {}), ...(before ? { before } : {}) }, asking.signal).then(set, (error: unknown) => asking.signal.aborted || set(error as ApiError));
    void ask();
    const timer = setInterval(() => document.hidden || void ask(), 5000);
    return () => {
      asking.abort();
      clearInterval(timer);
    };
  }, [status, before, turn]);
  const done = () => again((it) => it + 1);
  return (
    <Panel title="Dead letters" actions={<Choice name="Status" of={STATUSES} value={status} chosen={(letters) => change({ letters })} />}>
      {page === undefined ? (
        <p class="loading">Asking the router…</p>
      ) : page instanceof Error ? (
        <Failed error={page} what="its dead letters" />
      ) : page.dead_letters.length === 0 ? (
        <Empty title={status ? "None of that status." : "No event was refused for good."}>What a destination refuses is kept here whole, with the reason, and nothing else waits for it.</Empty>
      ) : (
        <Table caption="Dead letters" columns={columns(done)} rows={page.dead_letters} id={(it) => it.id} />
      )}
      <p class="live-foot">
        {before ? (
          <button type="button" onClick={() => setBefore(undefined)}>
            Newest
          </button>
        ) : null}
        {page !== undefined && !(page instanceof Error) && page.next && page.dead_letters.length === PAGE ? (
          <button type="button" onClick={() => setBefore(page.next ?? undefined)}>
            Older
          </button>
        ) : null}
      </p>
    </Panel>
  );
}

function columns(done: () => void): Column<DeadLetter>[] {
  return [
    { name: "Id", cell: (it) => it.id, isNumber: true },
    { name: "Since", cell: (it) => <Time at={it.created_at} /> },
    { name: "Status", cell: (it) => <Badge level={LEVELS[it.status] ?? "idle"}>{it.status}</Badge> },
    {
      name: "Event",
      cell: (it) => (
        <a href={`#/live?event=${encodeURIComponent(it.event.id)}`}>
          <Foreign text={it.event.event_type} most={50} />
          <span class="sub">{it.event.seq}</span>
        </a>
      ),
    },
    { name: "Why", cell: (it) => <Foreign text={it.reason} most={160} /> },
    { name: "Attempts", cell: (it) => it.attempts, isNumber: true, isMinor: true },
    { name: "Sent again", cell: (it) => <Time at={it.replayed_at} />, isMinor: true },
    {
      name: "",
      cell: (it) => (
        <span class="buttons">
          <button type="button" disabled={it.status === "recovered"} onClick={() => void replay(it).then(done)}>
            Send again
          </button>
          <button type="button" onClick={() => void remove(it).then(done)}>
            Delete
          </button>
        </span>
      ),
    },
  ];
}

async function replay({ id, adapter }: DeadLetter): Promise<void> {
  const text = `The event goes to ${adapter} now, out of its order: readers there sort by seq.`;
  if ((await confirm({ title: `Send dead letter ${id} again?`, text, action: "Send it" })) === undefined) return;
  await attempt(() => send("POST", `/v1/dead-letters/${id}/replay`), `Dead letter ${id} was delivered.`);
}

async function remove({ id }: DeadLetter): Promise<void> {
  const text = "The event stays in the journal; that it was refused, and why, is forgotten.";
  if ((await confirm({ title: `Delete dead letter ${id}?`, text, action: "Delete it", isDangerous: true })) === undefined) return;
  await attempt(() => send("DELETE", `/v1/dead-letters/${id}`), `Dead letter ${id} is deleted.`);
}
