#!/usr/bin/env bash
# Refuse an incompatible change of the API (`buf breaking`). Changes nothing on disk.
#
# Compared with what others may already have: where this branch left origin/main (or main, without a
# remote). Is that the very commit checked out, as in a fresh clone, then with its parent, unless
# there are changes not committed yet. AGAINST=<commit> chooses another. A first commit breaks nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

has() { git rev-parse --quiet --verify "$1^{commit}" >/dev/null; }

skip() {
  echo "buf breaking: $1; nothing to compare with"
  exit 0
}

has HEAD || skip "no commit yet"
if [ -n "${AGAINST:-}" ]; then
  base=$AGAINST
else
  trunk=main
  has origin/main && trunk=origin/main
  base=$(git merge-base HEAD "$trunk" 2>/dev/null || git rev-parse HEAD)
  if [ "$base" = "$(git rev-parse HEAD)" ] && [ -z "$(git status --porcelain -- protos)" ]; then
    base=HEAD~1
  fi
fi
has "$base" || skip "$base is not here"
git cat-file -e "$base:protos" 2>/dev/null || skip "no protos in $base"

was=$(mktemp -d)
trap 'rm -rf "$was"' EXIT
git archive "$base" buf.yaml protos third_party | tar -x -C "$was"
"${BUF:-buf}" breaking --against "$was"
