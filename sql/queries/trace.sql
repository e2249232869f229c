-- One transaction's life (src/api/transaction_trace).

-- record: traced_event
-- columns: event_id uuid, event_lane int4, event_seq int8, event_created_at timestamptz, traceparent text?,
--   replay_of uuid?, published bool,
--   letter_id uuid?, letter_state text?, letter_topic text?, letter_partition int4?, letter_offset int8?,
--   error_class text?, error_code text?, error_message text?, letter_attempts int4?, first_failed_at timestamptz?,
--   last_failed_at timestamptz?, decided_at timestamptz?, decided_by text?,
--   outcome text?, balance_after_cents int8?, outcome_failure_code text?, outcome_failure_reason text?,
--   processed_at timestamptz?
-- With its dead letter and its outcome, where there is one. replay_of: the dead letter that it replays; NULL for the
-- first event.

-- name: transaction_events
-- args: id uuid, events_max int8
-- row: transaction, lane, traced_event
-- One row per event, the newest first, all from one snapshot. A dead letter belongs to one event, and so does an
-- outcome. The transaction and its events have the same lane.
SELECT {s.transaction},
       c.last_seq, c.published_seq, c.applied_seq, c.owner, c.lease_expires_at,
       (extract(epoch FROM clock_timestamp() - w.created_at) * 1000)::bigint AS oldest_waiting_age_ms,
       c.publish_attempts, c.last_error, a.failing_seq, a.attempts,
       hp.seq AS publish_halt_seq, hp.code AS publish_halt_code, hp.reason AS publish_halt_reason,
       hp.halted_at AS publish_halted_at,
       ha.seq AS apply_halt_seq, ha.code AS apply_halt_code, ha.reason AS apply_halt_reason,
       ha.halted_at AS apply_halted_at,
       e.event_id, e.lane AS event_lane, e.seq AS event_seq, e.created_at AS event_created_at, e.traceparent,
       e.replay_of, e.seq <= c.announced_seq AS published,
       d.id AS letter_id, d.state AS letter_state, d.topic AS letter_topic, d.partition AS letter_partition,
       d."offset" AS letter_offset, d.error_class, d.error_code, d.error_message, d.attempts AS letter_attempts,
       d.first_failed_at, d.last_failed_at, d.decided_at, d.decided_by,
       o.outcome, o.balance_after_cents, o.failure_code AS outcome_failure_code,
       o.failure_reason AS outcome_failure_reason, o.processed_at
FROM transaction_states s
CROSS JOIN LATERAL (
    SELECT event_id, lane, seq, created_at, traceparent, NULL::uuid AS replay_of FROM accepted WHERE id = s.id
    UNION ALL
    SELECT event_id, lane, seq, created_at, traceparent, dead_letter_id FROM replayed_events
    WHERE transaction_id = s.id) e
JOIN lane_cursors c ON c.lane = e.lane
JOIN lane_apply a ON a.lane = e.lane
LEFT JOIN standing_halts hp ON hp.lane = e.lane AND hp.stage = 'publish'
LEFT JOIN standing_halts ha ON ha.lane = e.lane AND ha.stage = 'apply'
LEFT JOIN LATERAL (SELECT * FROM dead_letters WHERE event_id = e.event_id LIMIT 1) d ON true
LEFT JOIN LATERAL (SELECT * FROM outcomes WHERE lane = e.lane AND seq = e.seq LIMIT 1) o ON true
LEFT JOIN LATERAL (SELECT created_at FROM lane_events WHERE lane = c.lane AND seq = c.applied_seq + 1 LIMIT 1) w ON true
WHERE s.id = $1::uuid
ORDER BY e.seq DESC
LIMIT $2::bigint
