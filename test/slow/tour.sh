# Sourced: the commands that documentation shows, run as they stand.
# shellcheck shell=bash

# The commands of a section: what is in its blocks of `sh`.
commands_of() { # FILE HEADING
  awk -v heading="$2" '$0 == heading { found = 1; next } /^##+ / { found = 0 } found && /^```sh/ { code = 1; next } /^```/ { code = 0 } found && code' "$1"
}

# Runs a file of commands to its end or to the first that fails, which one does that gets an error as its answer. What they print is in FILE.out.
run_commands() { # FILE
  local home
  home=$(mktemp -d)
  echo 'fail-with-body' >"$home/.curlrc"
  CURL_HOME="$home" bash -eu -o pipefail "$1" >"$1.out" 2>&1
  local code=$?
  rm -rf "$home"
  return $code
}
