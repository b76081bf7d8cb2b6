# Sourced by scale.sh: instances that are killed and restarted while clients work.
# shellcheck shell=bash

# Counts of anything but an answer: a POST that had been sent may have been done, so it may be answered 502, and 503 by an instance that stops.
odd() { node -p 'Object.entries(JSON.parse(process.argv[1])).filter(([kind]) => !/^(GET 200|POST (200|201|502|503))$/.test(kind)).join()' "$1"; }
healthy() { # INSTANCE
  for _ in $(seq 300); do [ "$(docker inspect -f '{{.State.Health.Status}}' "$(id_of "$1")")" = healthy ] && return; sleep 0.1; done
}
start_load() {
  node bin/launch.mjs test/slow/scale-load.ts "$url" >"$work/load" 2>&1 &
  load=$!
  for _ in $(seq 300); do grep -q 'all at work' "$work/load" && return; sleep 0.1; done
}
stop_load() {
  kill -TERM "$load" && wait "$load"
  load=''
  answers=$(tail -1 "$work/load")
  step "$answers"
}

start_load
docker kill "$(id_of latchkey-2)" >/dev/null
sleep 1
docker start "$(id_of latchkey-2)" >/dev/null
healthy latchkey-2
stop_load
check 'an instance that is killed costs no answer but that of a POST, and logs nobody out' "$(odd "$answers")" ''
before=$(asked 2)
start_load
compose restart -t 10 latchkey-1 >/dev/null 2>&1
compose stop -t 10 latchkey-3 >/dev/null 2>&1
sleep 1
stop_load
check 'one that is restarted and one that stays away cost no more' "$(odd "$answers")" ''
check 'the one that was killed is back' "$([ "$(asked 2)" -gt "$before" ] && echo yes)" yes
compose restart nginx >/dev/null 2>&1
for _ in $(seq 50); do curl -fsS -o /dev/null "$url/health/ready" 2>/dev/null && break; sleep 0.1; done
check 'nginx starts while an instance is away' "$(curl -sS -o /dev/null -w '%{http_code}' "$url/health/ready")" 200
compose up -d >/dev/null 2>&1
