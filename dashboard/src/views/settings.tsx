// What is in force, where it comes from, and how the last reload went.

import { usePoll } from "../api/poll.js";
import type { Reload, Setting, SettingOrigin, SettingsSnapshot } from "../api/schema.js";
import { change, usePlace } from "../app/here.js";
import { settings } from "../app/router_state.js";
import { clock } from "../model/format.js";
import { Badge, Facts, Foreign, type Level, Panel, Search, Time, Words } from "../parts/basics.js";
import { Failed } from "../parts/teach.js";

export function Settings() {
  const { query } = usePlace();
  const { value, error } = usePoll(settings);
  if (!value) return error ? <Failed error={error} what="its settings" /> : <p class="loading">Asking the router…</p>;
  const search = (query.get("q") ?? "").trim().toLowerCase();
  const isOnlySet = query.get("only") === "set";
  const found = value.settings.filter((it) => (!isOnlySet || it.origin.kind !== "default") && (search === "" || `${it.key} ${it.description} ${text(it.value)}`.toLowerCase().includes(search)));
  const sections = [...new Set(found.map(({ key }) => key.split(".")[0] ?? ""))];
  return (
    <>
      <State it={value} />
      <Panel
        title="In force"
        actions={
          <>
            <label class="check">
              <input type="checkbox" checked={isOnlySet} onChange={({ currentTarget }) => change({ only: currentTarget.checked ? "set" : "" })} />
              Only what is set
            </label>
            <Search name="Key, meaning, value…" value={query.get("q") ?? ""} typed={(q) => change({ q })} />
          </>
        }
      >
        {found.length === 0 ? <p class="aside">{isOnlySet && !search ? "Nothing is set: all is as it is by default." : "No setting is like that."}</p> : null}
        {sections.map((section) => (
          <Section key={section} name={section} rows={found.filter(({ key }) => key.startsWith(`${section}.`))} />
        ))}
      </Panel>
    </>
  );
}

const OUTCOMES: Readonly<Record<string, Level>> = { applied: "good", unchanged: "idle", refused: "bad" };

function State({ it }: { readonly it: SettingsSnapshot }) {
  return (
    <Panel title="Snapshot">
      <Facts
        of={[
          ["Generation", String(it.generation)],
          ["Loaded", <Time at={it.loaded_at} />],
          ["File", it.file ? <Foreign text={it.file} /> : "none: defaults, and variables of the environment"],
          ["Last reload", it.last_reload ? <Last it={it.last_reload} /> : "none since the start"],
        ]}
      />
      {it.last_reload && it.last_reload.errors.length > 0 ? (
        <div class="faults" role="alert">
          <p>It was refused, and all is as before:</p>
          <ul>
            {it.last_reload.errors.map((fault) => (
              <li key={`${fault.key}${fault.message}`}>
                {fault.key ? <code>{fault.key}</code> : null} <Foreign text={fault.message} most={500} /> <span class="faint">({origin(fault.origin)})</span>
              </li>
            ))}
          </ul>
        </div>
      ) : null}
      {it.last_reload && it.last_reload.needs_restart.length > 0 ? (
        <p class="aside">
          <Badge level="warn">restart needed</Badge> for {it.last_reload.needs_restart.join(", ")}
        </p>
      ) : null}
    </Panel>
  );
}

function Last({ it }: { readonly it: Reload }) {
  return (
    <>
      <Badge level={OUTCOMES[it.outcome] ?? "info"}>{it.outcome}</Badge> <Time at={it.at} />
      {it.changed.length > 0 ? <span class="faint"> {it.changed.join(", ")}</span> : null}
    </>
  );
}

function Section({ name, rows }: { readonly name: string; readonly rows: readonly Setting[] }) {
  return (
    <section class="settings-section" aria-labelledby={`section-${name}`}>
      <h3 id={`section-${name}`}>[{name}]</h3>
      <dl class="settings">
        {rows.map((it) => (
          <div key={it.key} data-set={it.origin.kind !== "default" || undefined}>
            <dt>
              <code>{it.key}</code>
            </dt>
            <dd class="settings-value">
              <Foreign text={it.secret ? "hidden" : text(it.value)} most={300} />
              <span class="sub">
                {origin(it.origin)}
                {it.origin.kind === "default" ? null : <> · default {text(it.default)}</>}
                {it.needs_restart ? " · takes a restart" : ""}
              </span>
            </dd>
            <dd class="settings-says">
              <Words text={it.description} /> <span class="faint">Must be {it.allowed}.</span>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function text(value: unknown): string {
  if (value === null || value === undefined) return "none";
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map(text).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Where a value comes from. */
export function origin(it: SettingOrigin): string {
  switch (it.kind) {
    case "default":
      return "default";
    case "variable":
      return it.name;
    case "override":
      return `override by ${it.by}${it.until ? ` until ${clock(new Date(it.until), new Date())}` : ""}`;
    case "file":
      return [it.path, it.line, it.column].filter((part) => part !== null && part !== undefined).join(":");
  }
}
