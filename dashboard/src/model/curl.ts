// What somebody pastes into a shell: plain ASCII, whatever the event says.

import type { MonitoringEvent } from "../client/types.js";

/** One word of a POSIX shell. */
export function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** JSON in ASCII: what is hidden or turns the line round cannot do so in a terminal. */
export function ascii(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Posts what an event says, as a new one. */
export function post(origin: string, event: Pick<MonitoringEvent, "event_type" | "source" | "category" | "data">): string {
  const { event_type, source, category, data } = event;
  const body = ascii({ event_type, source, category, data });
  return `curl -sS ${word(`${origin}/v1/events`)} -H 'content-type: application/json' -d ${word(body)}`;
}

export function get(origin: string, place: string): string {
  return `curl -sS ${word(origin + place)}`;
}
