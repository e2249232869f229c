-- What the API reads and writes, apart from accepting transactions (src/api).
--
-- Pages are read newest first: the rows before a position, which is the greatest possible id for the first page. The
-- page itself is read from an index; whatever else belongs to its rows is looked up row by row (LATERAL ... LIMIT 1),
-- so that the cost depends on the length of the page, not on the size of the tables. A page of large rows ends early: a
-- row is returned if those before its predecessor hold no more than the page's bytes, so that there is always one row
-- beyond the page if one exists.

-- record: account
-- columns: id uuid, reference text?, currency text, balance_cents int8, min_balance_cents int8, status text,
--   metadata jsonb?, lane int4, created_at timestamptz, updated_at timestamptz
-- An account. metadata: an object.

-- record: transaction
-- columns: id uuid, account_id uuid, amount_cents int8, currency text, type text, status text, idempotency_key text,
--   metadata jsonb?, failure_code text?, failure_reason text?, dead_letter_id uuid?, lane int4, seq int8,
--   created_at timestamptz, updated_at timestamptz
-- A transaction. metadata: an object. lane, seq: the place of the event that decided it or will decide it.

-- record: lane
-- columns: lane int4, last_seq int8, published_seq int8, applied_seq int8, owner text?, lease_expires_at timestamptz?,
--   oldest_waiting_age_ms int8?, publish_attempts int4, last_error text?, failing_seq int8?, attempts int4,
--   publish_halt_seq int8?, publish_halt_code text?, publish_halt_reason text?, publish_halted_at timestamptz?,
--   apply_halt_seq int8?, apply_halt_code text?, apply_halt_reason text?, apply_halted_at timestamptz?
-- A lane. oldest_waiting_age_ms: of the event after applied_seq. A stage that is not halted has no halt columns.

-- name: ping
-- args: none
SELECT 1

-- Accounts -----------------------------------------------------------------------------------------------------------

-- name: claim_account_key
-- args: idempotency_key text?, account_id uuid, request jsonb
-- Waits for any transaction that is inserting the same key. Does nothing without a key, or when it is taken.
INSERT INTO account_keys (idempotency_key, account_id, request, created_at)
SELECT $1::text, $2::uuid, $3::jsonb, now() WHERE $1::text IS NOT NULL
ON CONFLICT (idempotency_key) DO NOTHING

-- name: account_of_key
-- args: idempotency_key text?, request jsonb
-- row: account_id uuid, same_request bool
-- The account that has the key, and whether the same request took it.
SELECT account_id, request = $2::jsonb AS same_request FROM account_keys WHERE idempotency_key = $1::text

-- name: create_account
-- args: id uuid, currency text, reference text?, min_balance_cents int8, metadata jsonb?,
--   idempotency_key text?
-- row: account
-- Returns nothing when the id (from an earlier run) or the reference already exists, or the key belongs to another
-- account.
INSERT INTO accounts (id, currency, reference, min_balance_cents, metadata, lane, created_at, updated_at)
SELECT $1::uuid, $2::text, $3::text, $4::bigint, $5::jsonb,
       ((uuid_hash($1::uuid) & 2147483647) % (SELECT count(*) FROM lane_intake))::integer, now(), now()
WHERE $6::text IS NULL OR EXISTS (SELECT FROM account_keys WHERE idempotency_key = $6::text AND account_id = $1::uuid)
ON CONFLICT DO NOTHING
RETURNING {account}

-- name: account_by_id
-- args: id uuid
-- row: account
SELECT {account}
FROM accounts WHERE id = $1::uuid

-- name: account_by_reference
-- args: reference text?, status text?, before uuid
-- row: account
SELECT {account}
FROM accounts WHERE reference = $1::text AND ($2::text IS NULL OR status = $2) AND id < $3::uuid

