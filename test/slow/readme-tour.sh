#!/usr/bin/env bash
# Runs the commands of the README's tour, and those of docs/protecting-an-api.md that introspect a token, as they stand, against a service on its default port.
set -uo pipefail
cd "$(dirname "$0")/../.."
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

# The commands of a section: what is in its blocks of `sh`.
commands_of() { # FILE HEADING
  awk -v heading="$2" '$0 == heading { found = 1; next } /^##+ / { found = 0 } found && /^```sh/ { code = 1; next } /^```/ { code = 0 } found && code' "$1"
}
{ commands_of README.md '## A tour' && commands_of docs/protecting-an-api.md '## Introspection'; } >"$work/tour.sh"
# An answer that is an error fails the command that got it.
echo 'fail-with-body' >"$work/.curlrc"
commands=$(grep -c '^curl\|$(curl\|$(npx' "$work/tour.sh")
if [ "$commands" -ge 7 ] && CURL_HOME="$work" bash -eu -o pipefail "$work/tour.sh" >"$work/out" 2>&1 && grep -q '{"active":true' "$work/out"; then
  echo "ok - the $commands commands of the tour work as printed"
  echo '1 passed, 0 failed'
else
  echo 'not ok - the tour does not work as printed'
  tail -n 20 "$work/out" "$work/log"
  echo '0 passed, 1 failed'
  exit 1
fi
