-- What the worker reads and writes (src/apply/pg_ledger_store.cpp).

-- name: load
-- args: lanes int4[]
-- row: lane int4, applied_seq int8, published_seq int8, failing_seq int8, attempts int4, streak_code text, streak int4,
--   first_failed_at timestamptz?, last_seq int8, halt_seq int8?, halt_code text?, halt_reason text?,
--   halted_at timestamptz?
SELECT a.lane, a.applied_seq, p.published_seq, coalesce(a.failing_seq, 0) AS failing_seq, a.attempts,
       coalesce(a.streak_code, '') AS streak_code, a.streak, a.first_failed_at, i.last_seq, h.seq AS halt_seq,
       h.code AS halt_code, h.reason AS halt_reason, h.halted_at
FROM lane_apply a JOIN lane_publish p USING (lane) JOIN lane_intake i USING (lane)
     LEFT JOIN lane_halts h ON h.lane = a.lane AND h.stage = 'apply'
WHERE a.lane = ANY ($1::int[])
ORDER BY a.lane

-- name: move_cursor
-- args: lane int4, applied_seq int8, new_applied_seq int8
-- The compare-and-set. It also takes the lane's row lock, for which any other worker on the same lane waits.
UPDATE lane_apply
SET applied_seq = $3, failing_seq = NULL, attempts = 0, first_failed_at = NULL, streak = 0, streak_code = NULL
WHERE lane = $1 AND applied_seq = $2

-- name: prove_and_lock
-- args: lane int4, seqs int8[], event_ids uuid[]
-- row: seq int8, event_id uuid, schema_version int4, traceparent text, created_at timestamptz, transaction_id uuid,
--   account_id uuid, amount_cents int8, currency text, type text, account_currency text, balance_cents int8,
--   min_balance_cents int8, account_status text
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
SELECT event.seq, event.event_id, event.schema_version::integer AS schema_version,
       coalesce(event.traceparent, '') AS traceparent, event.created_at, event.transaction_id, event.account_id,
       event.amount_cents, event.currency, event.type, a.currency AS account_currency, a.balance_cents,
       a.min_balance_cents, a.status AS account_status
FROM event JOIN accounts a ON a.id = event.account_id
ORDER BY event.seq
FOR NO KEY UPDATE OF a

-- name: write_accounts
-- args: ids uuid[], balances_cents int8[]
UPDATE accounts a SET balance_cents = v.balance_cents, updated_at = now()
FROM unnest($1::uuid[], $2::bigint[]) AS v(id, balance_cents)
WHERE a.id = v.id

-- name: write_outcomes
-- args: lane int4, seqs int8[], event_ids uuid[], transaction_ids uuid[], account_ids uuid[],
--   balances_after_cents int8[], failure_codes text?[], failure_reasons text?[]
INSERT INTO outcomes (lane, seq, event_id, transaction_id, account_id, outcome, balance_after_cents, failure_code,
                      failure_reason, processed_at)
SELECT $1, v.seq, v.event_id, v.transaction_id, v.account_id,
       CASE WHEN v.failure_code IS NULL THEN 'PROCESSED' ELSE 'FAILED' END,
       v.balance_after_cents, v.failure_code, v.failure_reason, now()
FROM unnest($2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[], $7::text[], $8::text[])
     AS v(seq, event_id, transaction_id, account_id, balance_after_cents, failure_code, failure_reason)

-- name: prove
-- args: lane int4, seqs int8[], event_ids uuid[]
-- row: seq int8, event_id uuid
SELECT ref.seq, ref.event_id
FROM unnest($2::bigint[], $3::uuid[]) AS ref(seq, event_id)
     JOIN lane_events e ON e.lane = $1 AND e.seq = ref.seq AND e.event_id = ref.event_id

-- name: count_attempt
-- args: lane int4, applied_seq int8
-- row: attempts int4
UPDATE lane_apply
SET attempts = CASE WHEN failing_seq = $2 + 1 THEN attempts + 1 ELSE 1 END,
    first_failed_at = CASE WHEN failing_seq = $2 + 1 THEN first_failed_at ELSE now() END,
    failing_seq = $2 + 1
WHERE lane = $1 AND applied_seq = $2
RETURNING attempts

-- name: park
-- args: lane int4, applied_seq int8, event_id uuid, letter_id uuid, topic text, partition int4, offset int8,
--   message_key bytea, payload text, payload_encoding text, error_class text, error_code text, error_message text,
--   attempts int4, headers jsonb, streak int4, value_sha256 bytea, first_failed_at timestamptz?
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

-- name: park_foreign
-- args: letter_id uuid, topic text, partition int4, offset int8, message_key bytea, payload text,
--   payload_encoding text, value_sha256 bytea, headers jsonb, error_code text, error_message text
INSERT INTO dead_letters (id, topic, partition, "offset", message_key, payload, payload_encoding, value_sha256, headers,
                          error_class, error_code, error_message, attempts, first_failed_at, last_failed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'foreign', $10, $11, 1, now(), now())
ON CONFLICT (topic, partition, "offset", value_sha256) WHERE transaction_id IS NULL DO NOTHING

-- name: rewind
-- args: lane int4, applied_seq int8
-- The only write to lane_publish that needs no lease. The new epoch invalidates acknowledgements in flight.
UPDATE lane_publish SET published_seq = $2, epoch = epoch + 1
WHERE lane = $1 AND published_seq > $2

-- name: halt
-- args: lane int4, seq int8, code text, reason text, reason_chars_max int4
INSERT INTO lane_halts AS known (lane, stage, seq, code, reason, halted_at)
SELECT lane, 'apply', $2::bigint, $3, left($4, $5::integer), now()
FROM lane_apply WHERE lane = $1 AND applied_seq = $2::bigint - 1
ON CONFLICT (lane, stage) DO UPDATE
SET seq = excluded.seq, code = excluded.code, reason = excluded.reason,
    halted_at = CASE WHEN (known.seq, known.code) = (excluded.seq, excluded.code) THEN known.halted_at
                     ELSE excluded.halted_at END

-- name: clear_halt
-- args: lane int4
DELETE FROM lane_halts h USING lane_apply a
WHERE h.lane = $1 AND h.stage = 'apply' AND a.lane = h.lane AND a.applied_seq >= h.seq
