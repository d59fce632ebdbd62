#!/usr/bin/env bash
# The fan-out benchmark of docs/benchmarks.md: one router, one load generator, loopback.
#
#   benches/fanout.sh target/release/signalbox
#
# Every delivery is verified: a fault ends the benchmark.
set -euo pipefail

seconds=${SECONDS_EACH:-10}
# shellcheck source=benches/router.sh
source "$(dirname "$0")/router.sh" "$1" 18085

# Short enough that the stalled readers of the last part are cut while it runs.
export SIGNALBOX__SESSION__STALL_TIMEOUT=8s
start

run() {
  echo "== $1"
  shift
  bench --duration "${seconds}s" "$@"
  echo
}

run "one event in flight, 1,000 clients" --clients 1000 --window 1
run "32 events in flight, 1,000 clients" --clients 1000 --window 32 --publishers 32
run "batches of 100, 1,000 clients" --clients 1000 --window 200 --batch 100 --publishers 2
run "1,000 events a second, 100 clients" --clients 100 --rate 1000 --publishers 8
run "beside slow and stalled readers" --clients 100 --rate 500 --publishers 4 --trickling 10 --stalled 10
