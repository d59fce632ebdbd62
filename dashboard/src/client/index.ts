/** signalbox-client: follows the events of a Signalbox router, on whichever delivery path the router says. */

import { Client } from "./client.js";
import type { Options } from "./types.js";

export { Client };
export { ClientError } from "./types.js";
export type {
  Category,
  ClientRecord,
  Filter,
  From,
  Gap,
  MonitoringEvent,
  Move,
  Options,
  Path,
  Position,
  State,
  Status,
  Timing,
  Told,
  WebSocketConstructor,
} from "./types.js";

/** Connects, and goes on until `close()`. */
export function connect(options: Options): Client {
  return new Client(options);
}
