# Sourced by scale.sh: what a restored backup means for tokens, by the commands of docs/backup.md.
# shellcheck shell=bash

log_in() { post /api/token/ "{\"username\":\"$1\",\"password\":\"$2\"}"; }
part() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/" <<<"$2"; } # access|refresh PAIR
status() { post "$1" "$2" -o /dev/null -w '%{http_code}'; }
verify() { status /api/token/verify/ "{\"token\":\"$1\"}"; }
refresh() { status /api/token/refresh/ "{\"refresh\":\"$1\"}"; }
log_out() { status /api/token/blacklist/ "{\"refresh\":\"$1\"}"; }
commands() { # HEADING: run in the project, with its compose, however that is called
  commands_of docs/backup.md "$1" | sed "s,docker compose -f compose.scale.yaml,${compose[*]} -p $project -f compose.scale.yaml," >"$work/commands"
  (cd "$work/project" && run_commands "$work/commands") || { tail -20 "$work/commands.out"; return 1; }
}

statuses='' kept=$(log_in testuser securepassword) refreshed=$(log_in testuser securepassword) ended=$(log_in testuser securepassword)
commands '### A dump'
check 'a backup is taken as the page says' "$?" 0
refreshed_after=$(post /api/token/refresh/ "{\"refresh\":\"$(part refresh "$refreshed")\"}")
log_out "$(part refresh "$ended")" >/dev/null
post /api/users/ '{"username":"latecomer","password":"securepassword"}' >/dev/null
late=$(log_in latecomer securepassword)
check 'before the restore a session that was ended is refused' "$(verify "$(part access "$ended")")" 401

commands '### A restore of a dump'
check 'a restore is done as the page says' "$?" 0
for _ in $(seq 300); do curl -fsS -o /dev/null "$url/health/ready" 2>/dev/null && break; sleep 0.1; done
for pair in "$kept" "$refreshed" "$ended" "$refreshed_after" "$late"; do
  statuses="$statuses$(verify "$(part access "$pair")")$(refresh "$(part refresh "$pair")") "
done
check 'no token of before is good, neither of the backup nor of the lost time' "$statuses" '401401 401401 401401 401401 401401 '
post /api/users/ '{"username":"newcomer","password":"securepassword"}' >/dev/null
check 'ids of users that are lost are not given again' "$(as service "select id > 1000000 from users where username = 'newcomer'")" t
again=$(log_in testuser securepassword)
check 'who logs in again goes on' "$(verify "$(part access "$again")")" 200
