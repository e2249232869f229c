-- What every session does when it is opened, and how it proves what it can (src/pg).

-- name: restore
-- Settings of the URL's options that did not reach the server in the startup packet, because a pooler dropped them.
SELECT wanted.name, set_config(wanted.name, wanted.value, false)
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (name, value, ordinal)
WHERE NOT EXISTS (SELECT FROM pg_settings s WHERE lower(s.name) = lower(wanted.name) AND s.source = 'client')
ORDER BY wanted.ordinal

-- name: fix
-- Whatever role, database and server have as their defaults: these are the same in every session. A role that waits for
-- standbys to apply its commits, too, goes on doing so.
SELECT fixed.name,
       set_config(fixed.name, CASE WHEN fixed.name = 'synchronous_commit' AND fixed.value = 'on'
                                        AND current_setting(fixed.name) = 'remote_apply' THEN 'remote_apply'
                                   ELSE fixed.value END, false)
FROM unnest($1::text[], $2::text[]) AS fixed (name, value)

-- name: check
-- What is in force in a transaction after that. No row: nothing is.
SELECT wanted.name, coalesce(current_setting(wanted.name, true), ''), pg_backend_pid(),
       current_setting('server_encoding')
FROM unnest($1::text[]) AS wanted (name)

-- name: pid
SELECT pg_backend_pid()

-- name: durable_mark
-- For a transaction that changes nothing and whose answer promises that what it found is durable: its commit then waits,
-- as theirs did, for synchronous standbys. Without those, rows that can be seen are on disk.
SELECT pg_logical_emit_message(true, 'ledgerline', '') WHERE current_setting('synchronous_standby_names') <> ''

-- name: prove_commit
-- For a transaction that changes nothing, so that its commit is a real one: a few bytes of WAL, and no row. One at a time:
-- while a commit waits for a standby, the next proofs fail for the lock, and do not leave one waiting session each.
SELECT pg_advisory_xact_lock(7105421378), pg_logical_emit_message(true, 'ledgerline', '')
