#!/usr/bin/env bash
# Channels of the built-in Realtime against sessions, of docs/benchmarks.md: the same router, the
# same load, in turn; medians of the rounds, and their ratio.
#
#   benches/realtime.sh target/release/signalbox
#
# Every delivery is verified: a fault ends the benchmark.
set -euo pipefail

seconds=${SECONDS_EACH:-5}
rounds=${ROUNDS:-3}
# shellcheck source=benches/router.sh
source "$(dirname "$0")/router.sh" "$1" 18086

export SIGNALBOX__SERVER__WORKERS=1
start

# Deliveries a second.
deliveries() {
  bench --clients 1000 --duration "${seconds}s" --json "$@" |
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
