// The page's own connection: a client like any other, that can be moved from one path to the other.

import { type Client, type ClientRecord, connect, type Move, type Status } from "../client/index.js";
import { ROUTER, token } from "../api/http.js";
import { Arrivals } from "../model/tail.js";
import { Store } from "./store.js";

/** How many events of before are shown when the page opens. */
const BEGIN_WITH = 200;

export const arrivals = new Arrivals();

export const status = new Store<Status>({ path: undefined, state: "connecting", reason: "the page was opened", position: undefined, since: new Date() });

/** The newest move, or what came of it. */
export const moved = new Store<Move | undefined>(undefined);

/** What went wrong last. */
export const trouble = new Store<string | undefined>(undefined);

let client: Client | undefined;

export function open(): void {
  client?.close();
  const position = client?.status.position;
  client = connect({
    url: ROUTER,
    from: position ?? { last: BEGIN_WITH },
    ...(token.value ? { getToken: () => token.value ?? "" } : {}),
    onEvent: (event) => arrivals.push(event),
    onStatus: (it) => {
      status.set(it);
      if (it.state === "live") trouble.set(undefined);
    },
    onSwitch: (move) => moved.set(move),
    onError: (error) => trouble.set(error.message),
  });
}

token.listen(open);

/** What this page's connection has counted. */
export function record(): ClientRecord | undefined {
  return client?.ledger();
}

/** How far it is now: it is told of only when something else changes. */
export function position(): number | undefined {
  return client?.status.position?.seq;
}

export function clientId(): string {
  return client?.clientId ?? "";
}
