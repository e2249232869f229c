-- One transaction's life (src/api/transaction_trace).

-- record: traced_event
-- columns: event_id uuid, event_lane int4, event_seq int8, event_created_at timestamptz, traceparent text?,
--   replay_of uuid?, discard_of uuid?, published bool,
--   letter_id uuid?, letter_state text?, letter_topic text?, letter_partition int4?, letter_offset int8?,
--   error_class text?, error_code text?, error_message text?, letter_attempts int4?, first_failed_at timestamptz?,
--   last_failed_at timestamptz?, decided_at timestamptz?, decided_by text?,
--   outcome text?, balance_after_cents int8?, outcome_failure_code text?, outcome_failure_reason text?,
--   processed_at timestamptz?
-- With its dead letter and its outcome, where there is one. replay_of, discard_of: the dead letter that it replays or
-- discards.

-- name: transaction_events
-- args: id uuid, events_max int8, tenant int4
-- row: transaction, lane, traced_event
-- One row per event, the newest first, all from one snapshot. A dead letter belongs to one event, and so does an
-- outcome. The transaction and its events have the same lane. What a lane's errors say, and what
-- it waits for, may be of other tenants.
SELECT {s.transaction},
       c.last_seq, c.published_seq, c.applied_seq, c.owner, c.lease_expires_at,
       (extract(epoch FROM clock_timestamp() - w.created_at) * 1000)::bigint AS oldest_waiting_age_ms,
       c.publish_attempts, CASE WHEN $3 = 0 THEN c.last_error END AS last_error, w.failing_seq, coalesce(w.attempts, 0) AS attempts,
       hp.seq AS publish_halt_seq, hp.code AS publish_halt_code,
       CASE WHEN $3 = 0 OR hp.reason IS NULL THEN hp.reason ELSE 'told to operators' END AS publish_halt_reason,
       hp.halted_at AS publish_halted_at,
       ha.seq AS apply_halt_seq, ha.code AS apply_halt_code,
       CASE WHEN $3 = 0 OR ha.reason IS NULL THEN ha.reason ELSE 'told to operators' END AS apply_halt_reason,
       ha.halted_at AS apply_halted_at,
       o.lane AS wait_lane, o.seq AS wait_seq, o.event_id AS wait_event_id, o.reason AS wait_reason,
       e.event_id, e.lane AS event_lane, e.seq AS event_seq, e.created_at AS event_created_at, e.traceparent,
       CASE e.verdict WHEN 'replay' THEN e.dead_letter_id END AS replay_of,
       CASE e.verdict WHEN 'discard' THEN e.dead_letter_id END AS discard_of, e.seq <= c.announced_seq AS published,
       l.id AS letter_id, l.state AS letter_state, l.topic AS letter_topic, l.partition AS letter_partition,
       l."offset" AS letter_offset, l.error_class, l.error_code, l.error_message, l.attempts AS letter_attempts,
       l.first_failed_at, l.last_failed_at, l.decided_at, l.decided_by,
       CASE d.kind WHEN 'POSTED' THEN 'PROCESSED' WHEN 'REFUSED' THEN 'FAILED' END AS outcome, d.balance_after_cents,
       d.failure_code AS outcome_failure_code, d.failure_reason AS outcome_failure_reason, d.processed_at
FROM transaction_states s
CROSS JOIN LATERAL (
    SELECT event_id, lane, seq, created_at, traceparent, NULL::uuid AS dead_letter_id, NULL::text AS verdict
    FROM accepted WHERE id = s.id
    UNION ALL
    SELECT event_id, lane, seq, created_at, traceparent, dead_letter_id, verdict FROM places
    WHERE transaction_id = s.id AND account_id = s.account_id AND dead_letter_id IS NOT NULL) e
JOIN lane_cursors c ON c.lane = e.lane
LEFT JOIN standing_halts hp ON hp.lane = e.lane AND hp.stage = 'publish'
LEFT JOIN standing_halts ha ON ha.lane = e.lane AND ha.stage = 'apply'
LEFT JOIN decisions d ON d.lane = e.lane AND d.seq = e.seq
LEFT JOIN dead_letters l ON l.id = d.dead_letter_id
LEFT JOIN LATERAL (
    SELECT p.created_at, a.attempts, CASE WHEN a.attempts IS NOT NULL THEN p.seq END AS failing_seq
    FROM lane_places p LEFT JOIN apply_attempts a ON a.event_id = p.event_id
    WHERE p.lane = c.lane AND p.seq = c.applied_seq + 1 LIMIT 1) w ON true
LEFT JOIN LATERAL lane_wait(c.lane, c.applied_seq + 1) o ON $3 = 0
WHERE s.id = $1::uuid AND (s.tenant = $3::integer OR touches_tenant(s.id, $3))
ORDER BY e.seq DESC
LIMIT $2::bigint
