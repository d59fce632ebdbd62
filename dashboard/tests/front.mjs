// What stands between a client and its router in these tests: it passes everything on, until it is told otherwise. So it can lose,
// double and hold back what the realtime path says, cut connections, and answer where a client belongs as no router would.
import { createServer, request } from "node:http";

import WebSocket, { WebSocketServer } from "ws";

import { afterwards, ROUTER } from "../../tests/realtime-js/suite.mjs";

/** Where a client belongs; on the realtime path by broadcasts, unless `more` says otherwise. */
export function belongs(path, more = {}) {
  const { kind = "broadcast", not_before_ms = 0, detail = "so it is told" } = more;
  return {
    path,
    reason: { rule: "bucket", detail },
    not_before_ms,
    direct: { url: "/v1/ws" },
    realtime: { url: "/realtime/v1", topic: "monitoring", kind, key: null },
  };
}

export class Front {
  /** What `/v1/connect` answers, if it is not the router: an answer, or a status. */
  connect = belongs("direct");
  /** A status that `/v1/events` answers instead of the router. */
  fail;
  /** Which paths refuse sockets. */
  refuses = new Set();
  /** What becomes of a message of the realtime path: how often it is passed on, and when. */
  realtime = (_text, pass) => pass();
  /** What was asked for, as `METHOD /path?query`. */
  asked = [];
  /** Sockets that were opened, by path, and those that are open. */
  opened = { direct: 0, realtime: 0 };
  #open = new Set();
  #server = createServer((incoming, answer) => this.#pass(incoming, answer));
  #sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] });

  static async start() {
    const front = new Front();
    front.#server.on("upgrade", (incoming, socket, head) => front.#upgrade(incoming, socket, head));
    await new Promise((resolve) => front.#server.listen(0, "127.0.0.1", resolve));
    afterwards(() => front.#stop());
    return front;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Breaks off all sockets of a path, or closes them in order. */
  cut(path, code, reason) {
    for (const { of, client } of this.#open) {
      if (of !== path) continue;
      if (code === undefined) client.terminate();
      else client.close(code, reason);
    }
  }

  /** Says something to all sessions of the direct path, as the router would. */
  say(frame) {
    for (const { of, client } of this.#open) if (of === "direct") client.send(JSON.stringify(frame));
  }

  /** How many requests for a place there were. */
  count(place) {
    return this.asked.filter((it) => it.includes(place)).length;
  }

  #pass(incoming, answer) {
    this.asked.push(`${incoming.method} ${incoming.url}`);
    const said = incoming.url.startsWith("/v1/connect") ? this.connect : undefined;
    const status = typeof said === "number" ? said : incoming.url.startsWith("/v1/events?") ? this.fail : undefined;
    if (status !== undefined) return answer.writeHead(status).end("{}");
    if (said !== undefined) return answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(said));
    const { method, headers } = incoming;
    const url = incoming.url.replace("path=realtime&", "");
    const onward = request(`${ROUTER}${url}`, { method, headers }, (found) => {
      answer.writeHead(found.statusCode, found.headers);
      found.pipe(answer);
    });
    onward.on("error", () => answer.destroy());
    incoming.pipe(onward);
  }

  #upgrade(incoming, socket, head) {
    const of = incoming.url.startsWith("/realtime") ? "realtime" : "direct";
    if (this.refuses.has(of)) return socket.destroy();
    const offered = incoming.headers["sec-websocket-protocol"]?.split(/,\s*/);
    const router = new WebSocket(`${ROUTER.replace("http", "ws")}${incoming.url}`, offered);
    const first = [];
    router.on("message", (data, isBinary) => first.push([data, isBinary]));
    router.on("error", () => socket.destroy());
    router.on("open", () => {
      this.#sockets.handleUpgrade(incoming, socket, head, (client) => this.#join(of, client, router, first));
    });
  }

  #join(of, client, router, first) {
    const pair = { of, client };
    this.#open.add(pair);
    this.opened[of] += 1;
    client.on("message", (data, isBinary) => router.readyState === WebSocket.OPEN && router.send(data, { binary: isBinary }));
    client.on("close", () => {
      this.#open.delete(pair);
      router.terminate();
    });
    client.on("error", () => client.terminate());
    const pass = (data, isBinary) => {
      const pass = () => client.readyState === WebSocket.OPEN && client.send(data, { binary: isBinary });
      if (of === "realtime") this.realtime(data.toString(), pass);
      else pass();
    };
    router.removeAllListeners("message");
    router.on("message", pass);
    for (const [data, isBinary] of first) pass(data, isBinary);
    router.on("error", () => client.terminate());
    router.on("close", (code, reason) => {
      // Codes that a frame may hold; the others say that there was none.
      if (code === 1005 || code === 1006) client.terminate();
      else client.close(code, reason);
    });
  }

  #stop() {
    for (const { client } of this.#open) client.terminate();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** The seq of an event or head in a message of the realtime path; nothing when it is neither. */
export function seqOf(text) {
  const found = /"seq":(\d+)/.exec(text);
  return found ? Number(found[1]) : undefined;
}
