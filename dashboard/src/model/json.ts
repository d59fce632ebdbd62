// A JSON value as lines of text: as much of it as somebody can read, however deep or long it is.

import { visible } from "./text.js";

/** What a line says, for its colour. */
export type Kind = "key" | "string" | "number" | "word" | "mark";

export interface Part {
  readonly kind: Kind;
  readonly text: string;
}

export interface Line {
  readonly depth: number;
  readonly parts: readonly Part[];
}

export interface Bounds {
  readonly depth: number;
  readonly lines: number;
  /** Of a string, in UTF-16 units. */
  readonly text: number;
}

const BOUNDS: Bounds = { depth: 24, lines: 1000, text: 1000 };

/** What remains to be said: a stack instead of calls, so that no depth can be too much. */
interface Task {
  readonly depth: number;
  readonly before: readonly Part[];
  readonly value?: unknown;
  readonly close?: string;
  readonly comma: boolean;
}

/** The value's lines; the last one says what was left out. */
export function lines(value: unknown, bounds: Bounds = BOUNDS): Line[] {
  const out: Line[] = [];
  const tasks: Task[] = [{ depth: 0, before: [], value, comma: false }];
  for (let task = tasks.pop(); task; task = tasks.pop()) {
    if (out.length >= bounds.lines) {
      out.push({ depth: 0, parts: [{ kind: "mark", text: "… more than can be shown here: read the event by its id" }] });
      break;
    }
    const { depth, before } = task;
    const comma: Part[] = task.comma ? [{ kind: "mark", text: "," }] : [];
    const held = task.close === undefined ? members(task.value) : undefined;
    if (task.close !== undefined) out.push({ depth, parts: [{ kind: "mark", text: task.close }, ...comma] });
    else if (!held) out.push({ depth, parts: [...before, simple(task.value, bounds.text), ...comma] });
    else if (held.count === 0 || depth >= bounds.depth) {
      const text = held.count === 0 ? held.open + held.close : `${held.open} … ${held.close}`;
      out.push({ depth, parts: [...before, { kind: "mark", text }, ...comma] });
    } else {
      out.push({ depth, parts: [...before, { kind: "mark", text: held.open }] });
      tasks.push({ depth, before: [], close: held.close, comma: task.comma });
      push(tasks, held, depth + 1, bounds);
    }
  }
  return out;
}

interface Members {
  readonly open: string;
  readonly close: string;
  readonly count: number;
  at(place: number): readonly [readonly Part[], unknown];
}

/** Puts what a value holds where it is taken next, its first first; never more than there are lines for. */
function push(tasks: Task[], held: Members, depth: number, bounds: Bounds): void {
  for (let place = Math.min(held.count, bounds.lines + 1) - 1; place >= 0; place -= 1) {
    const [before, value] = held.at(place);
    tasks.push({ depth, before, value, comma: place + 1 < held.count });
  }
}

function members(value: unknown): Members | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) return { open: "[", close: "]", count: value.length, at: (place) => [[], value[place]] };
  const names = Object.keys(value);
  return {
    open: "{",
    close: "}",
    count: names.length,
    at: (place) => {
      const name = names[place] ?? "";
      const key: Part[] = [{ kind: "key", text: quoted(name, 200) }, { kind: "mark", text: ": " }];
      return [key, (value as Record<string, unknown>)[name]];
    },
  };
}

function simple(value: unknown, most: number): Part {
  if (typeof value === "string") return { kind: "string", text: quoted(value, most) };
  if (typeof value === "number") return { kind: "number", text: String(value) };
  return { kind: "word", text: String(value) };
}

function quoted(text: string, most: number): string {
  return `"${visible(text, most).replace(/["\\\n\t]/g, (it) => ({ '"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t" })[it] ?? it)}"`;
}

/** About how much memory a value takes, in bytes; looked at only so far. */
export function weight(value: unknown, nodes = 2000): number {
  let sum = 0;
  const waiting: unknown[] = [value];
  for (let seen = 0; waiting.length > 0 && seen < nodes; seen += 1) {
    const it = waiting.pop();
    sum += 16;
    if (typeof it === "string") sum += 2 * it.length;
    else if (typeof it === "object" && it !== null) {
      for (const name in it) {
        sum += 16 + 2 * name.length;
        waiting.push((it as Record<string, unknown>)[name]);
        if (waiting.length > nodes) break;
      }
    }
  }
  return sum + 64 * waiting.length;
}

/** Whether a text stands anywhere in a value, in names too; looked at only so far. */
export function mentions(value: unknown, wanted: string, nodes = 2000): boolean {
  const waiting: unknown[] = [value];
  for (let seen = 0; waiting.length > 0 && seen < nodes; seen += 1) {
    const it = waiting.pop();
    if (typeof it === "object" && it !== null) {
      for (const name in it) {
        if (!Array.isArray(it) && name.toLowerCase().includes(wanted)) return true;
        waiting.push((it as Record<string, unknown>)[name]);
        if (waiting.length > nodes) break;
      }
    } else if (String(it).toLowerCase().includes(wanted)) return true;
  }
  return false;
}
