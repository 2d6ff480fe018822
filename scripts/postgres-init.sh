#!/bin/sh
# Prefect's database and user, and the password of Supabase Auth's user, in a Postgres that has just been made. The
# image of docker-compose.yml runs it last; elsewhere: PGHOST=… PGPASSWORD=… POSTGRES_USER=… sh postgres-init.sh
# Passwords go from the environment to the server, and never over a command line.
set -eu
: "${PREFECT_DATABASE_PASSWORD:?}"
: "${AUTH_DATABASE_PASSWORD:?}"
export PGHOST="${PGHOST:-${POSTGRES_HOST:-/run/postgresql}}" PGPASSWORD="${PGPASSWORD:-${POSTGRES_PASSWORD:-}}"
psql --no-psqlrc --no-password --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-supabase_admin}" postgres <<'SQL'
\getenv prefect PREFECT_DATABASE_PASSWORD
\getenv auth AUTH_DATABASE_PASSWORD
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
CREATE ROLE prefect LOGIN PASSWORD :'prefect';
CREATE DATABASE prefect OWNER prefect;
REVOKE CONNECT ON DATABASE prefect FROM PUBLIC;
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'supabase_auth_admin') AS supabase \gset
\if :supabase
ALTER ROLE supabase_auth_admin PASSWORD :'auth';
\endif
\connect prefect
CREATE EXTENSION IF NOT EXISTS pg_trgm;
SQL
