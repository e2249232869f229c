-- Statements of sessions and migrations (src/db).

-- name: migrations_applied
-- row: level int4, name text, checksum text, compatible_from int4, applied_at text
SELECT level, name, checksum, compatible_from,
       to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS applied_at
FROM schema_migrations ORDER BY level

-- name: migrations_table_exists
-- row: found bool
SELECT to_regclass('schema_migrations') IS NOT NULL AS found

-- name: migrations_may_give_rights
-- row: may bool
-- Whether this user owns the schema, or may act as its owner.
SELECT bool_and(pg_has_role(owner, 'USAGE')) AS may
FROM (SELECT relowner AS owner FROM pg_class WHERE oid = 'schema_migrations'::regclass
      UNION ALL
      SELECT proowner FROM pg_proc
      WHERE proname = 'make_database_roles' AND pronamespace = current_schema()::regnamespace) o

-- name: migrations_begin
-- args: none
BEGIN; SET LOCAL statement_timeout = 0

-- name: migrations_commit
-- args: none
COMMIT

-- name: migrations_record
-- args: level int4, name text, checksum text, compatible_from int4
INSERT INTO schema_migrations (level, name, checksum, compatible_from) VALUES ($1, $2, $3, $4)

-- name: migrations_try_lock
-- row: locked bool
SELECT pg_try_advisory_lock(7105421377) AS locked

-- name: migrations_unlock
-- args: none
SELECT pg_advisory_unlock(7105421377)

-- name: migrations_create_table
-- args: none
CREATE TABLE IF NOT EXISTS schema_migrations (
    level            integer PRIMARY KEY,
    name             text NOT NULL,
    checksum         text NOT NULL,
    compatible_from  integer NOT NULL,
    applied_at       timestamptz NOT NULL DEFAULT now()
)

-- record: setting
-- columns: name text, value text

-- name: session_restore
-- args: names text[], values text[]
-- row: setting
-- Settings of the URL's options that did not reach the server in the startup packet, because a pooler dropped them.
SELECT wanted.name, set_config(wanted.name, wanted.value, false) AS value
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (name, value, ordinal)
WHERE NOT EXISTS (SELECT FROM pg_settings s WHERE lower(s.name) = lower(wanted.name) AND s.source = 'client')
ORDER BY wanted.ordinal

-- name: session_fix
-- args: names text[], values text[]
-- row: setting
-- Whatever the defaults of role, database and server are: these are the same in every session. A role whose commits
-- wait until standbys have applied them continues to do so.
SELECT fixed.name,
       set_config(fixed.name, CASE WHEN fixed.name = 'synchronous_commit' AND fixed.value = 'on'
                                        AND current_setting(fixed.name) = 'remote_apply' THEN 'remote_apply'
                                   ELSE fixed.value END, false) AS value
FROM unnest($1::text[], $2::text[]) AS fixed (name, value)

-- name: session_check
-- args: names text[]
-- row: name text, value text, server_pid int4, server_encoding text
-- What is in force in a later transaction. No row: no setting is.
SELECT wanted.name, coalesce(current_setting(wanted.name, true), '') AS value, pg_backend_pid() AS server_pid,
       current_setting('server_encoding') AS server_encoding
FROM unnest($1::text[]) AS wanted (name)

-- name: session_pid
-- row: server_pid int4
SELECT pg_backend_pid() AS server_pid

-- name: session_durable_mark
-- args: none
-- For a transaction that changes nothing and whose answer promises that what it found is durable: its commit then waits
-- for synchronous standbys, as the original commits did. Without standbys, visible rows are already on disk.
SELECT pg_logical_emit_message(true, 'ledgerline', '') WHERE current_setting('synchronous_standby_names') <> ''

-- name: session_prove_commit
-- args: none
-- For a transaction that changes nothing, so that its commit is a real one: a few bytes of WAL, and no row. One at a
-- time: while a commit waits for a standby, further proofs fail to get the lock, and do not each leave a waiting
-- session.
SELECT pg_advisory_xact_lock(7105421378), pg_logical_emit_message(true, 'ledgerline', '')
