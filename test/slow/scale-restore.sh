# Sourced by scale.sh: what a restored backup means for tokens, by the commands of docs/scaling.md.
# shellcheck shell=bash

log_in() { post /api/token/ "{\"username\":\"$1\",\"password\":\"$2\"}"; }
part() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/" <<<"$2"; } # access|refresh PAIR
status() { post "$1" "$2" -o /dev/null -w '%{http_code}'; }
verify() { status /api/token/verify/ "{\"token\":\"$1\"}"; }
refresh() { status /api/token/refresh/ "{\"refresh\":\"$1\"}"; }
log_out() { status /api/token/blacklist/ "{\"refresh\":\"$1\"}"; }
commands() { # HEADING: run in the project, with its compose, however that is called
  commands_of docs/scaling.md "$1" | sed "s,docker compose -f compose.scale.yaml,${compose[*]} -p $project -f compose.scale.yaml," >"$work/commands"
  (cd "$work/project" && run_commands "$work/commands") || { tail -20 "$work/commands.out"; return 1; }
}

kept=$(log_in testuser securepassword) refreshed=$(log_in testuser securepassword) ended=$(log_in testuser securepassword)
commands '### A backup'
check 'a backup is taken as the page says' "$?" 0
refreshed_after=$(post /api/token/refresh/ "{\"refresh\":\"$(part refresh "$refreshed")\"}")
log_out "$(part refresh "$ended")" >/dev/null
post /api/users/ '{"username":"latecomer","password":"securepassword"}' >/dev/null
late=$(log_in latecomer securepassword)
check 'before the restore a session that was ended is refused' "$(verify "$(part access "$ended")")" 401

commands '### A restore'
check 'a restore is done as the page says' "$?" 0
for _ in $(seq 300); do curl -fsS -o /dev/null "$url/health/ready" 2>/dev/null && break; sleep 0.1; done
check 'a session of the backup goes on' "$(verify "$(part access "$kept")") $(refresh "$(part refresh "$kept")")" '200 200'
check 'one that was ended after it lives again' "$(verify "$(part access "$ended")")" 200
check 'an access token of a session that was refreshed after it is good' "$(verify "$(part access "$refreshed_after")")" 200
check 'its refresh token counts as reused, and ends the session' "$(refresh "$(part refresh "$refreshed_after")") $(verify "$(part access "$refreshed_after")")" '401 401'
check 'a session that began after it is nobody'"'"'s' "$(verify "$(part access "$late")") $(refresh "$(part refresh "$late")")" '401 401'
post /api/users/ '{"username":"newcomer","password":"securepassword"}' >/dev/null
check 'nor is it when its id is given again' "$(verify "$(part access "$late")")" 401
check 'ids of users that are lost are not given again' "$(as service "select id > 1000000 from users where username = 'newcomer'")" t

commands '### After a restore'
check 'all sessions are ended as the page says' "$?" 0
# Each instance takes it up within a second, so each is asked for some time.
for _ in $(seq 20); do [ "$(verify "$(part access "$kept")") $(verify "$(part access "$kept")") $(verify "$(part access "$kept")")" = '401 401 401' ] && break; sleep 0.2; done
check 'and then no token of before is good' "$(verify "$(part access "$kept")") $(verify "$(part access "$ended")")" '401 401'
again=$(log_in testuser securepassword)
check 'who logs in again goes on' "$(verify "$(part access "$again")")" 200
