// Commands to paste, for this router.

import { ROUTER } from "../api/http.js";
import { post } from "../model/curl.js";

export function curlPost(): string {
  return post(ROUTER, { event_type: "cache_hit", source: "shell", category: "performance", data: { key: "user:17", ms: 3 } });
}
