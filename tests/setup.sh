#!/usr/bin/env bash
# Finds what the tests need, and installs what is missing where apt-get and root are at hand.
# Quiet and quick when all is there; otherwise ends with one sentence on what to install.
set -euo pipefail
cd "$(dirname "$0")"

has_postgres() {
  local bin
  for bin in "$(dirname "$(command -v initdb || echo /)")" /usr/lib/postgresql/*/bin; do
    [ -x "$bin/initdb" ] && [ -x "$bin/pg_ctl" ] || continue
    [ "$("$bin/initdb" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')" -ge 15 ] && return 0
  done
  return 1
}

# The servers that tests may start, by their initdb.
servers() {
  local initdb
  for initdb in "$(command -v initdb)" /usr/lib/postgresql/*/bin/initdb; do
    [ ! -x "$initdb" ] || readlink -f "$initdb"
  done | sort -u
}

# The plugin that Supabase Realtime reads changes with: the package of each server without it.
missing_wal2json() {
  local initdb bin
  for initdb in $(servers); do
    bin=$(dirname "$initdb")
    [ -e "$("$bin/pg_config" --pkglibdir 2>/dev/null || echo "$bin/../lib")/wal2json.so" ] ||
      echo "postgresql-$("$initdb" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')-wal2json"
  done
}

has_chromium() {
  [ -x "${CHROMIUM:-}" ] || command -v chromium chromium-browser google-chrome >/dev/null
}

has_node() {
  command -v npm >/dev/null && command -v node >/dev/null &&
    node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)'
}

has_python() {
  command -v python3 >/dev/null &&
    python3 -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Keys of RSA are made as the tests run, so that none stands in a file.
has_openssl() {
  command -v openssl >/dev/null
}

# Debian keeps it where only root's PATH leads.
has_pgbouncer() {
  PATH=$PATH:/usr/sbin command -v pgbouncer >/dev/null
}

# The Debian packages that bring what is missing.
missing() {
  has_postgres || echo postgresql
  missing_wal2json
  has_pgbouncer || echo pgbouncer
  has_chromium || echo chromium
  has_node || echo nodejs npm
  has_python || echo python3 python3-venv
  has_openssl || echo openssl
}

install() {
  local sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo -n)
  command -v apt-get >/dev/null && "${sudo[@]}" true 2>/dev/null || return 1
  echo "tests/setup.sh: installing $*"
  "${sudo[@]}" apt-get -qq update >/dev/null &&
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

packages=$(missing | xargs)
# A second time: which plugin is missing shows when the server is there.
for _ in 1 2; do
  [ -n "$packages" ] || break
  # shellcheck disable=SC2086 # one word per package
  install $packages || break
  packages=$(missing | xargs)
done
if [ -n "$packages" ]; then
  echo "tests/setup.sh: the tests need PostgreSQL 15 or newer (initdb, pg_ctl) with wal2json, PgBouncer, Chromium, Node.js 20 or newer with npm, Python 3.11 or newer with venv, and OpenSSL; still missing here, as Debian names them: $packages" >&2
  exit 1
fi

# npm leaves its own copy of the lock file behind: newer than ours means nothing has changed.
for folder in browser realtime-js; do
  if [ ! "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ]; then
    (cd "$folder" && npm ci --silent --no-audit --no-fund)
  fi
done

# The copy of the list is what was installed.
if ! cmp -s python/requirements.txt python/.venv/requirements.txt; then
  python3 -m venv --clear python/.venv
  python/.venv/bin/pip install --quiet --disable-pip-version-check --requirement python/requirements.txt
  cp python/requirements.txt python/.venv/requirements.txt
fi
