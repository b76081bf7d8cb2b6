#!/usr/bin/env bash
# Starts compose.scale.yaml with a real Docker engine, as docs/scaling.md says, and checks what that page promises. Prints counts as its last
# line. usage: scale.sh     (root on Debian where no engine answers; one is then installed and started for the run)
set -uo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
. test/slow/engine.sh
. test/slow/tour.sh
project=latchkey-scale-$$ made='' load='' url=http://localhost:3000
export IMAGE=$image

finish() {
  if [ -n "$load" ]; then kill -TERM "$load"; fi 2>/dev/null
  if has_engine; then
    if [ -f "$work/project/compose.scale.yaml" ]; then compose down -v -t 1 >/dev/null 2>&1; fi
    for each in $made; do docker rmi -f "$each" >/dev/null 2>&1; done
  fi
  stop_engine
}
trap finish EXIT
compose() { (cd "$work/project" && "${compose[@]}" -p "$project" -f compose.scale.yaml "$@"); }

start_engine
if docker compose version >/dev/null 2>&1; then
  compose=(docker compose)
else
  command -v docker-compose >/dev/null || packages docker-compose || give_up 'no compose could be installed'
  compose=(docker-compose)
fi
step "compose $("${compose[@]}" version --short)"

# The servers where they can be pulled; else stand-ins of the same names, with what Debian has.
servers_stand_in() {
  local root="$work/servers" archive="$cache/debian-postgresql-15-nginx-light.tar"
  mkdir -p "$cache"
  if [ ! -s "$archive" ]; then
    bootstrap "$root" postgresql-15,nginx-light || return 1
    # Compiles queries, and is larger than all the rest.
    rm -rf "$root"/usr/share/doc/* "$root"/usr/lib/postgresql/15/lib/{bitcode,llvmjit*} "$root"/usr/lib/*/{libLLVM*,libz3*}
    pack "$root" "$archive"
    rm -rf "$root"
  fi
  docker image inspect latchkey-servers >/dev/null 2>&1 || { docker import "$archive" latchkey-servers >/dev/null && made="$made latchkey-servers"; }
}
provide_server() { # IMAGE
  docker image inspect "$1" >/dev/null 2>&1 || docker pull -q "$1" >/dev/null 2>&1 && return
  step "$1 is a stand-in"
  made="$1 $made"
  servers_stand_in && docker build -q -t "$1" -f "test/slow/stand-ins/${1%%:*}.Dockerfile" test/slow/stand-ins >/dev/null || give_up "no image $1"
}
provide_base
for each in $(sed -n 's/^    image: \([a-z]*:[0-9.]*\)$/\1/p' compose.scale.yaml); do provide_server "$each"; done
build_image

# A copy, whose secrets are no others'.
mkdir "$work/project"
cp -r compose.scale.yaml scale "$work/project/"
rm -rf "$work/project/scale/secrets"
(cd "$work/project" && sh scale/make-secrets.sh)
check 'a second run of make-secrets.sh changes no secret' "$(cd "$work/project" && cat scale/secrets/* | sha256sum; sh scale/make-secrets.sh 2>/dev/null; echo $?)" \
  "$(cd "$work/project" && cat scale/secrets/* | sha256sum; echo 1)"
began=$SECONDS
compose up -d >"$work/up.log" 2>&1 || { tail -20 "$work/up.log"; compose logs --tail 20; give_up 'compose.scale.yaml does not start'; }
# nginx listens a moment after its container has started.
for _ in $(seq 100); do curl -fsS -o /dev/null "$url/health/ready" 2>/dev/null && break; sleep 0.1; done
check "compose.scale.yaml starts ($((SECONDS - began)) s)" "$(curl -sS -o /dev/null -w '%{http_code}' "$url/health/ready")" 200

commands_of README.md '## A tour' >"$work/tour"
run_commands "$work/tour"
code=$?
[ "$code" = 0 ] || tail -20 "$work/tour.out"
check "the README's tour passes through nginx" "$code $(grep -c '^curl\|$(curl' "$work/tour")" '0 5'

# The container of a service. Compose itself takes a second to say it.
id_of() { docker ps -aq -f "label=com.docker.compose.project=$project" -f "label=com.docker.compose.service=$1"; }
log_of() { docker logs "$(id_of "latchkey-$1")" 2>&1; }
asked() { log_of "$1" | grep -c '"method":'; }
check 'all three instances answered' "$(for i in 1 2 3; do [ "$(asked $i)" -gt 0 ] && printf y; done)" yyy

# What the roles may do.
database() { docker exec -i "$(id_of database)" "$@"; }
as() { # ROLE SQL
  local password
  password=$(sed 's,.*://[^:]*:\([^@]*\)@.*,\1,' "$work/project/scale/secrets/$1-url")
  database env PGPASSWORD="$password" psql -h database -U "latchkey_$1" -d latchkey -qAt -c "$2" 2>&1 | head -1
}
check 'the role of the service reads and writes rows' "$(as service 'update users set is_active = is_active returning username')" testuser
check 'and makes no table' "$(as service 'create table mine (id int)' | cut -d: -f2-3)" '  permission denied for schema public'
check 'nor changes one' "$(as service 'alter table users add column mine int' | cut -d: -f2-3)" '  must be owner of table users'
check 'a role without its password is let in nowhere' "$(database psql -w -h database -U latchkey_service -d latchkey -c 'select 1' 2>&1 | grep -c 'no password supplied')" 1

# Who the client is: what it says of itself is dropped.
post() { curl -sS "$url$1" -H 'content-type: application/json' "${@:3}" -d "$2"; }
post /api/token/verify/ '{"token":"x"}' -H 'X-Forwarded-For: 203.0.113.9' -H 'X-Request-Id: forged-address' >/dev/null
line() { for i in 1 2 3; do log_of $i; done | grep '"forged-address"'; }
for _ in $(seq 50); do line >/dev/null && break; sleep 0.1; done
check 'a client cannot choose its address' "$(line | grep -c '"ip":"10\.')" 1

. test/slow/scale-losses.sh
. test/slow/scale-restore.sh
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
