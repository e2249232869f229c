-- What the API reads and writes besides accepting transactions (src/api). Columns come in the order of src/api/records.h.
--
-- Pages are read newest first: the rows before a position, which is the greatest possible id on the first page. The page
-- itself is found in an index; what else belongs to its rows is looked up row by row (LATERAL ... LIMIT 1), so that the
-- cost follows the length of the page, not that of the tables. A page of large rows ends early: rows are given as long as
-- those up to the one before last hold no more than the page's bytes, so that there is always one behind the page where
-- one exists.

-- name: ping
SELECT 1

-- Accounts -----------------------------------------------------------------------------------------------------------

-- name: claim_account_key
-- Waits for whoever is just taking the same key. Nothing happens without a key, or when it is taken.
INSERT INTO account_keys (idempotency_key, account_id, request, created_at)
SELECT $1::text, $2::uuid, $3::jsonb, now() WHERE $1::text IS NOT NULL
ON CONFLICT (idempotency_key) DO NOTHING

-- name: account_of_key
-- Who has the key, and whether by the same request.
SELECT account_id, request = $2::jsonb FROM account_keys WHERE idempotency_key = $1::text

-- name: create_account
-- Nothing comes back when the id (an earlier run of ours) or the reference exists already, or the key is another account's.
INSERT INTO accounts (id, currency, reference, min_balance_cents, metadata, lane, created_at, updated_at)
SELECT $1::uuid, $2::text, $3::text, $4::bigint, $5::jsonb,
       ((uuid_hash($1::uuid) & 2147483647) % (SELECT count(*) FROM lane_intake))::integer, now(), now()
WHERE $6::text IS NULL OR EXISTS (SELECT FROM account_keys WHERE idempotency_key = $6::text AND account_id = $1::uuid)
ON CONFLICT DO NOTHING
RETURNING id, reference, currency, balance_cents, min_balance_cents, status, metadata::text, lane,
       unix_micros(created_at), unix_micros(updated_at)

-- name: account_by_id
SELECT id, reference, currency, balance_cents, min_balance_cents, status, metadata::text, lane,
       unix_micros(created_at), unix_micros(updated_at)
FROM accounts WHERE id = $1::uuid

-- name: account_by_reference
SELECT id, reference, currency, balance_cents, min_balance_cents, status, metadata::text, lane,
       unix_micros(created_at), unix_micros(updated_at)
FROM accounts WHERE reference = $1::text AND ($2::text IS NULL OR status = $2) AND id < $3::uuid

