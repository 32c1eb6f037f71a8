#!/usr/bin/env bash
# The five-minute tour of README.md, command by command, against services of its own.
#
# Type `make tour`, or run this file with `deskhold` and the project's Python first on PATH. It
# works in a temporary directory, on free ports, and leaves nothing behind. Each command of the
# README is printed before its output; what follows it here is what that output must show. The exit
# code is 0 only when all of it does.
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
PATH=$repository/.venv/bin:$PATH
scratch=$(mktemp -d)
output=$scratch/output

fail() {
  if [ -s "$scratch/services.log" ]; then
    printf '\ntour: the services said last:\n' >&2
    tail -n 20 "$scratch/services.log" >&2
  fi
  printf '\ntour: %s\n' "$*" >&2
  exit 1
}

stop_all() {
  local code=$?
  trap - EXIT INT TERM
  local started
  started=$(jobs -p)
  # The launchers stop the services they started.
  # shellcheck disable=SC2086
  [ -z "$started" ] || kill $started 2>/dev/null || true
  wait
  rm -rf "$scratch"
  exit "$code"
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Print a command, run it, show what it says and keep it for the checks.
run() {
  printf '\n$ %s\n' "$1"
  bash -o pipefail -c "$1" >"$output" 2>&1 </dev/null || fail "that failed with exit code $?: $(cat "$output")"
  cat "$output"
}

# Print a command that stays in the foreground of a terminal of its own, and start it.
run_beside() {
  printf '\n$ %s\n' "$1"
  bash -c "exec $1" >>"$scratch/services.log" 2>&1 </dev/null &
}

shows() {
  grep -qF -e "$1" "$output" || fail "expected '$1' in the output above"
}

# The value that a line `TITLE:  value` of the last output gives.
shown() {
  sed -n "s/^$1: *//p" "$output"
}

# Wait until a command succeeds, looking ten times a second, while a launcher is still there.
await() {
  local launcher=$!
  until bash -c "$1" >/dev/null 2>&1; do
    kill -0 "$launcher" 2>/dev/null || fail "the services ended before '$1' succeeded"
    sleep 0.1
  done
}

free_ports() {
  python - <<'PY'
import contextlib, random, socket

while True:
    base = random.randrange(20000, 32000)
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
        for port in range(base, base + 3):
            stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
        print(base)
        break
PY
}

# Here ./var is the tour's own: every command is spelled as in a checkout after `make run`.
while IFS= read -r setting; do unset "$setting"; done < <(compgen -e DESKHOLD_)
cd "$scratch"
ln -s "$repository/examples" examples
DESKHOLD_EMBEDDED_PORTS_FROM=$(free_ports) \
  python -m deskhold.embedded >"$scratch/services.log" 2>&1 </dev/null &
await "grep -q 'In another terminal' services.log"

# From here on single quotes are meant: the commands are expanded when they run.
# shellcheck disable=SC2016
{
  # Sign in
  run 'deskhold bootstrap --owner admin@contoso.com'
  shows 'is the first Owner'
  run 'deskhold login --user admin@contoso.com'

  # A collection with 1,000 hosts
  run 'deskhold collection create engineering --type personal --auto-assign -o name'
  run 'seq -f DESK-%04g 1000 | deskhold host add --collection engineering -o name - | tail -n 1'
  shows 'collections/engineering/hosts/DESK-1000'

  # 1,000 assignments in, and out again
  run 'head -n 3 examples/assignments.csv'
  run 'deskhold assignment import --collection engineering examples/assignments.csv'
  [ "$(shown ASSIGNED)" = 1000 ] || fail 'the import did not assign 1000 hosts'
  run 'deskhold assignment export --collection engineering var/exported.csv'
  run 'diff <(tr -d '\''\r"'\'' < examples/assignments.csv | sort) <(awk -F, '\''{print $2 "," $1}'\'' var/exported.csv | sort) && echo equal'
  shows equal
  [ "$(wc -l <var/exported.csv)" = 1001 ] || fail 'the export does not hold 1000 rows'

  # A new user
  run 'deskhold role-assignment create --role "RDS User" --group staff --collection engineering'
  run 'deskhold login --user nina@contoso.com --group staff --token-file var/nina.token'
  run 'deskhold connect engineering --token-file var/nina.token || echo "exit code $?"'
  shows 'all 1000 hosts'
  shows 'exit code 1'
  run 'deskhold host add --collection engineering DESK-1001 DESK-1002 DESK-1003'
  run 'deskhold connect engineering --token-file var/nina.token'
  first=$(shown HOST)
  case $first in DESK-100[123]) ;; *) fail "nina was sent to '$first', which was not free" ;; esac
  run 'deskhold connect engineering --token-file var/nina.token -o name'
  shows "hosts/$first"
  run 'deskhold connect engineering --token-file var/nina.token -o rdp > var/nina.rdp'
  run 'iconv -f utf-16 -t utf-8 var/nina.rdp | head -n 3'
  shows "full address:s:$first:3389"

  # A reader
  run 'deskhold role-assignment create --role "RDS Reader" --user ray@contoso.com --collection engineering -o name'
  run 'deskhold login --user ray@contoso.com --token-file var/ray.token'
  run 'deskhold assignment list --collection engineering --host DESK-0001 --token-file var/ray.token'
  run 'deskhold assignment remove --collection engineering --host DESK-0001 --force --token-file var/ray.token || echo "exit code $?"'
  shows 'deskhold.resources/assignments/'
  shows '/tenantGroups/default/tenants/default/collections/engineering'
  shows 'exit code 4'

  # Without the authority
  run 'deskhold assignment export --collection engineering var/before.csv'
  rbac=$(cat var/run/rbac.pid)
  run 'kill -9 $(cat var/run/rbac.pid)'
  tail -s 0.1 --pid="$rbac" -f /dev/null
  run 'deskhold assignment remove --collection engineering --host DESK-0001 --force || echo "exit code $?"'
  shows AUTHORITY_UNAVAILABLE
  shows 'exit code 5'
  run_beside 'python -m deskhold.embedded run rbac'
  await 'deskhold collection show engineering'
  run 'deskhold assignment export --collection engineering var/after.csv'
  run 'cmp var/before.csv var/after.csv && echo unchanged'
  shows unchanged
}

[ "$(wc -l <var/after.csv)" = 1002 ] || fail 'there are not 1001 assignments at the end'
printf '\ntour: everything was as the README says\n'
