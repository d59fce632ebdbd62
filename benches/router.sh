# What the benchmarks share: a router in a temporary folder, and a core for each side. Sourced, with
# the path of the program and a port.

signalbox=$(realpath "$1")
port=${PORT:-$2}
url=http://127.0.0.1:$port
folder=$(mktemp -d)
router=
trap 'stop; rm -rf "$folder"' EXIT
cd "$folder"

# Where there are two cores or more, router and generator get one each, so that the generator does
# not take the router's time; with SHARED=1 both may take all.
pin() {
  local core=$1
  shift
  if [ -z "${SHARED:-}" ] && command -v taskset >/dev/null && [ "$(nproc)" -ge 2 ]; then
    exec taskset -c "$core" "$@"
  fi
  exec "$@"
}

# Starts a router that has stored nothing, and waits until it is ready; it ends with the script.
start() {
  rm -rf router
  mkdir router
  export SIGNALBOX__SERVER__BIND=127.0.0.1:$port
  (cd router && pin 0 "$signalbox" serve >router.log 2>&1) &
  router=$!
  for _ in $(seq 100); do
    curl -sf "$url/readyz" >/dev/null && return
    kill -0 $router 2>/dev/null || break
    sleep 0.1
  done
  cat router/router.log >&2
  exit 1
}

# Stops it.
stop() {
  [ -z "$router" ] && return
  kill "$router" 2>/dev/null || true
  wait "$router" 2>/dev/null || true
  router=
}

# `signalbox bench` against it.
bench() { (pin 1 "$signalbox" bench --url "$url" "$@"); }