-- name: accounts_page
SELECT id, reference, currency, balance_cents, min_balance_cents, status, metadata, lane, created_at, updated_at
FROM (SELECT id, reference, currency, balance_cents, min_balance_cents, status, metadata::text, lane,
             unix_micros(created_at) AS created_at, unix_micros(updated_at) AS updated_at,
             sum(octet_length(metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM accounts WHERE id < $1::uuid ORDER BY id DESC LIMIT $2::bigint) page
      WINDOW earlier AS (ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: accounts_active
SELECT id, reference, currency, balance_cents, min_balance_cents, status, metadata, lane, created_at, updated_at
FROM (SELECT id, reference, currency, balance_cents, min_balance_cents, status, metadata::text, lane,
             unix_micros(created_at) AS created_at, unix_micros(updated_at) AS updated_at,
             sum(octet_length(metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM accounts WHERE id < $1::uuid AND status = 'ACTIVE' ORDER BY id DESC LIMIT $2::bigint) page
      WINDOW earlier AS (ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: accounts_suspended
SELECT id, reference, currency, balance_cents, min_balance_cents, status, metadata, lane, created_at, updated_at
FROM (SELECT id, reference, currency, balance_cents, min_balance_cents, status, metadata::text, lane,
             unix_micros(created_at) AS created_at, unix_micros(updated_at) AS updated_at,
             sum(octet_length(metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM accounts WHERE id < $1::uuid AND status = 'SUSPENDED' ORDER BY id DESC LIMIT $2::bigint) page
      WINDOW earlier AS (ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: set_account_status
-- Waits for the worker's transaction that holds the account, if there is one: what follows sees the new status.
UPDATE accounts
SET status = $2::text, updated_at = CASE WHEN status = $2::text THEN updated_at ELSE now() END
WHERE id = $1::uuid
RETURNING id, reference, currency, balance_cents, min_balance_cents, status, metadata::text, lane,
       unix_micros(created_at), unix_micros(updated_at)

-- name: entries_page
SELECT o.transaction_id, o.seq, t.type, t.amount_cents, o.balance_after_cents, unix_micros(o.processed_at)
FROM (SELECT transaction_id, seq, balance_after_cents, processed_at FROM outcomes
      WHERE account_id = $1::uuid AND outcome = 'PROCESSED' AND seq < $2::bigint
      ORDER BY seq DESC LIMIT $3::bigint) o
CROSS JOIN LATERAL (SELECT type, amount_cents FROM accepted WHERE id = o.transaction_id LIMIT 1) t
ORDER BY o.seq DESC

-- Transactions -------------------------------------------------------------------------------------------------------

-- name: transactions_by_id
SELECT s.id, s.account_id, s.amount_cents, s.currency, s.type, s.status, s.idempotency_key, s.metadata::text,
       s.failure_code, s.failure_reason, s.dead_letter_id, s.lane, s.seq, unix_micros(s.created_at),
       unix_micros(s.updated_at)
FROM (SELECT DISTINCT unnest($1::uuid[]) AS id) page
CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
ORDER BY s.id DESC

-- name: transaction_states_by_id
-- The same without metadata, for those who know it or do not need it. What is decided has its state in its outcome: the
-- rest of the view is only asked about the others.
SELECT s.id, s.account_id, s.amount_cents, s.currency, s.type, s.status, s.idempotency_key, NULL::text,
       s.failure_code, s.failure_reason, s.dead_letter_id, s.lane, s.seq, unix_micros(s.created_at),
       unix_micros(s.updated_at)
FROM (SELECT DISTINCT unnest($1::uuid[]) AS id) page
LEFT JOIN LATERAL (SELECT outcome, failure_code, failure_reason, seq, processed_at FROM outcomes
                   WHERE transaction_id = page.id LIMIT 1) o ON true
CROSS JOIN LATERAL (
    (SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, o.outcome AS status, t.idempotency_key,
            o.failure_code, o.failure_reason, NULL::uuid AS dead_letter_id, t.lane, o.seq, t.created_at,
            o.processed_at AS updated_at
     FROM accepted t WHERE t.id = page.id AND o.outcome IS NOT NULL LIMIT 1)
    UNION ALL
    (SELECT id, account_id, amount_cents, currency, type, status, idempotency_key, failure_code, failure_reason,
            dead_letter_id, lane, seq, created_at, updated_at
     FROM transaction_states WHERE id = page.id AND o.outcome IS NULL LIMIT 1)
) s
ORDER BY s.id DESC

-- name: transactions_page
SELECT id, account_id, amount_cents, currency, type, status, idempotency_key, metadata, failure_code, failure_reason,
       dead_letter_id, lane, seq, created_at, updated_at
FROM (SELECT s.id, s.account_id, s.amount_cents, s.currency, s.type, s.status, s.idempotency_key, s.metadata::text,
             s.failure_code, s.failure_reason, s.dead_letter_id, s.lane, s.seq, unix_micros(s.created_at) AS created_at,
             unix_micros(s.updated_at) AS updated_at, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT id FROM accepted WHERE id < $1::uuid ORDER BY id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: transactions_processed
SELECT id, account_id, amount_cents, currency, type, status, idempotency_key, metadata, failure_code, failure_reason,
       dead_letter_id, lane, seq, created_at, updated_at
FROM (SELECT s.id, s.account_id, s.amount_cents, s.currency, s.type, s.status, s.idempotency_key, s.metadata::text,
             s.failure_code, s.failure_reason, s.dead_letter_id, s.lane, s.seq, unix_micros(s.created_at) AS created_at,
             unix_micros(s.updated_at) AS updated_at, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT transaction_id AS id FROM outcomes WHERE transaction_id < $1::uuid AND outcome = 'PROCESSED'
            ORDER BY transaction_id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: transactions_failed
SELECT id, account_id, amount_cents, currency, type, status, idempotency_key, metadata, failure_code, failure_reason,
       dead_letter_id, lane, seq, created_at, updated_at
FROM (SELECT s.id, s.account_id, s.amount_cents, s.currency, s.type, s.status, s.idempotency_key, s.metadata::text,
             s.failure_code, s.failure_reason, s.dead_letter_id, s.lane, s.seq, unix_micros(s.created_at) AS created_at,
             unix_micros(s.updated_at) AS updated_at, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT transaction_id AS id FROM outcomes WHERE transaction_id < $1::uuid AND outcome = 'FAILED'
            ORDER BY transaction_id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: transactions_pending
SELECT id, account_id, amount_cents, currency, type, status, idempotency_key, metadata, failure_code, failure_reason,
       dead_letter_id, lane, seq, created_at, updated_at
FROM (SELECT s.id, s.account_id, s.amount_cents, s.currency, s.type, s.status, s.idempotency_key, s.metadata::text,
             s.failure_code, s.failure_reason, s.dead_letter_id, s.lane, s.seq, unix_micros(s.created_at) AS created_at,
             unix_micros(s.updated_at) AS updated_at, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM transactions WHERE status = 'PENDING' AND id < $1::uuid ORDER BY id DESC LIMIT $2::bigint) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: transactions_processing
SELECT id, account_id, amount_cents, currency, type, status, idempotency_key, metadata, failure_code, failure_reason,
       dead_letter_id, lane, seq, created_at, updated_at
FROM (SELECT s.id, s.account_id, s.amount_cents, s.currency, s.type, s.status, s.idempotency_key, s.metadata::text,
             s.failure_code, s.failure_reason, s.dead_letter_id, s.lane, s.seq, unix_micros(s.created_at) AS created_at,
             unix_micros(s.updated_at) AS updated_at, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM transactions WHERE status = 'PROCESSING' AND id < $1::uuid ORDER BY id DESC LIMIT $2::bigint) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: account_transactions_page
SELECT id, account_id, amount_cents, currency, type, status, idempotency_key, metadata, failure_code, failure_reason,
       dead_letter_id, lane, seq, created_at, updated_at
FROM (SELECT s.id, s.account_id, s.amount_cents, s.currency, s.type, s.status, s.idempotency_key, s.metadata::text,
             s.failure_code, s.failure_reason, s.dead_letter_id, s.lane, s.seq, unix_micros(s.created_at) AS created_at,
             unix_micros(s.updated_at) AS updated_at, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT id FROM accepted WHERE account_id = $4::uuid AND id < $1::uuid
            ORDER BY id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: account_transactions_processed
SELECT id, account_id, amount_cents, currency, type, status, idempotency_key, metadata, failure_code, failure_reason,
       dead_letter_id, lane, seq, created_at, updated_at
FROM (SELECT s.id, s.account_id, s.amount_cents, s.currency, s.type, s.status, s.idempotency_key, s.metadata::text,
             s.failure_code, s.failure_reason, s.dead_letter_id, s.lane, s.seq, unix_micros(s.created_at) AS created_at,
             unix_micros(s.updated_at) AS updated_at, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT t.id FROM accepted t
            CROSS JOIN LATERAL (SELECT FROM outcomes o
                                WHERE o.transaction_id = t.id AND o.outcome = 'PROCESSED' LIMIT 1) decided
            WHERE t.account_id = $4::uuid AND t.id < $1::uuid ORDER BY t.id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: account_transactions_failed
SELECT id, account_id, amount_cents, currency, type, status, idempotency_key, metadata, failure_code, failure_reason,
       dead_letter_id, lane, seq, created_at, updated_at
FROM (SELECT s.id, s.account_id, s.amount_cents, s.currency, s.type, s.status, s.idempotency_key, s.metadata::text,
             s.failure_code, s.failure_reason, s.dead_letter_id, s.lane, s.seq, unix_micros(s.created_at) AS created_at,
             unix_micros(s.updated_at) AS updated_at, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT transaction_id AS id FROM outcomes
            WHERE account_id = $4::uuid AND transaction_id < $1::uuid AND outcome = 'FAILED'
            ORDER BY transaction_id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: account_transactions_pending
SELECT id, account_id, amount_cents, currency, type, status, idempotency_key, metadata, failure_code, failure_reason,
       dead_letter_id, lane, seq, created_at, updated_at
FROM (SELECT s.id, s.account_id, s.amount_cents, s.currency, s.type, s.status, s.idempotency_key, s.metadata::text,
             s.failure_code, s.failure_reason, s.dead_letter_id, s.lane, s.seq, unix_micros(s.created_at) AS created_at,
             unix_micros(s.updated_at) AS updated_at, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM transactions
            WHERE status = 'PENDING' AND account_id = $4::uuid AND id < $1::uuid ORDER BY id DESC LIMIT $2::bigint) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: account_transactions_processing
SELECT id, account_id, amount_cents, currency, type, status, idempotency_key, metadata, failure_code, failure_reason,
       dead_letter_id, lane, seq, created_at, updated_at
FROM (SELECT s.id, s.account_id, s.amount_cents, s.currency, s.type, s.status, s.idempotency_key, s.metadata::text,
             s.failure_code, s.failure_reason, s.dead_letter_id, s.lane, s.seq, unix_micros(s.created_at) AS created_at,
             unix_micros(s.updated_at) AS updated_at, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM transactions
            WHERE status = 'PROCESSING' AND account_id = $4::uuid AND id < $1::uuid ORDER BY id DESC LIMIT $2::bigint) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: applied_seqs
SELECT lane, applied_seq FROM lane_apply ORDER BY lane

-- Dead letters -------------------------------------------------------------------------------------------------------

-- name: dead_letter_by_id
SELECT l.id, l.event_id, l.transaction_id, l.account_id, l.lane, l.seq, l.topic, l.partition, l."offset",
       encode(l.message_key, 'escape'), l.payload, l.payload_encoding, l.headers::text, l.error_class, l.error_code,
       l.error_message, l.attempts, unix_micros(l.first_failed_at), unix_micros(l.last_failed_at), l.state,
       unix_micros(l.decided_at), l.decided_by, unix_micros(l.announced_at), a.decision, unix_micros(a.decided_at),
       a.decided_by, a.operator, a.key_fingerprint, a.bulk_id, a.reason, a.request_id
FROM dead_letters l LEFT JOIN dead_letter_decisions a ON a.dead_letter_id = l.id
WHERE l.id = $1::uuid

-- name: plan_for_these_parameters
-- What a filter that is not given leaves out must be known when the plan is made, or no index is used.
SET LOCAL plan_cache_mode = force_custom_plan

-- name: begin_snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: dead_letters_newest
-- The rows after the one with id $1. Letters are never deleted, so it is there.
SELECT l.id, l.event_id, l.transaction_id, l.account_id, l.lane, l.seq, l.topic, l.partition, l."offset",
       encode(l.message_key, 'escape'), l.payload, l.payload_encoding, l.headers::text, l.error_class, l.error_code,
       l.error_message, l.attempts, unix_micros(l.first_failed_at), unix_micros(l.last_failed_at), l.state,
       unix_micros(l.decided_at), l.decided_by, unix_micros(l.announced_at), a.decision, unix_micros(a.decided_at),
       a.decided_by, a.operator, a.key_fingerprint, a.bulk_id, a.reason, a.request_id
FROM (SELECT *, sum(octet_length(payload) + octet_length(headers::text) + coalesce(octet_length(message_key), 0))
                    OVER (ORDER BY last_failed_at DESC, id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING) AS bytes_before
      FROM (SELECT * FROM dead_letters
      WHERE ($1::uuid IS NULL
             OR (last_failed_at, id) < (SELECT p.last_failed_at, p.id FROM dead_letters p WHERE p.id = $1))
        AND ($4::text IS NULL OR state = $4) AND ($5::text IS NULL OR error_class = $5)
        AND ($6::text IS NULL OR error_code = $6) AND ($7::uuid IS NULL OR account_id = $7)
        AND ($8::integer IS NULL OR (lane = $8 AND transaction_id IS NOT NULL))
        AND ($9::timestamptz IS NULL OR last_failed_at >= $9) AND ($10::timestamptz IS NULL OR last_failed_at < $10)
      ORDER BY last_failed_at DESC, id DESC LIMIT $2::bigint) page) l
LEFT JOIN dead_letter_decisions a ON a.dead_letter_id = l.id
WHERE coalesce(l.bytes_before, 0) <= $3::bigint
ORDER BY l.last_failed_at DESC, l.id DESC

-- name: dead_letters_oldest
SELECT l.id, l.event_id, l.transaction_id, l.account_id, l.lane, l.seq, l.topic, l.partition, l."offset",
       encode(l.message_key, 'escape'), l.payload, l.payload_encoding, l.headers::text, l.error_class, l.error_code,
       l.error_message, l.attempts, unix_micros(l.first_failed_at), unix_micros(l.last_failed_at), l.state,
       unix_micros(l.decided_at), l.decided_by, unix_micros(l.announced_at), a.decision, unix_micros(a.decided_at),
       a.decided_by, a.operator, a.key_fingerprint, a.bulk_id, a.reason, a.request_id
FROM (SELECT *, sum(octet_length(payload) + octet_length(headers::text) + coalesce(octet_length(message_key), 0))
                    OVER (ORDER BY last_failed_at, id ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING) AS bytes_before
      FROM (SELECT * FROM dead_letters
      WHERE ($1::uuid IS NULL
             OR (last_failed_at, id) > (SELECT p.last_failed_at, p.id FROM dead_letters p WHERE p.id = $1))
        AND ($4::text IS NULL OR state = $4) AND ($5::text IS NULL OR error_class = $5)
        AND ($6::text IS NULL OR error_code = $6) AND ($7::uuid IS NULL OR account_id = $7)
        AND ($8::integer IS NULL OR (lane = $8 AND transaction_id IS NOT NULL))
        AND ($9::timestamptz IS NULL OR last_failed_at >= $9) AND ($10::timestamptz IS NULL OR last_failed_at < $10)
      ORDER BY last_failed_at, id LIMIT $2::bigint) page) l
LEFT JOIN dead_letter_decisions a ON a.dead_letter_id = l.id
WHERE coalesce(l.bytes_before, 0) <= $3::bigint
ORDER BY l.last_failed_at, l.id

-- name: dead_letters_groups
SELECT error_class, error_code, count(*), unix_micros(min(last_failed_at)), unix_micros(max(last_failed_at))
FROM dead_letters
WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR error_class = $2)
  AND ($3::text IS NULL OR error_code = $3) AND ($4::uuid IS NULL OR account_id = $4)
  AND ($5::integer IS NULL OR (lane = $5 AND transaction_id IS NOT NULL))
  AND ($6::timestamptz IS NULL OR last_failed_at >= $6) AND ($7::timestamptz IS NULL OR last_failed_at < $7)
GROUP BY error_class, error_code ORDER BY count(*) DESC, error_class, error_code

-- name: dead_letters_amounts
SELECT t.currency, t.type, count(*), sum(t.amount_cents)::text
FROM (SELECT transaction_id FROM dead_letters
      WHERE transaction_id IS NOT NULL
        AND ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR error_class = $2)
        AND ($3::text IS NULL OR error_code = $3) AND ($4::uuid IS NULL OR account_id = $4)
        AND ($5::integer IS NULL OR (lane = $5 AND transaction_id IS NOT NULL))
        AND ($6::timestamptz IS NULL OR last_failed_at >= $6) AND ($7::timestamptz IS NULL OR last_failed_at < $7)) l
JOIN accepted t ON t.id = l.transaction_id
GROUP BY t.currency, t.type ORDER BY t.currency, t.type

-- name: lock_lane_of_dead_letter
SELECT lane FROM lane_intake
WHERE lane = (SELECT lane FROM dead_letters WHERE id = $1::uuid AND transaction_id IS NOT NULL)
FOR NO KEY UPDATE

-- name: replay_dead_letter
-- Changes nothing unless the letter is parked and has a transaction. The new event is the lane's next one.
WITH decided AS (
    UPDATE dead_letters SET state = 'REPLAYED', decided_at = now(), decided_by = $2::text
    WHERE id = $1::uuid AND state = 'PARKED' AND transaction_id IS NOT NULL
    RETURNING id, lane, transaction_id, state, decided_at, decided_by
), audited AS (
    INSERT INTO dead_letter_decisions (dead_letter_id, decision, decided_at, decided_by, operator, key_fingerprint,
                                       bulk_id, reason, request_id)
    SELECT id, state, decided_at, decided_by, $3::text, $4::text, $5::uuid, $6::text, $7::text FROM decided
), moved AS (
    UPDATE lane_intake i SET last_seq = i.last_seq + 1 FROM decided d WHERE i.lane = d.lane
    RETURNING i.lane, i.last_seq
)
INSERT INTO replayed_events (lane, seq, event_id, transaction_id, schema_version, traceparent, dead_letter_id, created_at)
SELECT m.lane, m.last_seq, $8::uuid, t.id, t.schema_version, $9::text, d.id, clock_timestamp()
FROM decided d JOIN moved m ON m.lane = d.lane JOIN accepted t ON t.id = d.transaction_id

-- name: discard_dead_letter
-- Changes nothing unless the letter is parked. Its place in the lane gets the outcome; the cursor has passed it already.
WITH decided AS (
    UPDATE dead_letters SET state = 'DISCARDED', decided_at = now(), decided_by = $2::text
    WHERE id = $1::uuid AND state = 'PARKED'
    RETURNING id, lane, seq, event_id, transaction_id, account_id, state, decided_at, decided_by
), audited AS (
    INSERT INTO dead_letter_decisions (dead_letter_id, decision, decided_at, decided_by, operator, key_fingerprint,
                                       bulk_id, reason, request_id)
    SELECT id, state, decided_at, decided_by, $3::text, $4::text, $5::uuid, $6::text, $7::text FROM decided
)
INSERT INTO outcomes (lane, seq, event_id, transaction_id, account_id, outcome, failure_code, failure_reason, processed_at)
SELECT lane, seq, event_id, transaction_id, account_id, 'FAILED', 'discarded', 'discarded: its dead letter was discarded',
       now()
FROM decided WHERE transaction_id IS NOT NULL

-- Lanes --------------------------------------------------------------------------------------------------------------

-- name: lanes
SELECT c.lane, c.last_seq, c.published_seq, c.applied_seq, c.owner, unix_micros(c.lease_expires_at),
       (extract(epoch FROM clock_timestamp() - e.created_at) * 1000)::bigint, c.publish_attempts, c.last_error,
       a.failing_seq, a.attempts, hp.seq, hp.code, hp.reason, unix_micros(hp.halted_at), ha.seq, ha.code, ha.reason,
       unix_micros(ha.halted_at)
FROM lane_cursors c
JOIN lane_apply a USING (lane)
LEFT JOIN standing_halts hp ON hp.lane = c.lane AND hp.stage = 'publish'
LEFT JOIN standing_halts ha ON ha.lane = c.lane AND ha.stage = 'apply'
LEFT JOIN LATERAL (SELECT created_at FROM lane_events WHERE lane = c.lane AND seq = c.applied_seq + 1 LIMIT 1) e ON true
ORDER BY c.lane
