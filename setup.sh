#!/usr/bin/env bash
# Make this checkout's Python environments, out of nothing but python3 (3.11 or newer).
#
#   ./setup.sh          .venv         the project, its server and tracing extras and the developers' tools
#   ./setup.sh protos   .venv-protos  the stub generator, which needs an older protobuf
#
# Both hold exactly what uv.lock names. `make` calls this when pyproject.toml or uv.lock is newer.
# UV_* and PIP_* are honoured: UV_PYTHON chooses another interpreter, UV_DEFAULT_INDEX or
# PIP_INDEX_URL a mirror (the same files, checked against the hashes in uv.lock).
set -euo pipefail
cd "$(dirname "$0")"

uv_version=0.13.8

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

python=$(command -v python3) || fail "python3 is not on PATH; install Python 3.11 or newer"
python=$("$python" -c 'import sys; print(sys.executable)')
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$python is Python $("$python" -V | cut -d' ' -f2); put 3.11 or newer first on PATH as python3"

# Debian ships venv without ensurepip until python3-venv is installed.
ensure_venv() {
  "$python" -c 'import ensurepip, venv' 2>/dev/null && return
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then sudo=(sudo -n); fi
  if command -v apt-get >/dev/null && "${sudo[@]}" true 2>/dev/null; then
    echo "setup: $python cannot make virtual environments; installing Debian's python3-venv" >&2
    "${sudo[@]}" apt-get update -qq >/dev/null || true
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -qq -y --no-install-recommends python3-venv >/dev/null || true
  fi
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot make virtual environments; type: sudo apt-get install python3-venv"
}

# uv has a small environment of its own: `uv sync` would remove it from the one it fills.
uv=.venv-uv/bin/uv
if [ "$("$uv" --version 2>/dev/null | cut -d' ' -f2)" != "$uv_version" ]; then
  ensure_venv
  "$python" -m venv --clear .venv-uv
  .venv-uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
fi

export UV_PYTHON=${UV_PYTHON:-$python} UV_PYTHON_DOWNLOADS=never
if [ -z "${SSL_CERT_FILE:-}" ] && [ -n "${PIP_CERT:-}" ]; then export SSL_CERT_FILE=$PIP_CERT; fi
mirror=${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-${PIP_INDEX_URL:-}}}
unset VIRTUAL_ENV UV_DEFAULT_INDEX UV_INDEX_URL

# uv.lock names PyPI's own addresses, so `uv sync` cannot take the same files from a mirror.
fill() {
  local environment=$1
  shift
  echo "setup: filling $environment with what uv.lock names" >&2
  rm -f "$environment/.complete"
  if [ -z "$mirror" ]; then
    UV_PROJECT_ENVIRONMENT=$environment "$uv" sync --quiet --locked "$@"
  else
    "$uv" venv --quiet --allow-existing "$environment"
    "$uv" export --quiet --frozen --no-emit-project "$@" |
      UV_DEFAULT_INDEX=$mirror "$uv" pip sync --quiet --python "$environment" --require-hashes -
    [ "$environment" = .venv-protos ] ||
      UV_DEFAULT_INDEX=$mirror "$uv" pip install --quiet --python "$environment" --no-deps --editable .
  fi
  touch "$environment/.complete"
}

case ${1:-dev} in
  dev) fill .venv --extra server --extra tracing --group dev ;;
  protos) fill .venv-protos --only-group protos ;;
  *) fail "unknown environment '$1'; choose dev or protos" ;;
esac
