#!/usr/bin/env bash
# Channels of the built-in Realtime against sessions, of docs/benchmarks.md: the same router, the
# same load, in turn; medians of the rounds, and their ratio.
#
#   benches/realtime.sh target/release/signalbox
#
# Every delivery is verified: a fault ends the benchmark.
set -euo pipefail

signalbox=$(realpath "$1")
seconds=${SECONDS_EACH:-5}
rounds=${ROUNDS:-3}
port=${PORT:-18086}
url=http://127.0.0.1:$port
folder=$(mktemp -d)

pin() {
  local core=$1
  shift
  if command -v taskset >/dev/null && [ "$(nproc)" -ge 2 ]; then
    exec taskset -c "$core" "$@"
  fi
  exec "$@"
}

cd "$folder"
export SIGNALBOX__SERVER__BIND=127.0.0.1:$port SIGNALBOX__SERVER__WORKERS=1
(pin 0 "$signalbox" serve >router.log 2>&1) &
router=$!
trap 'kill $router 2>/dev/null; wait $router 2>/dev/null; rm -rf "$folder"' EXIT

for _ in $(seq 100); do
  curl -sf "$url/readyz" >/dev/null && break
  kill -0 $router 2>/dev/null || { cat router.log >&2; exit 1; }
  sleep 0.1
done

# Deliveries a second.
deliveries() {
  (pin 1 "$signalbox" bench --url "$url" --clients 1000 --duration "${seconds}s" --json "$@") |
    sed -E 's/.*"deliveries_per_second":([0-9]+).*/\1/'
}

median() { sort -n | sed -n "$(((rounds + 1) / 2))p"; }

printf '%-26s %12s %12s %6s\n' load sessions channels ratio
compare() {
  local load=$1
  shift
  : >sessions
  : >channels
  for _ in $(seq "$rounds"); do
    deliveries --protocol signalbox "$@" >>sessions
    deliveries --protocol realtime "$@" >>channels
  done
  local a b
  a=$(median <sessions)
  b=$(median <channels)
  printf '%-26s %12s %12s %6s\n' "$load" "$a" "$b" "$(awk "BEGIN { printf \"%.2f\", $b / $a }")"
}

compare "one in flight" --window 1
compare "32 in flight" --window 32 --publishers 32
compare "batches of 100" --window 200 --batch 100 --publishers 2
