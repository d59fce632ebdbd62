// A dashboard of its own: prints each status of its channel, and each broadcast on it as JSON.
import { realtime } from "./clients.mjs";

const channel = realtime().channel(process.argv[3]);
channel.on("broadcast", { event: "*" }, ({ event, payload }) => {
  console.log(JSON.stringify({ event, payload }));
});
channel.subscribe((status) => console.log(status));
