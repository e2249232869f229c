-- Bookkeeping of schema migrations (src/pg/migrations.cpp).

-- name: applied
SELECT level, name, checksum, compatible_from, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM schema_migrations ORDER BY level

-- name: table_exists
SELECT to_regclass('schema_migrations') IS NOT NULL

-- name: begin
BEGIN; SET LOCAL statement_timeout = 0

-- name: commit
COMMIT

-- name: record
INSERT INTO schema_migrations (level, name, checksum, compatible_from) VALUES ($1, $2, $3, $4)

-- name: try_lock
SELECT pg_try_advisory_lock(7105421377)

-- name: unlock
SELECT pg_advisory_unlock(7105421377)

-- name: create_table
CREATE TABLE IF NOT EXISTS schema_migrations (
    level            integer PRIMARY KEY,
    name             text NOT NULL,
    checksum         text NOT NULL,
    compatible_from  integer NOT NULL,
    applied_at       timestamptz NOT NULL DEFAULT now()
)
