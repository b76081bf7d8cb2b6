#!/bin/bash
# Makes the database and its two roles, once, when the server of compose.scale.yaml makes its files. latchkey_owner has the tables and
# changes them (`latchkey migrate`); latchkey_service, the role of the instances, reads and writes rows.
set -eu
password_of() { sed 's,.*://[^:]*:\([^@]*\)@.*,\1,' "/run/secrets/$1-url"; }

# By the environment: what stands in a command line is seen by all who list processes.
OWNER_PASSWORD=$(password_of owner) SERVICE_PASSWORD=$(password_of service) psql --quiet --no-psqlrc -v ON_ERROR_STOP=1 -U postgres -d postgres <<'SQL'
\getenv owner_password OWNER_PASSWORD
\getenv service_password SERVICE_PASSWORD
create role latchkey_owner login password :'owner_password';
create role latchkey_service login password :'service_password';
-- Sorts by bytes: no upgrade of the system's locales damages an index.
create database latchkey owner latchkey_owner template template0 encoding 'UTF8' locale 'C';
revoke all on database latchkey from public;
grant connect on database latchkey to latchkey_service;
\connect latchkey
-- The owner of a database may make tables in its schema public; nobody else may, from PostgreSQL 15 on.
grant usage on schema public to latchkey_service;
alter default privileges for role latchkey_owner in schema public grant select, insert, update, delete on tables to latchkey_service;
alter default privileges for role latchkey_owner in schema public grant usage on sequences to latchkey_service;
SQL
