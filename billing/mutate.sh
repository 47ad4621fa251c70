#!/usr/bin/env bash
# Takes each line that changes leave in the trail out of the code, one at a time, in a
# copy of the module, and fails unless a test notices.
#
# usage: billing/mutate.sh [word]     only those with the word in the file's name or line
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
only=${1:-}
copy=$(mktemp -d "${TMPDIR:-/tmp}/mutate.XXXXXX")
trap 'rm -rf "$copy"' EXIT
(cd "$root" && git ls-files -c -o --exclude-standard -z | tar -c --null -T - --ignore-failed-read) | tar -x -C "$copy"
cd "$copy"

tests=TestEveryChangeLeavesItsLines
check() { go test -vet=off -count=1 -timeout=120s ./billing -failfast -run "$tests"; }

if ! check >out 2>&1; then
  grep -aE '^ *--- FAIL|^FAIL' out >&2 || cat out >&2
  echo "mutate: the tests fail before anything is taken out" >&2
  exit 1
fi

total=0 wrong=0
while IFS=: read -r file number line; do
  case "$file $line" in *"$only"*) ;; *) continue ;; esac
  total=$((total + 1))
  cp "$file" kept
  sed -i "${number}s/t\.note(/(\&trail{}).note(/" "$file"
  outcome=noticed
  if ! go build ./billing >out 2>&1; then
    outcome='ERROR: it does not compile' wrong=$((wrong + 1))
  elif check >out 2>&1; then
    outcome=SURVIVED wrong=$((wrong + 1))
  fi
  printf '%-28s %-9s %s\n' "$file:$number" "$outcome" "$(echo "$line" | sed 's/^[[:space:]]*//')"
  cp kept "$file"
done < <(grep -n 't\.note(' billing/*.go | grep -v '_test\.go')

echo "$total lines, $((total - wrong)) noticed"
[ "$wrong" -eq 0 ]
