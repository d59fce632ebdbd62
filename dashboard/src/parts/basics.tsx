// Small things that all views are made of.

import type { ComponentChildren } from "preact";
import { clock, duration, zoned } from "../model/format.js";
import { oneLine } from "../model/text.js";

export type Level = "good" | "warn" | "bad" | "idle" | "info";

/** Each level has a shape of its own: colour alone tells nothing. */
const SHAPES: Readonly<Record<Level, string>> = {
  good: "M3 8.5 6.5 12 13 4.5",
  warn: "M8 2.5 14.5 13.5H1.5Z M8 6.5V9.5",
  bad: "M4 4 12 12 M12 4 4 12",
  idle: "M3.5 8H12.5",
  info: "M8 3.5A4.5 4.5 0 1 0 8 12.5A4.5 4.5 0 1 0 8 3.5",
};

export function Shape({ level }: { readonly level: Level }) {
  return (
    <svg class="shape" viewBox="0 0 16 16" aria-hidden="true">
      <path d={SHAPES[level]} />
    </svg>
  );
}

export function Badge({ level, children, title }: { readonly level: Level; readonly children: ComponentChildren; readonly title?: string | undefined }) {
  return (
    <span class="badge" data-level={level} title={title}>
      <Shape level={level} />
      {children}
    </span>
  );
}

/** A time: local, with the zone when pointed at. */
export function Time({ at, fraction = false }: { readonly at: string | Date | null | undefined; readonly fraction?: boolean }) {
  if (!at) return <span class="faint">–</span>;
  const date = typeof at === "string" ? new Date(at) : at;
  if (Number.isNaN(date.getTime())) return <Foreign text={String(at)} />;
  return (
    <time dateTime={date.toISOString()} title={zoned(date, typeof at === "string" ? at : undefined)}>
      {clock(date, new Date())}
      {fraction ? <span class="fraction">.{String(date.getMilliseconds()).padStart(3, "0")}</span> : null}
    </time>
  );
}

/** How long ago, in words. */
export function Ago({ at }: { readonly at: string | Date | null | undefined }) {
  if (!at) return <span class="faint">–</span>;
  const date = typeof at === "string" ? new Date(at) : at;
  const seconds = Math.max(0, Math.round((Date.now() - date.getTime()) / 1000));
  return (
    <time dateTime={date.toISOString()} title={zoned(date)}>
      {seconds < 2 ? "now" : `${duration(seconds)} ago`}
    </time>
  );
}

/** Words of a stranger: as text, in a direction of their own, nothing hidden in them. */
export function Foreign({ text, most, class: name = "" }: { readonly text: string; readonly most?: number; readonly class?: string }) {
  return <bdi class={`foreign ${name}`}>{oneLine(text, most)}</bdi>;
}

export function Panel({
  title,
  children,
  actions,
  class: name = "",
  id,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly class?: string;
  readonly id?: string;
}) {
  const label = id ?? `panel-${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`;
  return (
    <section class={`panel ${name}`} aria-labelledby={label}>
      <header class="panel-head">
        <h2 id={label}>{title}</h2>
        {actions ? <div class="panel-actions">{actions}</div> : null}
      </header>
      {children}
    </section>
  );
}

/** A number with its name. */
export function Tile({
  name,
  value,
  note,
  level,
  title,
}: {
  readonly name: string;
  readonly value: ComponentChildren;
  readonly note?: ComponentChildren;
  readonly level?: Level | undefined;
  readonly title?: string | undefined;
}) {
  return (
    <div class="tile" data-level={level} title={title}>
      <dt>
        {level && level !== "good" && level !== "idle" ? <Shape level={level} /> : null}
        {name}
      </dt>
      <dd class="tile-value">{value}</dd>
      {note ? <dd class="tile-note">{note}</dd> : null}
    </div>
  );
}

export function Facts({ of }: { readonly of: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Choice<T extends string>({
  name,
  of,
  value,
  chosen,
}: {
  readonly name: string;
  readonly of: readonly (readonly [T, string])[];
  readonly value: T;
  readonly chosen: (value: T) => void;
}) {
  return (
    <div class="choice" role="group" aria-label={name}>
      {of.map(([it, text]) => (
        <button key={it} type="button" aria-pressed={it === value} onClick={() => chosen(it)}>
          {text}
        </button>
      ))}
    </div>
  );
}

/** A field for a search, with its name for those who do not see it. */
export function Search({ name, value, typed, id }: { readonly name: string; readonly value: string; readonly typed: (text: string) => void; readonly id?: string }) {
  return <input id={id} class="search" type="search" placeholder={name} aria-label={name} value={value} onInput={({ currentTarget }) => typed(currentTarget.value)} spellcheck={false} autocomplete="off" />;
}

/** A sentence of ours, with `what stands so` as code. */
export function Words({ text }: { readonly text: string }) {
  return <>{text.split("`").map((part, place) => (place % 2 === 1 ? <code key={place}>{part}</code> : part))}</>;
}
