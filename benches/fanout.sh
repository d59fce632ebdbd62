#!/usr/bin/env bash
# The fan-out benchmark of docs/benchmarks.md: one router, one load generator, loopback.
#
#   benches/fanout.sh target/release/signalbox
#
# Where there are two cores or more, router and generator get one each, so that the generator does
# not take the router's time. Every delivery is verified: a fault ends the benchmark.
set -euo pipefail

signalbox=$(realpath "$1")
seconds=${SECONDS_EACH:-10}
port=${PORT:-18085}
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
export SIGNALBOX__SERVER__BIND=127.0.0.1:$port
# Short enough that the stalled readers of the last part are cut while it runs.
export SIGNALBOX__SESSION__STALL_TIMEOUT=8s
(pin 0 "$signalbox" serve >router.log 2>&1) &
router=$!
trap 'kill $router 2>/dev/null; wait $router 2>/dev/null; rm -rf "$folder"' EXIT

for _ in $(seq 100); do
  curl -sf "$url/readyz" >/dev/null && break
  kill -0 $router 2>/dev/null || { cat router.log >&2; exit 1; }
  sleep 0.1
done

run() {
  echo "== $1"
  shift
  (pin 1 "$signalbox" bench --url "$url" --duration "${seconds}s" "$@")
  echo
}

run "one event in flight, 1,000 clients" --clients 1000 --window 1
run "32 events in flight, 1,000 clients" --clients 1000 --window 32 --publishers 32
run "batches of 100, 1,000 clients" --clients 1000 --window 200 --batch 100 --publishers 2
run "1,000 events a second, 100 clients" --clients 100 --rate 1000 --publishers 8
run "beside slow and stalled readers" --clients 100 --rate 500 --publishers 4 --trickling 10 --stalled 10
