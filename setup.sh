#!/usr/bin/env bash
# Make this checkout's Python environments, out of nothing but python3 (3.11 or newer).
#
#   ./setup.sh          .venv         the project, its server and tracing extras and the developers' tools
#   ./setup.sh protos   .venv-protos  the stub generator, which needs an older protobuf
#   ./setup.sh rdp      Debian's Remote Desktop programs, which `make rdp` runs; needs root or sudo
#   ./setup.sh faults   Debian's libfaketime, by which `make faults` sets clocks; needs root or sudo
#
# Both environments hold exactly what uv.lock names. `make` calls this when pyproject.toml or uv.lock
# is newer. UV_* and PIP_* are honoured: UV_PYTHON chooses another interpreter, UV_DEFAULT_INDEX or
# PIP_INDEX_URL a mirror (the same files, checked against the hashes in uv.lock).
set -euo pipefail
cd "$(dirname "$0")"

uv_version=0.13.8

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi

can_install() {
  command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null
}

apt_install() {
  "${as_root[@]}" apt-get update -qq >/dev/null || true
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

is_installed() {
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Hosts, a client, an X screen to see it on, what draws on it and reads it, a balancer for gateways.
rdp_packages=(
  xrdp xorgxrdp freerdp2-x11 xvfb x11-apps x11-xserver-utils imagemagick haproxy
)

# install_packages <make target> <package>...
install_packages() {
  local target=$1 missing=() package
  shift
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  can_install ||
    fail "make $target needs packages of Debian 12; type: sudo apt-get install --no-install-recommends ${missing[*]}"
  echo "setup: installing Debian's ${missing[*]}" >&2
  apt_install "${missing[@]}" || fail "apt-get could not install ${missing[*]}; its errors are above"
}

install_rdp() {
  # The package starts a service for the whole network; the tests run xrdp themselves, on loopback.
  if ! is_installed xrdp && can_install && command -v systemctl >/dev/null; then
    "${as_root[@]}" systemctl mask --quiet xrdp.service xrdp-sesman.service
    echo "setup: masked its services; to use xrdp: systemctl unmask xrdp xrdp-sesman" >&2
  fi
  install_packages rdp "${rdp_packages[@]}"
}

case ${1:-} in
  rdp)
    install_rdp
    exit
    ;;
  faults)
    install_packages faults libfaketime
    exit
    ;;
esac

python=$(command -v python3) || fail "python3 is not on PATH; install Python 3.11 or newer"
python=$("$python" -c 'import sys; print(sys.executable)')
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$python is Python $("$python" -V | cut -d' ' -f2); put 3.11 or newer first on PATH as python3"

# Debian ships venv without ensurepip until python3-venv is installed.
ensure_venv() {
  "$python" -c 'import ensurepip, venv' 2>/dev/null && return
  if can_install; then
    echo "setup: $python cannot make virtual environments; installing Debian's python3-venv" >&2
    apt_install python3-venv || true
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
  *) fail "unknown environment '$1'; choose dev, protos, rdp or faults" ;;
esac
