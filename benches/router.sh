# What the benchmarks share: a router in a temporary folder, and a core for each side. Sourced, with
# the path of the program and a port.

signalbox=$(realpath "$1")
port=${PORT:-$2}
url=http://127.0.0.1:$port
folder=$(mktemp -d)

# Where there are two cores or more, router and generator get one each, so that the generator does
# not take the router's time.
pin() {
  local core=$1
  shift
  if command -v taskset >/dev/null && [ "$(nproc)" -ge 2 ]; then
    exec taskset -c "$core" "$@"
  fi
  exec "$@"
}

# Starts the router, and waits until it is ready; it ends with the script.
start() {
  cd "$folder"
  export SIGNALBOX__SERVER__BIND=127.0.0.1:$port
  (pin 0 "$signalbox" serve >router.log 2>&1) &
  router=$!
  trap 'kill $router 2>/dev/null; wait $router 2>/dev/null; rm -rf "$folder"' EXIT
  for _ in $(seq 100); do
    curl -sf "$url/readyz" >/dev/null && return
    kill -0 $router 2>/dev/null || break
    sleep 0.1
  done
  cat router.log >&2
  exit 1
}

# `signalbox bench` against it.
bench() { (pin 1 "$signalbox" bench --url "$url" "$@"); }
