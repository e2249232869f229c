-- The statements of a role's probes (src/health/ledger_probe.cpp), a few in each look.

-- name: missing_rights
-- args: relations text[], verbs text[]
-- row: missing text?
-- The required rights, as VERB on relation, that this session's user lacks.
SELECT string_agg(verb || ' on ' || relation, ', ' ORDER BY relation, verb) AS missing
FROM unnest($1::text[], $2::text[]) AS needed (relation, verb)
WHERE NOT CASE verb WHEN 'DELETE' THEN has_table_privilege(relation, verb)
                    ELSE has_any_column_privilege(relation, verb) END

-- name: write_intake
-- args: none
-- A write like those of the stage, rolled back afterwards: refused by a standby, by a read-only session and to a user
-- without the right. A lane that is locked at this moment is being written.
SELECT lane FROM lane_intake ORDER BY lane LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED

-- name: write_publish
-- args: none
SELECT lane FROM lane_publish ORDER BY lane LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED

-- name: write_apply
-- args: none
SELECT lane FROM lane_apply ORDER BY lane LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED

-- name: write_notify
-- args: none
SELECT webhook_id FROM webhook_progress ORDER BY webhook_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED

-- name: little_memory
-- args: none
SELECT set_config('work_mem', '64kB', true)

-- name: use_disk
-- args: none
-- Sorts more than fits into memory, and so writes files of a few hundred kilobytes: fails when the disk is full.
SELECT count(*) FROM (SELECT n FROM generate_series(1, 10000) n ORDER BY n DESC OFFSET 0) sorted

-- name: cursors
-- row: lane int4, last_seq int8, published_seq int8, applied_seq int8, publish_halt text, apply_halt text
-- publish_halt and apply_halt: why the stage is halted; empty when it is not.
SELECT c.lane, c.last_seq, c.published_seq, c.applied_seq,
       coalesce(p.reason, '') AS publish_halt, coalesce(a.reason, '') AS apply_halt
FROM lane_cursors c
     LEFT JOIN standing_halts p ON p.lane = c.lane AND p.stage = 'publish'
     LEFT JOIN standing_halts a ON a.lane = c.lane AND a.stage = 'apply'
ORDER BY c.lane

-- name: waits_for_standby
-- row: waits bool
-- Whether this session's commits are answered only once a synchronous standby has them.
SELECT current_setting('synchronous_standby_names') <> ''
       AND current_setting('synchronous_commit') IN ('on', 'remote_write', 'remote_apply') AS waits
