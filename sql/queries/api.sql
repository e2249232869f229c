-- What the API reads and writes, apart from accepting transactions (src/api). Columns are in the order of
-- src/api/records.h.
--
-- Pages are read newest first: the rows before a position, which is the greatest possible id for the first page. The
-- page itself is read from an index; whatever else belongs to its rows is looked up row by row (LATERAL ... LIMIT 1),
-- so that the cost depends on the length of the page, not on the size of the tables. A page of large rows ends early: a
-- row is returned if those before its predecessor hold no more than the page's bytes, so that there is always one row
-- beyond the page if one exists.

-- name: ping
SELECT 1

-- Accounts -----------------------------------------------------------------------------------------------------------

-- name: claim_account_key
-- Waits for any transaction that is inserting the same key. Does nothing without a key, or when it is taken.
INSERT INTO account_keys (idempotency_key, account_id, request, created_at)
SELECT $1::text, $2::uuid, $3::jsonb, now() WHERE $1::text IS NOT NULL
ON CONFLICT (idempotency_key) DO NOTHING

-- name: account_of_key
-- The account that has the key, and whether the same request took it.
SELECT account_id, request = $2::jsonb FROM account_keys WHERE idempotency_key = $1::text

-- name: create_account
-- Returns nothing when the id (from an earlier run) or the reference already exists, or the key belongs to another
-- account.
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
-- Waits for the worker's transaction that holds the account, if there is one: later ones see the new status.
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
-- The same without metadata, for callers that know it or do not need it. A decided transaction has its state in its
-- outcome: the rest of the view is only evaluated for the others.
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
