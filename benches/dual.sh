#!/usr/bin/env bash
# What the realtime path and validation cost, of docs/benchmarks.md: routers with the direct path
# alone, with both paths, and with both and validation, in turn, at half of the rate that saturates
# the first; medians of the rounds, and their ratio to the first.
#
#   benches/dual.sh target/release/signalbox
#
# Every delivery on the direct path is verified: a fault ends the benchmark.
set -euo pipefail

seconds=${SECONDS_EACH:-10}
rounds=${ROUNDS:-5}
# As on a machine of its own, where all paths share all cores.
SHARED=1
# shellcheck source=benches/router.sh
source "$(dirname "$0")/router.sh" "$1" 18087

median() { sort -g "$1" | sed -n "$(((rounds + 1) / 2))p"; }
per_second() { sed -E 's/.*"events_per_second":([0-9]+).*/\1/' report; }
published() { sed -E 's/.*"published":([0-9]+).*/\1/' report; }
p99() { sed -E 's/.*"ingest_ms":\{[^}]*"p99":([0-9.]+).*/\1/' report; }

# Ticks of CPU that the router has taken.
cpu() { awk '{ print $14 + $15 }' "/proc/$router/stat"; }

# A load on a router of a mode: `report`, and the CPU time of an event in µs in `cost`.
measure() {
  export SIGNALBOX__FLAGS__DUAL_MODE=true SIGNALBOX__FLAGS__ENABLE_VALIDATION=true
  case $1 in
    direct) SIGNALBOX__FLAGS__DUAL_MODE=false ;;
    both) SIGNALBOX__FLAGS__ENABLE_VALIDATION=false ;;
  esac
  shift
  start
  local before
  before=$(cpu)
  bench --clients 1 --duration "${seconds}s" --json "$@" >report
  awk "BEGIN { print ($(cpu) - $before) * 1e6 / $(getconf CLK_TCK) / $(published) }" >cost
  stop
}

compare() {
  local load=$1 window=$2
  shift 2
  measure direct --window "$window" "$@"
  local rate=$(($(per_second) / 2))
  printf '\n%s, %s events/s\n' "$load" "$rate"
  rm -f ./*.p99 ./*.cost
  for _ in $(seq "$rounds"); do
    for mode in direct both validated; do
      measure "$mode" --rate "$rate" "$@"
      p99 >>"$mode.p99"
      cat cost >>"$mode.cost"
    done
  done
  printf '%-12s %14s %6s %14s %6s\n' paths 'ingest p99 ms' ratio 'CPU µs/event' ratio
  for mode in direct both validated; do
    awk -v mode="$mode" -v p99="$(median "$mode.p99")" -v p99_1="$(median direct.p99)" \
      -v cost="$(median "$mode.cost")" -v cost_1="$(median direct.cost)" 'BEGIN {
        printf "%-12s %14.1f %6.2f %14.1f %6.2f\n", mode, p99, p99 / p99_1, cost, cost / cost_1 }'
  done
}

compare "single posts on 32 connections" 2000 --publishers 32
compare "arrays of 100 on 4 connections" 2000 --publishers 4 --batch 100
