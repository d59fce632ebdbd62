// What the page knows of the router, for all of its views.

import { type Asked, Poll } from "../api/poll.js";
import type { Adapters, EntryPage, FlagsSnapshot, Ledger, Rollout, Sessions, SettingsSnapshot, StatsSnapshot, Validation } from "../api/schema.js";
import { History, Sampler } from "../model/samples.js";
import { Store } from "./store.js";

/** Points of charts, since the page was opened. */
export const history = new History();

const sampler = new Sampler();

/** Whether the router answers, and since when it does not. */
export interface Reach {
  readonly isUp: boolean;
  readonly since: Date;
  readonly why: string;
}

export const reach = new Store<Reach>({ isUp: true, since: new Date(), why: "" });

/** How it came back: away for how long, and whether it had been started anew, in milliseconds. */
export const returns = new Store<{ readonly away_ms: number; readonly restarted: boolean } | undefined>(undefined);

export const validation = new Poll<Validation>("/v1/validation", 2000);
export const rollout = new Poll<Rollout>("/v1/rollout", 2000);
export const flags = new Poll<FlagsSnapshot>("/v1/flags", 5000);

/** The match rate of the realtime path, of the last five minutes; nothing where nobody asks. */
function matched(): { match_rate: number | null } | undefined {
  const path = validation.store.value.value?.paths.find((it) => it.path === "realtime");
  return path && { match_rate: path.windows["5m"].all.match_rate };
}

export const stats = new Poll<StatsSnapshot>("/v1/stats", 1000, (value, at) => {
  history.push(sampler.take(value, at.getTime() / 1000, matched()));
});

let uptime = 0;
stats.store.listen(() => {
  const { value, error }: Asked<StatsSnapshot> = stats.store.value;
  const was = reach.value;
  if (error?.isAway) {
    if (was.isUp) reach.set({ isUp: false, since: new Date(), why: error.message });
    return;
  }
  const started = value?.uptime_seconds ?? 0;
  const restarted = started < uptime;
  uptime = started;
  if (was.isUp && !restarted) return;
  const away_ms = was.isUp ? 0 : Date.now() - was.since.getTime();
  reach.set({ isUp: true, since: new Date(), why: "" });
  returns.set({ away_ms, restarted });
});

export const adapters = new Poll<Adapters>("/v1/adapters", 2000);
export const sessions = new Poll<Sessions>("/v1/sessions", 2000);
export const settings = new Poll<SettingsSnapshot>("/v1/settings", 5000);
export const ledger = new Poll<Ledger>("/v1/ledger", 5000);
export const audit = new Poll<EntryPage>("/v1/audit?limit=100", 5000);
