// What changed how the router works, the newest first: what stands in the audit log, and what a breaker did by itself.

import type { Adapters, AuditEntry, EntryPage, SettingsSnapshot } from "../api/schema.js";

export interface Change {
  readonly at: Date;
  /** Before the dot: `flags`, `rollout`, `breaker`, `settings`… */
  readonly kind: string;
  readonly what: string;
  readonly who: string;
  readonly why: string;
}

/** An entry in words: what was done to what, and the detail as far as it is short. */
function entry({ action, actor, at, subject, detail }: AuditEntry): Change {
  const { reason, ...rest } = detail as Readonly<Record<string, unknown>>;
  const said = Object.entries(rest).filter(([, value]) => value !== null && typeof value !== "object");
  const what = [subject, ...said.map(([name, value]) => `${name.replaceAll("_", " ")} ${String(value)}`)].filter(Boolean).join(" · ");
  return { at: new Date(at), kind: action, what, who: actor, why: typeof reason === "string" ? reason : "" };
}

export function changes(audit: EntryPage | undefined, adapters: Adapters | undefined, settings: SettingsSnapshot | undefined): Change[] {
  const found = (audit?.entries ?? []).map(entry);
  for (const { name, delivery } of adapters?.adapters ?? []) {
    for (const it of delivery?.transitions ?? []) {
      // What somebody forced stands in the audit log, for those who may read it.
      if (it.cause === "forced" && audit) continue;
      found.push({ at: new Date(it.since), kind: `breaker.${it.state}`, what: `${name}: the breaker is ${it.state.replace("_", "-")}`, who: it.forced === "auto" ? "router" : "somebody", why: it.cause ?? "" });
    }
  }
  const reload = settings?.last_reload;
  if (reload && reload.outcome !== "unchanged") {
    const what = reload.outcome === "refused" ? "Settings.toml" : reload.changed.join(", ");
    found.push({ at: new Date(reload.at), kind: `settings.${reload.outcome}`, what, who: "router", why: reload.errors.map(({ message }) => message).join("; ") });
  }
  return found.sort((a, b) => b.at.getTime() - a.at.getTime());
}