-- name: accounts_page
-- args: before uuid, rows_max int8, bytes_max int8
-- row: account
SELECT {account}
FROM (SELECT {account}, sum(octet_length(metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM accounts WHERE id < $1::uuid ORDER BY id DESC LIMIT $2::bigint) page
      WINDOW earlier AS (ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: accounts_active
-- args: before uuid, rows_max int8, bytes_max int8
-- row: account
SELECT {account}
FROM (SELECT {account}, sum(octet_length(metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM accounts WHERE id < $1::uuid AND status = 'ACTIVE' ORDER BY id DESC LIMIT $2::bigint) page
      WINDOW earlier AS (ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: accounts_suspended
-- args: before uuid, rows_max int8, bytes_max int8
-- row: account
SELECT {account}
FROM (SELECT {account}, sum(octet_length(metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM accounts WHERE id < $1::uuid AND status = 'SUSPENDED' ORDER BY id DESC LIMIT $2::bigint) page
      WINDOW earlier AS (ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: set_account_status
-- args: id uuid, status text
-- row: account
-- Waits for the worker's transaction that holds the account, if there is one: later ones see the new status.
UPDATE accounts
SET status = $2::text, updated_at = CASE WHEN status = $2::text THEN updated_at ELSE now() END
WHERE id = $1::uuid
RETURNING {account}

-- name: entries_page
-- args: account_id uuid, before_seq int8, rows_max int8
-- row: transaction_id uuid, seq int8, type text, amount_cents int8, balance_after_cents int8, processed_at timestamptz
SELECT o.transaction_id, o.seq, t.type, t.amount_cents, o.balance_after_cents, o.processed_at
FROM (SELECT transaction_id, seq, balance_after_cents, processed_at FROM outcomes
      WHERE account_id = $1::uuid AND outcome = 'PROCESSED' AND seq < $2::bigint
      ORDER BY seq DESC LIMIT $3::bigint) o
CROSS JOIN LATERAL (SELECT type, amount_cents FROM accepted WHERE id = o.transaction_id LIMIT 1) t
ORDER BY o.seq DESC

-- Transactions -------------------------------------------------------------------------------------------------------

-- name: transactions_by_id
-- args: ids uuid[]
-- row: transaction
SELECT {s.transaction}
FROM (SELECT DISTINCT unnest($1::uuid[]) AS id) page
CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
ORDER BY s.id DESC

-- name: transaction_states_by_id
-- args: ids uuid[]
-- row: transaction
-- The same without metadata, for callers that know it or do not need it. A decided transaction has its state in its
-- outcome: the rest of the view is only evaluated for the others.
SELECT {s.transaction - metadata}, NULL::jsonb AS metadata
FROM (SELECT DISTINCT unnest($1::uuid[]) AS id) page
LEFT JOIN LATERAL (SELECT outcome, failure_code, failure_reason, seq, processed_at FROM outcomes
                   WHERE transaction_id = page.id LIMIT 1) o ON true
CROSS JOIN LATERAL (
    (SELECT {t.transaction - metadata, status, failure_code, failure_reason, dead_letter_id, seq, updated_at},
            o.outcome AS status, o.failure_code, o.failure_reason, NULL::uuid AS dead_letter_id, o.seq,
            o.processed_at AS updated_at
     FROM accepted t WHERE t.id = page.id AND o.outcome IS NOT NULL LIMIT 1)
    UNION ALL
    (SELECT {transaction - metadata, status, failure_code, failure_reason, dead_letter_id, seq, updated_at},
            status, failure_code, failure_reason, dead_letter_id, seq, updated_at
     FROM transaction_states WHERE id = page.id AND o.outcome IS NULL LIMIT 1)
) s
ORDER BY s.id DESC

-- name: transactions_page
-- args: before uuid, rows_max int8, bytes_max int8
-- row: transaction
SELECT {transaction}
FROM (SELECT {s.transaction}, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT id FROM accepted WHERE id < $1::uuid ORDER BY id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: transactions_processed
-- args: before uuid, rows_max int8, bytes_max int8
-- row: transaction
SELECT {transaction}
FROM (SELECT {s.transaction}, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT transaction_id AS id FROM outcomes WHERE transaction_id < $1::uuid AND outcome = 'PROCESSED'
            ORDER BY transaction_id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: transactions_failed
-- args: before uuid, rows_max int8, bytes_max int8
-- row: transaction
SELECT {transaction}
FROM (SELECT {s.transaction}, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT transaction_id AS id FROM outcomes WHERE transaction_id < $1::uuid AND outcome = 'FAILED'
            ORDER BY transaction_id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: transactions_pending
-- args: before uuid, rows_max int8, bytes_max int8
-- row: transaction
SELECT {transaction}
FROM (SELECT {s.transaction}, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM transactions WHERE status = 'PENDING' AND id < $1::uuid ORDER BY id DESC LIMIT $2::bigint) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: transactions_processing
-- args: before uuid, rows_max int8, bytes_max int8
-- row: transaction
SELECT {transaction}
FROM (SELECT {s.transaction}, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM transactions WHERE status = 'PROCESSING' AND id < $1::uuid ORDER BY id DESC LIMIT $2::bigint) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: account_transactions_page
-- args: before uuid, rows_max int8, bytes_max int8, account_id uuid
-- row: transaction
SELECT {transaction}
FROM (SELECT {s.transaction}, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT id FROM accepted WHERE account_id = $4::uuid AND id < $1::uuid
            ORDER BY id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: account_transactions_processed
-- args: before uuid, rows_max int8, bytes_max int8, account_id uuid
-- row: transaction
SELECT {transaction}
FROM (SELECT {s.transaction}, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT t.id FROM accepted t
            CROSS JOIN LATERAL (SELECT FROM outcomes o
                                WHERE o.transaction_id = t.id AND o.outcome = 'PROCESSED' LIMIT 1) decided
            WHERE t.account_id = $4::uuid AND t.id < $1::uuid ORDER BY t.id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: account_transactions_failed
-- args: before uuid, rows_max int8, bytes_max int8, account_id uuid
-- row: transaction
SELECT {transaction}
FROM (SELECT {s.transaction}, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT transaction_id AS id FROM outcomes
            WHERE account_id = $4::uuid AND transaction_id < $1::uuid AND outcome = 'FAILED'
            ORDER BY transaction_id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: account_transactions_pending
-- args: before uuid, rows_max int8, bytes_max int8, account_id uuid
-- row: transaction
SELECT {transaction}
FROM (SELECT {s.transaction}, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM transactions
            WHERE status = 'PENDING' AND account_id = $4::uuid AND id < $1::uuid ORDER BY id DESC LIMIT $2::bigint) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: account_transactions_processing
-- args: before uuid, rows_max int8, bytes_max int8, account_id uuid
-- row: transaction
SELECT {transaction}
FROM (SELECT {s.transaction}, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM transactions
            WHERE status = 'PROCESSING' AND account_id = $4::uuid AND id < $1::uuid ORDER BY id DESC LIMIT $2::bigint) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: applied_seqs
-- row: lane int4, applied_seq int8
SELECT lane, applied_seq FROM lane_apply ORDER BY lane

-- Dead letters -------------------------------------------------------------------------------------------------------

-- name: lanes
-- row: lane
SELECT c.lane, c.last_seq, c.published_seq, c.applied_seq, c.owner, c.lease_expires_at,
       (extract(epoch FROM clock_timestamp() - e.created_at) * 1000)::bigint AS oldest_waiting_age_ms,
       c.publish_attempts, c.last_error, a.failing_seq, a.attempts,
       hp.seq AS publish_halt_seq, hp.code AS publish_halt_code, hp.reason AS publish_halt_reason,
       hp.halted_at AS publish_halted_at,
       ha.seq AS apply_halt_seq, ha.code AS apply_halt_code, ha.reason AS apply_halt_reason,
       ha.halted_at AS apply_halted_at
FROM lane_cursors c
JOIN lane_apply a USING (lane)
LEFT JOIN standing_halts hp ON hp.lane = c.lane AND hp.stage = 'publish'
LEFT JOIN standing_halts ha ON ha.lane = c.lane AND ha.stage = 'apply'
LEFT JOIN LATERAL (SELECT created_at FROM lane_events WHERE lane = c.lane AND seq = c.applied_seq + 1 LIMIT 1) e ON true
ORDER BY c.lane
