// What a service that is watched would say.
const KINDS = [
  ["debug_dump", "worker-7", "debug"],
  ["page_view", "web", "user_activity"],
  ["cache_metrics", "cache/redis-2", "performance"],
  ["health_check", "node-3", "system"],
  ["error_raised", "api/orders", "critical"],
  ["cache_hit", "cache/redis-1", "performance"],
];

/// The nth event of a load; most of them are measurements.
export function make(n) {
  const [event_type, source, category] = KINDS[Math.min((n * 7) % 11, 5)];
  return { event_type, source, category, data: { n, ms: (n * 13) % 97, key: `user:${(n * 31) % 9999}`, ok: n % 40 !== 0 } };
}
