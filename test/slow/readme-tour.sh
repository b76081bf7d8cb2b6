#!/usr/bin/env bash
# Runs the commands of the README's tour, and those of docs/protecting-an-api.md that introspect a token, as they stand, against a service on its default port.
set -uo pipefail
cd "$(dirname "$0")/../.."
. test/slow/tour.sh
work=$(mktemp -d)
export DATABASE_URL="file:$work/latchkey.db"
node bin/launch.mjs --max-semi-space-size=4 server.ts >"$work/log" 2>&1 </dev/null &
service=$!
trap 'kill -TERM $service 2>/dev/null; wait $service; rm -rf "$work"' EXIT
# Its own word, not an answer on the port: another program may have that.
for _ in $(seq 100); do
  grep -q 'listens on' "$work/log" && break
  kill -0 $service 2>/dev/null || break
  sleep 0.1
done
if ! grep -q 'listens on' "$work/log"; then
  echo 'not ok - the service does not start on its default port'
  tail -5 "$work/log"
  echo '0 passed, 1 failed'
  exit 1
fi

{ commands_of README.md '## A tour' && commands_of docs/protecting-an-api.md '## Introspection'; } >"$work/tour.sh"
commands=$(grep -c '^curl\|$(curl\|$(npx' "$work/tour.sh")
if [ "$commands" -ge 7 ] && run_commands "$work/tour.sh" && grep -q '{"active":true' "$work/tour.sh.out"; then
  echo "ok - the $commands commands of the tour work as printed"
  echo '1 passed, 0 failed'
else
  echo 'not ok - the tour does not work as printed'
  tail -n 20 "$work/tour.sh.out" "$work/log"
  echo '0 passed, 1 failed'
  exit 1
fi
