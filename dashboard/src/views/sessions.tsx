// Who is connected, by which path, and how far.

import { send } from "../api/http.js";
import { usePoll } from "../api/poll.js";
import type { Session } from "../api/schema.js";
import { clientId } from "../app/feed.js";
import { change, usePlace } from "../app/here.js";
import { sessions, stats } from "../app/router_state.js";
import * as format from "../model/format.js";
import { Badge, Foreign, Panel, Search } from "../parts/basics.js";
import { attempt, confirm } from "../parts/dialog.js";
import { type Column, sorting, Table } from "../parts/table.js";
import { Empty, Failed } from "../parts/teach.js";
import { ROUTER } from "../api/http.js";

/** More rows than these are not drawn: the search finds the others. */
const SHOWN = 500;

export function Sessions() {
  const { query } = usePlace();
  const { value, error } = usePoll(sessions);
  const counts = usePoll(stats).value?.sessions;
  const search = query.get("q") ?? "";
  if (!value) return error ? <Failed error={error} what="its sessions" /> : <p class="loading">Asking the router…</p>;
  const asked = search.trim().toLowerCase();
  const found = value.sessions.filter((it) => asked === "" || words(it).includes(asked));
  return (
    <Panel
      title={`Sessions (${format.number(value.sessions.length)})`}
      id="sessions"
      actions={<Search name="Client, path, filter…" value={search} typed={(q) => change({ q })} />}
    >
      {counts ? (
        <p class="aside">
          {format.count(counts.blocked, "session takes", "sessions take")} no bytes now, the slowest is {format.count(counts.largest_lag, "event")} behind; their sockets took {format.bytes(counts.bytes)}.
        </p>
      ) : null}
      {found.length === 0 ? (
        <Empty title={asked ? "No session is like that." : "Nobody is connected."} command={asked ? "" : `curl -N ${ROUTER}/v1/stream`}>
          {asked ? "The search looks at the client, the path, the protocol, the topics and the filter." : "This follows events from a shell:"}
        </Empty>
      ) : (
        <Table caption="Sessions" columns={COLUMNS} rows={found.slice(0, SHOWN)} id={(it) => it.id} sort={sorting(query.get("sort"), "-lag")} sorted={(sort) => change({ sort })} />
      )}
      {found.length > SHOWN ? <p class="aside">{format.number(found.length - SHOWN)} more are not shown: search for them.</p> : null}
    </Panel>
  );
}

function words({ id, client_id, identity, peer, path, protocol, topics, filter }: Session): string {
  return [id, client_id, identity, peer, path, protocol, ...topics, JSON.stringify(filter)].join(" ").toLowerCase();
}

const COLUMNS: readonly Column<Session>[] = [
  {
    name: "Client",
    id: "client",
    by: (it) => it.client_id ?? "",
    cell: (it) => (
      <>
        {it.client_id ? <Foreign text={it.client_id} most={60} /> : <span class="faint">says no name</span>}
        {it.client_id === clientId() ? <> <Badge level="info">this page</Badge></> : null}
        <span class="sub">
          <Foreign text={[it.identity, it.peer].filter(Boolean).join(" · ")} />
        </span>
      </>
    ),
  },
  { name: "Path", id: "path", by: (it) => it.path, cell: (it) => <span data-ink={it.path === "realtime" ? "realtime" : "direct"} class="ink">{it.path}</span> },
  { name: "Protocol", cell: (it) => it.protocol, isMinor: true },
  { name: "Filter", cell: (it) => <What it={it} />, isMinor: true },
  { name: "Position", id: "seq", by: (it) => it.seq ?? -1, cell: (it) => format.number(it.seq), isNumber: true },
  { name: "Lag", id: "lag", by: (it) => it.lag, cell: (it) => format.number(it.lag), isNumber: true },
  { name: "Delivered", id: "delivered", by: (it) => it.delivered, cell: (it) => format.number(it.delivered), isNumber: true },
  { name: "Bytes", id: "bytes", by: (it) => it.bytes, cell: (it) => format.bytes(it.bytes), isNumber: true },
  { name: "State", cell: (it) => (it.blocked ? <Badge level="warn">blocked</Badge> : <Badge level="good">takes bytes</Badge>) },
  {
    name: "",
    cell: (it) => (
      <button type="button" onClick={() => void close(it)} aria-label={`Close the session of ${it.client_id ?? it.id}`}>
        Close
      </button>
    ),
  },
];

function What({ it: { topics, filter } }: { readonly it: Session }) {
  const said = Object.entries(filter ?? {}).flatMap(([name, values]) => (Array.isArray(values) && values.length > 0 ? [`${name}: ${values.join(", ")}`] : []));
  const text = [...topics.map((it) => `topic ${it}`), ...said].join("; ");
  return text ? <Foreign text={text} most={120} /> : <span class="faint">everything</span>;
}

async function close({ id, client_id }: Session): Promise<void> {
  const title = `Close the session of ${client_id ?? id}?`;
  const text = "Its client hears that an operator closed it. Most clients come back by themselves, and go on where they were.";
  if ((await confirm({ title, text, action: "Close it", isDangerous: true })) === undefined) return;
  await attempt(() => send("DELETE", `/v1/sessions/${id}`), "The session is closed.");
  sessions.now();
}
