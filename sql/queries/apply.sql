-- What the worker reads and writes (src/apply/pg_ledger_store.cpp).

-- name: load
SELECT a.lane, a.applied_seq, p.published_seq, coalesce(a.failing_seq, 0), a.attempts, coalesce(a.streak_code, ''),
       a.streak, unix_micros(a.first_failed_at), i.last_seq, h.seq, h.code, h.reason, unix_micros(h.halted_at)
FROM lane_apply a JOIN lane_publish p USING (lane) JOIN lane_intake i USING (lane)
     LEFT JOIN lane_halts h ON h.lane = a.lane AND h.stage = 'apply'
WHERE a.lane = ANY ($1::int[])
ORDER BY a.lane

-- name: move_cursor
-- The compare-and-set. It also takes the lane's row lock, for which any other worker on the same lane waits.
UPDATE lane_apply
SET applied_seq = $3, failing_seq = NULL, attempts = 0, first_failed_at = NULL, streak = 0, streak_code = NULL
WHERE lane = $1 AND applied_seq = $2

-- name: prove_and_lock
-- The join that proves the messages' claims, and the accounts' state under their row locks.
WITH ref AS (
    SELECT * FROM unnest($2::bigint[], $3::uuid[]) AS ref(seq, event_id)
), event AS MATERIALIZED (
    SELECT t.seq, t.event_id, t.schema_version, t.traceparent, t.created_at, t.id AS transaction_id,
           t.account_id, t.amount_cents, t.currency, t.type
    FROM ref JOIN accepted t ON t.lane = $1 AND t.seq = ref.seq AND t.event_id = ref.event_id
    UNION ALL
    SELECT e.seq, e.event_id, e.schema_version, e.traceparent, e.created_at, t.id,
           t.account_id, t.amount_cents, t.currency, t.type
    FROM ref JOIN replayed_events e ON e.lane = $1 AND e.seq = ref.seq AND e.event_id = ref.event_id
         JOIN accepted t ON t.id = e.transaction_id
)
SELECT event.seq, event.event_id, event.schema_version, coalesce(event.traceparent, ''), unix_micros(event.created_at),
       event.transaction_id, event.account_id, event.amount_cents, event.currency, event.type,
       a.currency, a.balance_cents, a.min_balance_cents, a.status
FROM event JOIN accounts a ON a.id = event.account_id
ORDER BY event.seq
FOR NO KEY UPDATE OF a

-- name: write_accounts
UPDATE accounts a SET balance_cents = v.balance_cents, updated_at = now()
FROM unnest($1::uuid[], $2::bigint[]) AS v(id, balance_cents)
WHERE a.id = v.id

-- name: write_outcomes
INSERT INTO outcomes (lane, seq, event_id, transaction_id, account_id, outcome, balance_after_cents, failure_code,
                      failure_reason, processed_at)
SELECT $1, v.seq, v.event_id, v.transaction_id, v.account_id,
       CASE WHEN v.failure_code IS NULL THEN 'PROCESSED' ELSE 'FAILED' END,
       v.balance_after_cents, v.failure_code, v.failure_reason, now()
FROM unnest($2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[], $7::text[], $8::text[])
     AS v(seq, event_id, transaction_id, account_id, balance_after_cents, failure_code, failure_reason)

-- name: prove
SELECT ref.seq, ref.event_id
FROM unnest($2::bigint[], $3::uuid[]) AS ref(seq, event_id)
     JOIN lane_events e ON e.lane = $1 AND e.seq = ref.seq AND e.event_id = ref.event_id

-- name: count_attempt
UPDATE lane_apply
SET attempts = CASE WHEN failing_seq = $2 + 1 THEN attempts + 1 ELSE 1 END,
    first_failed_at = CASE WHEN failing_seq = $2 + 1 THEN first_failed_at ELSE now() END,
    failing_seq = $2 + 1
WHERE lane = $1 AND applied_seq = $2
RETURNING attempts

-- name: bury
WITH event AS (
    SELECT e.seq, e.event_id, t.id AS transaction_id, t.account_id
    FROM lane_events e JOIN accepted t ON t.id = e.transaction_id
    WHERE e.lane = $1 AND e.seq = $2::bigint + 1 AND e.event_id = $3
), moved AS (
    UPDATE lane_apply
    SET applied_seq = $2 + 1, failing_seq = NULL, attempts = 0, first_failed_at = NULL,
        streak = $16, streak_code = CASE WHEN $16 > 0 THEN $12 END
    WHERE lane = $1 AND applied_seq = $2 AND EXISTS (SELECT FROM event)
    RETURNING lane
)
INSERT INTO dead_letters (id, event_id, transaction_id, account_id, lane, seq, topic, partition, "offset", message_key,
                          payload, payload_encoding, value_sha256, headers, error_class, error_code, error_message,
                          attempts, first_failed_at, last_failed_at)
SELECT $4, event.event_id, event.transaction_id, event.account_id, moved.lane, event.seq, $5, $6, $7, $8,
       $9, $10, $17, $15, $11, $12, $13, $14, coalesce($18, now()), now()
FROM moved, event

-- name: bury_foreign
INSERT INTO dead_letters (id, topic, partition, "offset", message_key, payload, payload_encoding, value_sha256, headers,
                          error_class, error_code, error_message, attempts, first_failed_at, last_failed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'foreign', $10, $11, 1, now(), now())
ON CONFLICT (topic, partition, "offset", value_sha256) WHERE transaction_id IS NULL DO NOTHING

-- name: rewind
-- The only write to lane_publish that needs no lease. The new epoch invalidates acknowledgements in flight.
UPDATE lane_publish SET published_seq = $2, epoch = epoch + 1
WHERE lane = $1 AND published_seq > $2

-- name: halt
INSERT INTO lane_halts AS known (lane, stage, seq, code, reason, halted_at)
SELECT lane, 'apply', $2::bigint, $3, left($4, $5::integer), now()
FROM lane_apply WHERE lane = $1 AND applied_seq = $2::bigint - 1
ON CONFLICT (lane, stage) DO UPDATE
SET seq = excluded.seq, code = excluded.code, reason = excluded.reason,
    halted_at = CASE WHEN (known.seq, known.code) = (excluded.seq, excluded.code) THEN known.halted_at
                     ELSE excluded.halted_at END

-- name: clear_halt
DELETE FROM lane_halts h USING lane_apply a
WHERE h.lane = $1 AND h.stage = 'apply' AND a.lane = h.lane AND a.applied_seq >= h.seq
