// Clients as anybody would set them up, but that they come back sooner after a loss.
import { RealtimeClient } from "@supabase/realtime-js";
import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";

import { afterwards, Heard, ROUTER } from "./suite.mjs";

export const VSNS = ["1.0.0", "2.0.0"];

const SOON = { reconnectAfterMs: () => 50 };

/** A Realtime client of that version; gone when the case is over. */
export function realtime(vsn = "2.0.0", options = {}) {
  const { path = "/realtime/v1", ...rest } = options;
  const client = new RealtimeClient(`${ROUTER.replace("http", "ws")}${path}`, {
    params: { apikey: "anything" },
    transport: WebSocket,
    vsn,
    ...SOON,
    ...rest,
  });
  afterwards(() => client.removeAllChannels());
  return client;
}

/** A Supabase client, as a web application has it; gone when the case is over. */
export function supabase(options = {}, key = "anything") {
  const client = createClient(ROUTER, key, {
    realtime: { transport: WebSocket, ...SOON },
    ...options,
  });
  afterwards(() => client.removeAllChannels());
  return client;
}

/**
 * Subscribes; when it is subscribed, what else becomes of it: each status, with its error.
 *
 * Asks for nothing after it, so that what comes at once can be missed only by the router's fault.
 */
export async function subscribe(channel) {
  const statuses = subscribing(channel);
  const [status, error] = await statuses.next();
  if (status !== "SUBSCRIBED") throw new Error(`${channel.topic}: ${status} ${error}`);
  return statuses;
}

/** Subscribes; what becomes of it. */
export function subscribing(channel) {
  const statuses = new Heard(`the statuses of ${channel.topic}`);
  channel.subscribe((status, error) => statuses.hear([status, error?.message]));
  return statuses;
}

/** What is broadcast on a channel from now on. */
export function broadcasts(channel, event = "*") {
  const heard = new Heard(`broadcasts on ${channel.topic}`);
  channel.on("broadcast", { event }, heard.hear);
  return heard;
}

/** The inserts that a binding of a channel is told of. */
export function inserts(channel, binding = {}) {
  const heard = new Heard(`inserts on ${channel.topic}`);
  const table = { event: "INSERT", schema: "monitoring", table: "monitoring_events" };
  channel.on("postgres_changes", { ...table, ...binding }, heard.hear);
  return heard;
}

/** What the server says of a channel itself. */
export function systems(channel) {
  const heard = new Heard(`system messages of ${channel.topic}`);
  channel.on("system", {}, heard.hear);
  return heard;
}

/** A broadcast, as `send` wants it. */
export function broadcast(event, payload = {}) {
  return { type: "broadcast", event, payload };
}
