-- One transaction's life (src/api/transaction_trace). Columns are in the order of read_traced_event(): the
-- transaction's, as in api_transactions_by_id; the event's; its dead letter's; its outcome's; its lane's, as in
-- api_lanes.

-- name: transaction_events
-- One row per event, the newest first, all from one snapshot. A dead letter belongs to one event, and so does an
-- outcome.
SELECT s.id, s.account_id, s.amount_cents, s.currency, s.type, s.status, s.idempotency_key, s.metadata::text,
       s.failure_code, s.failure_reason, s.dead_letter_id, s.lane, s.seq, unix_micros(s.created_at),
       unix_micros(s.updated_at),
       e.event_id, e.lane, e.seq, unix_micros(e.created_at), e.traceparent, e.replay_of, e.seq <= c.announced_seq,
       d.id, d.state, d.topic, d.partition, d."offset", d.error_class, d.error_code, d.error_message, d.attempts,
       unix_micros(d.first_failed_at), unix_micros(d.last_failed_at), unix_micros(d.decided_at), d.decided_by,
       o.outcome, o.balance_after_cents, o.failure_code, o.failure_reason, unix_micros(o.processed_at),
       c.lane, c.last_seq, c.published_seq, c.applied_seq, c.owner, unix_micros(c.lease_expires_at),
       (extract(epoch FROM clock_timestamp() - w.created_at) * 1000)::bigint, c.publish_attempts, c.last_error,
       a.failing_seq, a.attempts, hp.seq, hp.code, hp.reason, unix_micros(hp.halted_at), ha.seq, ha.code, ha.reason,
       unix_micros(ha.halted_at)
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
