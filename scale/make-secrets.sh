#!/bin/sh
# Makes the secrets of compose.scale.yaml, in the folder scale/secrets. Those that are there are not touched: the database has their passwords.
set -eu
cd "$(dirname "$0")"
# The folder keeps others of this machine out. Within it the files are for all to read, because the users of the containers are other ones.
mkdir -m 700 secrets
for role in owner service; do
  printf 'postgres://latchkey_%s:%s@database/latchkey?sslmode=disable' "$role" "$(openssl rand -hex 24)" >secrets/$role-url
done
openssl rand -hex 24 >secrets/superuser-password
openssl rand -base64 32 >secrets/secrets-key
chmod 444 secrets/*
