// The audit log: who changed what, when, and why.

import { usePoll } from "../../api/poll.js";
import type { AuditEntry } from "../../api/schema.js";
import { change, usePlace } from "../../app/here.js";
import { audit } from "../../app/router_state.js";
import { Foreign, Panel, Search, Time } from "../../parts/basics.js";
import { type Column, Table } from "../../parts/table.js";
import { Failed } from "../../parts/teach.js";

const COLUMNS: readonly Column<AuditEntry>[] = [
  { name: "When", cell: ({ at }) => <Time at={at} /> },
  { name: "Who", cell: ({ actor }) => <Foreign text={actor} most={60} /> },
  { name: "What", cell: ({ action }) => action },
  { name: "Of", cell: ({ subject }) => <Foreign text={subject} most={80} /> },
  { name: "Detail", cell: ({ detail }) => <Foreign text={said(detail)} most={300} /> },
];

/** `from 25 · to 50 · reason …`: what is no more than a word. */
function said(detail: AuditEntry["detail"]): string {
  const isWord = (value: unknown) => value !== null && (typeof value !== "object" || (Array.isArray(value) && value.length < 10));
  const parts = Object.entries(detail as Readonly<Record<string, unknown>>).filter(([, value]) => isWord(value));
  return parts.map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "string" ? value : JSON.stringify(value)}`).join(" · ");
}

export function Log() {
  const { value, error } = usePoll(audit);
  const text = usePlace().query.get("log") ?? "";
  const asked = text.trim().toLowerCase();
  const found = value?.entries.filter((it) => `${it.action} ${it.actor} ${it.subject} ${said(it.detail)}`.toLowerCase().includes(asked)) ?? [];
  return (
    <Panel title="Audit log" actions={<Search name="Who, what, why…" value={text} typed={(log) => change({ log })} />}>
      {!value ? (
        error ? (
          <Failed error={error} what="its audit log" />
        ) : (
          <p class="loading">Asking the router…</p>
        )
      ) : found.length === 0 ? (
        <p class="aside">{asked ? "No entry of the newest is like that." : "Nobody has changed anything yet. Flags, rollout steps, breakers and dead letters that somebody touches leave an entry here."}</p>
      ) : (
        <Table caption="Audit log, newest first" columns={COLUMNS} rows={found} id={({ id }) => id} />
      )}
    </Panel>
  );
}
