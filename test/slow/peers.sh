#!/usr/bin/env bash
# Lets the JWT libraries of other languages check Latchkey's tokens, by the programs that docs/checking-tokens.md shows: they accept an
# access token and nothing else. Prints counts as its last line.
# usage: peers.sh     (root on Debian where a toolchain is missing; it is then installed)
set -uo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d) passed=0 failed=0
declare -A running
peers=$PWD/test/slow/peers
# What was built is kept between runs; what was downloaded for it stays where each tool keeps its downloads.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/latchkey-peers"

check() { # WHAT GOT WANTED
  if [ "$2" = "$3" ]; then passed=$((passed + 1)); echo "ok - $1"; else failed=$((failed + 1)); echo "not ok - $1: got '$2', wanted '$3'"; fi
}
stop() { # PID
  unset "running[$1]"
  kill -TERM "$1" && wait "$1"
} 2>/dev/null
finish() {
  for pid in "${!running[@]}"; do stop "$pid"; done
  rm -rf "$work"
}
trap finish EXIT
give_up() { echo "# $*"; echo "$passed passed, $((failed + 1)) failed"; exit 1; }

# Installs a Debian package if its program is missing.
package() { # NAME PROGRAM
  command -v "$2" >/dev/null || { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$1"; } >>"$work/apt" 2>&1
}
# Where the program of this folder is when it has been built: another source has another place.
built() { # FOLDER
  echo "$cache/$1-$(cd "$peers/$1" && find . -type f | sort | xargs sha256sum | sha256sum | cut -c1-16)"
}
# Builds a copy of the folder by the function `build_FOLDER`, into the place that this is given.
build() { # FOLDER
  local place
  place=$(built "$1")
  [ -e "$place/complete" ] && return
  rm -rf "$cache/$1"-*
  mkdir -p "$place" && cp -r "$peers/$1" "$work/$1" && (cd "$work/$1" && "build_$1" "$place") >"$work/$1.log" 2>&1 && touch "$place/complete" ||
    { tail -20 "$work/$1.log"; return 1; }
}
build_pyjwt() { python3 -m venv "$1" && "$1/bin/pip" install -q -r requirements.txt; }
build_go() { go build -o "$1/" ./...; }
build_jsonwebtoken() { CARGO_PROFILE_DEV_DEBUG=0 cargo install -q --debug --locked --path . --root "$1" --target-dir "$work/target"; }
build_spring() { mvn -q -B package && cp target/spring.jar "$1/"; }

package golang-go go
package cargo cargo
package maven mvn
package default-jdk-headless javac
# Another run on this machine waits until these are built.
mkdir -p "$cache" && exec 9>"$cache/lock" && flock 9
# The longest on one core, the others on the other.
broken=''
build jsonwebtoken &
longest=$!
for folder in pyjwt go spring; do build $folder || broken+=" $folder"; done
wait $longest || broken+=' jsonwebtoken'
exec 9>&-
[ -z "$broken" ] || give_up "cannot be built:$broken"
pyjwt=$(built pyjwt) go=$(built go) jsonwebtoken=$(built jsonwebtoken) spring=$(built spring)

free_port() { node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'; }
await() { # PID LOG WHAT-IT-SAYS
  for _ in $(seq 600); do
    grep -qs "$3" "$2" && return
    kill -0 "$1" 2>/dev/null || break
    sleep 0.1
  done
  tail -5 "$2"
  give_up 'a service does not start'
}
# Starts a Latchkey on a database of this name; its `pid` and `url`.
latchkey() { # DATABASE PORT SETTING=VALUE…
  local log="$work/latchkey-$2.log"
  url=http://127.0.0.1:$2
  env HOST=127.0.0.1 PORT="$2" PUBLIC_URL="$url" DATABASE_URL="file:$work/$1.db" ACCESS_TOKEN_TTL=3600 \
    ARGON2_MEMORY_KIB=1024 ARGON2_ITERATIONS=1 "${@:3}" \
    node bin/launch.mjs server.ts >"$log" 2>&1 </dev/null &
  pid=$!
  running[$pid]=1
  await $pid "$log" 'listens on'
}
send() { curl -sS "$url$1" -H 'content-type: application/json' -d "$2"; }
# The tokens of a login, `access` and `refresh`, by a user of this name, who is registered first if need be.
log_in() { # NAME
  local account="{\"username\":\"$1\",\"password\":\"a long enough one\"}" tokens
  send /api/users/ "$account" >/dev/null
  tokens=$(send /api/token/ "$account")
  access=$(sed 's/.*"access":"\([^"]*\)".*/\1/' <<<"$tokens") refresh=$(sed 's/.*"refresh":"\([^"]*\)".*/\1/' <<<"$tokens")
}
# The access token that another Latchkey gives the user: `foreign`.
log_in_elsewhere() { # DATABASE SETTING=VALUE…
  local access refresh url pid
  latchkey "$1" "$(free_port)" "${@:2}"
  # The user's id is the second, so that no program prints it by accident.
  log_in first
  log_in peer
  foreign=$access
  stop $pid
}
# The token with one byte in the middle of its signature changed.
tampered() { # TOKEN
  local at=$((${#1} - 40)) other=A
  [ "${1:at:1}" = A ] && other=B
  echo "${1:0:at}$other${1:at+1}"
}

libraries=(jose pyjwt golang-jwt go-oidc jsonwebtoken spring)
# Starts Spring's service; `pid` and `spring_url`.
serve_spring() { # SETTING=VALUE…
  local port log
  port=$(free_port)
  log="$work/spring-$port.log"
  spring_url=http://127.0.0.1:$port
  env "$@" java -XX:TieredStopAtLevel=1 -jar "$spring/spring.jar" --server.address=127.0.0.1 --server.port="$port" >"$log" 2>&1 </dev/null &
  pid=$!
  running[$pid]=1
  await $pid "$log" 'Started Application'
}
ask_spring() { # TOKEN
  local status
  status=$(curl -sS -D "$work/reason" -o "$work/user" -w '%{http_code}' "$spring_url/me" -H "Authorization: Bearer $1")
  case $status in
    200) cat "$work/user" ;;
    401) grep -i '^www-authenticate' "$work/reason" >&2; return 1 ;;
    *) echo "status $status" ;;
  esac
}
ask() { # LIBRARY TOKEN
  case $1 in
    jose) node "$peers/jose/check.mjs" "$2" ;;
    pyjwt) "$pyjwt/bin/python" "$peers/pyjwt/check.py" "$2" ;;
    golang-jwt | go-oidc) "$go/$1" "$2" ;;
    jsonwebtoken) "$jsonwebtoken/bin/check-token" "$2" ;;
    spring) ask_spring "$2" ;;
  esac
}
# What a library says of a token: the user's id, or `refused`.
verdict() { # LIBRARY TOKEN
  ask "$1" "$2" 2>"$work/why" || echo refused
}
accepts() { # WHAT LIBRARY TOKEN
  local said
  said=$(verdict "$2" "$3")
  check "$2 accepts $1" "$said" "$user"
  [ "$said" = "$user" ] || sed 's/^/# /' "$work/why"
}
refuses() { # WHAT LIBRARY TOKEN
  check "$2 refuses $1" "$(verdict "$2" "$3")" refused
}
# Every library accepts the access token that Latchkey issues under these settings, and none of the tokens that are not for it.
ask_all() { # PROFILE
  local library
  for library in "${libraries[@]}"; do
    accepts "an access token ($1)" "$library" "$access"
    refuses "the refresh token ($1)" "$library" "$refresh"
    refuses "an access token with a byte changed ($1)" "$library" "$(tampered "$access")"
    refuses "an access token of another Latchkey ($1)" "$library" "$stranger"
    refuses "one of the same keys for another issuer ($1)" "$library" "$other_issuer"
    if [ -n "${AUDIENCE:-}" ]; then refuses "one of the same keys for another audience ($1)" "$library" "$other_audience"; fi
  done
}
# Starts a Latchkey, which goes on running, and others for the tokens that are not for it; `ISSUER` is exported for the programs.
prepare() { # DATABASE SETTING=VALUE…
  # The key set has a key of another algorithm too, as after a change of it.
  log_in_elsewhere "$1" "${@:2}" JWT_ALGORITHM=EdDSA
  latchkey "$1" "$(free_port)" "${@:2}"
  export ISSUER=$url
  latchkey_pid=$pid
  log_in peer
  check "the key set has keys of two algorithms ($1)" "$(curl -sS "$url/.well-known/jwks.json" | grep -oE '"alg":"(ES256|EdDSA)"' | sort -u | wc -l)" 2
  user=$(curl -sS "$url/api/users/me/" -H "Authorization: Bearer $access" | sed 's/.*"id":\([0-9]*\).*/\1/')
  log_in_elsewhere "$1-stranger" "${@:2}"
  stranger=$foreign
  log_in_elsewhere "$1" "${@:2}" JWT_ISSUER=https://other.example
  other_issuer=$foreign
}

unset AUDIENCE
prepare simple
serve_spring
ask_all 'by default'
stop $pid
serve_spring SPRING_SECURITY_OAUTH2_RESOURCESERVER_JWT_JWKSETURI=
accepts 'an access token, with the keys found by the issuer alone' spring "$access"
refuses 'the refresh token, with the keys found by the issuer alone' spring "$refresh"
stop $pid
stop $latchkey_pid

export AUDIENCE=https://shop.example
profile=(JWT_PROFILE=rfc9068 JWT_AUDIENCE=$AUDIENCE)
prepare rfc9068 "${profile[@]}"
log_in_elsewhere rfc9068 "${profile[@]}" JWT_ISSUER="$ISSUER" JWT_AUDIENCE=https://other.example
other_audience=$foreign
serve_spring SPRING_PROFILES_ACTIVE=rfc9068
ask_all rfc9068
stop $pid
serve_spring
refuses 'an access token of RFC 9068 that it was not told of' spring "$access"
stop $pid
stop $latchkey_pid

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
