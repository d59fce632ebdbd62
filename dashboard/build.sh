#!/usr/bin/env bash
# Makes dashboard/dist: what the router's own build puts into the binary. Quiet and quick when nothing has changed.
#
# With --optional it says what is missing where there is no Node.js, and leaves it at that: the router is built without it.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v npm >/dev/null || ! node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' 2>/dev/null; then
  echo "dashboard/build.sh: what browsers get needs Node.js 20 or newer, with npm, to be built." >&2
  [ "${1:-}" = "--optional" ] && exit 0
  exit 1
fi

# npm leaves its own copy of the lock file behind: newer than ours means nothing has changed.
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  npm ci --silent --no-audit --no-fund
  touch node_modules/.package-lock.json
fi

newer=$(find -L src index.html package.json package-lock.json vite*.config.ts tsconfig*.json -type f -newer dist/client.js -print -quit 2>/dev/null || echo all)
if [ ! -e dist/client.js ] || [ ! -e dist/page/index.html ] || [ -n "$newer" ]; then
  npm run --silent build
  touch dist/client.js
fi
