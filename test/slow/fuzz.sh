#!/usr/bin/env bash
# Lets Schemathesis ask whatever the API document allows, and what it does not, of every operation, without a token and with
# one, and of administration with that of staff. Prints counts as its last line.
set -uo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d) passed=0 failed=0 service=''
document=$work/openapi.json version=4.32.5 wanted=20000
# Examples an operation and pass.
examples=${FUZZ_EXAMPLES:-450}

check() { # WHAT GOT WANTED
  if [ "$2" = "$3" ]; then passed=$((passed + 1)); echo "ok - $1"; else failed=$((failed + 1)); echo "not ok - $1: got '$2', wanted '$3'"; fi
}
finish() {
  if [ -n "$service" ]; then kill -TERM "$service" && wait "$service"; fi 2>/dev/null
  rm -rf "$work"
}
trap finish EXIT
give_up() { echo "# $*"; echo "$passed passed, $((failed + 1)) failed"; exit 1; }

# Kept between runs: some hundred packages.
environment="${XDG_CACHE_HOME:-$HOME/.cache}/latchkey/schemathesis-$version"
if [ ! -x "$environment/bin/schemathesis" ]; then
  python3 -m venv "$environment" && "$environment/bin/pip" install -q "schemathesis==$version" >"$work/pip" 2>&1 || { tail -5 "$work/pip"; give_up 'Schemathesis cannot be installed'; }
fi

# The document has JSON alone; every body may be a form, too.
node -e '
  const document = JSON.parse(fs.readFileSync("openapi.json"))
  const bodies = Object.values(document.paths).flatMap(Object.values).flatMap(({ requestBody }) => requestBody ?? [])
  for (const { content } of bodies) content["application/x-www-form-urlencoded"] = content["application/json"]
  fs.writeFileSync(process.argv[1], JSON.stringify(document))
' "$document"

# Cheap hashes. The log counts the requests.
export DATABASE_URL="file:$work/latchkey.db"
PORT=0 ARGON2_MEMORY_KIB=1024 ARGON2_ITERATIONS=1 LIMITS=off \
  node bin/launch.mjs server.ts >"$work/log" 2>&1 </dev/null &
service=$!
for _ in $(seq 100); do grep -q 'listens on' "$work/log" && break; sleep 0.1; done
url=$(grep -o 'http://127.0.0.1:[0-9]*' "$work/log" | head -1)
[ -n "$url" ] || { tail -5 "$work/log"; give_up 'the service does not start'; }
send() { curl -sS "$url$1" -H 'content-type: application/json' -d "$2"; }

# The document's examples are this user's; the token is another's, whose password is no example.
send /api/users/ '{"username":"testuser","password":"securepassword"}' >/dev/null
send /api/users/ '{"username":"fuzzer","password":"nobody knows it"}' >/dev/null
# Staff, and a superuser: whoever knows no password of its own does what takes none.
send /api/users/ '{"username":"keeper","password":"nobody knows it"}' >/dev/null
python3 -c 'import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); \
  db.execute("update users set is_staff = 1, is_superuser = 1 where username = ?", ("keeper",))' "$work/latchkey.db"
client=$(node bin/latchkey.mjs clients create fuzzer --json | sed 's/.*"client_id":"\([^"]*\)","client_secret":"\([^"]*\)".*/\1:\2/')

checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance
fuzz() { # NAME ARGUMENT…
  local name=$1 code
  shift
  (cd "$work" && "$environment/bin/schemathesis" run "$document" --url "$url" --checks "$checks" --phases examples,coverage,fuzzing --max-examples "$examples" \
    --continue-on-failure --suppress-health-check all --warnings off --request-timeout 10 "$@") >"$work/$name" 2>&1
  code=$?
  grep -E -A1 'Test cases|Seed' "$work/$name" | sed "s/^/# $name: /"
  [ $code = 0 ] || sed -n '/FAILURES/,$p;/ERRORS/,$p' "$work/$name" | head -150
  return $code
}
# Whoever is not staff is refused there before anything is read: that is what staff is for.
administration='^/api/(events/|users/(\{id\}/.*|create/))$'
# At once, for it is the fuzzer that takes the time.
fuzz without-a-token --exclude-path-regex "$administration" &
without=$!
SCHEMATHESIS_HOOKS="$PWD/test/slow/fuzz_login.py" FUZZ_URL=$url FUZZ_CLIENT=$client fuzz with-a-token --exclude-path-regex "$administration" &
with=$!
wait $without
check 'nothing is found without a token' "$?" 0
wait $with
check 'nothing is found with a token' "$?" 0
# After them, for it disables whomever it finds.
SCHEMATHESIS_HOOKS="$PWD/test/slow/fuzz_login.py" FUZZ_URL=$url FUZZ_CLIENT=$client FUZZ_USER=keeper \
  fuzz as-staff --include-path-regex "$administration|^/api/users/$"
check 'nothing is found by staff' "$?" 0
looked=$(grep -E '"path":"/api/(events|users|users/:id[^"]*)/"' "$work/log" | grep -cE '"method":"(GET|PATCH|DELETE)".*"status":(200|204|400|404)')
check "who saw and changed something, often enough ($looked)" "$([ "$looked" -ge "$examples" ] && echo yes)" yes
inside=$(grep '"path":"/api/users/me' "$work/log" | grep -cE '"status":(200|204|400|404)')
check "the token opened what asks for one, often enough ($inside)" "$([ "$inside" -ge "$examples" ] && echo yes)" yes
introspected=$(grep '"path":"/api/token/introspect' "$work/log" | grep -c '"status":200')
check "and the client what asks for one ($introspected)" "$([ "$introspected" -ge $((examples / 20)) ] && echo yes)" yes
requests=$(grep -c '"status":' "$work/log")
check "at least $wanted requests ($requests)" "$([ "$requests" -ge "$wanted" ] && echo yes)" yes
# The schema of an error names no codes: new ones may come. The examples do.
undocumented=$(node -e '
  const { paths } = JSON.parse(fs.readFileSync(process.argv[1]))
  const refused = fs.readFileSync(process.argv[2], "utf8").split("\n").filter((line) => line.includes("\"code\":\""))
  const unknown = refused.map(JSON.parse).filter(({ method, path, status, code }) => {
    const operation = status !== undefined && paths[path?.replace(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()]
    return operation && !(code in (operation.responses[status]?.content["application/problem+json"].examples ?? {}))
  })
  console.log([...new Set(unknown.map(({ method, path, status, code }) => `${method} ${path} ${status} ${code}`))].join(", "))
' "$document" "$work/log")
check 'every code stands in the document, under its operation and status' "$undocumented" ''
check 'no request was a fault of the service' "$(grep -c '"status":500' "$work/log")" 0
kill -TERM "$service"
wait "$service"
check 'and it stops as it should' "$?" 0
service=''
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
