-- What the API reads and writes, apart from accepting transactions (src/api).
--
-- Pages are read newest first: the rows before a position, which is the greatest possible id for the first page. The
-- page itself is read from an index; whatever else belongs to its rows is looked up row by row (LATERAL ... LIMIT 1),
-- so that the cost depends on the length of the page, not on the size of the tables. A page of large rows ends early: a
-- row is returned if those before its predecessor hold no more than the page's bytes, so that there is always one row
-- beyond the page if one exists.

-- record: account
-- columns: id uuid, reference text?, currency text, balance_cents int8, held_cents int8,
--   available_cents int8, min_balance_cents int8, max_balance_cents int8?, status text,
--   metadata jsonb?, lane int4, created_at timestamptz, updated_at timestamptz
-- An account. metadata: an object.

-- record: transaction
-- columns: id uuid, account_id uuid, amount_cents int8, currency text, type text, status text, idempotency_key text,
--   legs jsonb?, reference text?, metadata jsonb?, hold_id uuid?, reverses uuid?, reversed_cents int8, reason text?,
--   previous_id uuid?, occurred_at timestamptz?, failure_code text?, failure_reason text?, dead_letter_id uuid?,
--   lane int4, seq int8, created_at timestamptz, updated_at timestamptz
-- A transaction. account_id: the first that it touches. legs: of a transfer, capture or reversal, an array. metadata: an
-- object. reversed_cents: by all reversals of it. lane, seq: the place of the event that decided it or will decide it.

-- record: hold
-- columns: id uuid, account_id uuid, to_account_id uuid?, amount_cents int8, currency text, status text, state text,
--   captured_cents int8, released_cents int8, expires_at timestamptz, idempotency_key text, reference text?,
--   metadata jsonb?, failure_code text?, failure_reason text?, created_at timestamptz
-- A hold. status: of its transaction.

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
--   idempotency_key text?, max_balance_cents int8?
-- row: account
-- Returns nothing when the id (from an earlier run) or the reference already exists, or the key belongs to another
-- account.
INSERT INTO account_settings (id, currency, reference, min_balance_cents, max_balance_cents, metadata, lane, created_at,
                              updated_at)
SELECT $1::uuid, $2::text, $3::text, $4::bigint, $7::bigint, $5::jsonb, lane_of($1::uuid), now(), now()
WHERE $6::text IS NULL OR EXISTS (SELECT FROM account_keys WHERE idempotency_key = $6::text AND account_id = $1::uuid)
ON CONFLICT DO NOTHING
RETURNING id, reference, currency, 0::bigint AS balance_cents, 0::bigint AS held_cents,
          0::bigint AS available_cents, min_balance_cents, max_balance_cents, status, metadata, lane, created_at, updated_at

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
FROM (SELECT {a.account}, sum(octet_length(a.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT id FROM account_settings WHERE id < $1::uuid ORDER BY id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM accounts WHERE id = page.id LIMIT 1) a
      WINDOW earlier AS (ORDER BY a.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: accounts_by_status
-- args: before uuid, rows_max int8, bytes_max int8, status text
-- row: account
SELECT {account}
FROM (SELECT {a.account}, sum(octet_length(a.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT id FROM account_settings WHERE id < $1::uuid AND status = $4 ORDER BY id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM accounts WHERE id = page.id LIMIT 1) a
      WINDOW earlier AS (ORDER BY a.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: lock_apply_lane_of_account
-- args: id uuid
-- row: lane int4
-- A change to what decisions depend on is made under the lane's apply lock: earlier decisions do not know of it, and
-- all later ones do.
SELECT lane FROM lane_apply WHERE lane = lane_of($1::uuid) FOR NO KEY UPDATE

-- name: change_account
-- args: id uuid, status text?, min_balance_cents int8?, sets_ceiling bool, max_balance_cents int8?, sets_metadata bool,
--   metadata jsonb?, reason text?, changed_by text, operator_name text?, key_fingerprint text?, request_id text
-- row: obstacle text?
-- Changes what is not NULL, or what is set, and records it with the lane's applied seq; obstacle: why not. Changes nothing
-- when all of it is so already. A statement of its own after the lane is locked. No row when there is no such account.
WITH known AS MATERIALIZED (
    SELECT a.id, a.lane, a.status, a.balance_cents, a.held_cents, a.min_balance_cents, a.max_balance_cents, a.metadata,
           coalesce($2::text, a.status) AS new_status, coalesce($3::bigint, a.min_balance_cents) AS new_min_balance_cents,
           CASE WHEN $4::boolean THEN $5::bigint ELSE a.max_balance_cents END AS new_max_balance_cents,
           CASE WHEN $6::boolean THEN $7::jsonb ELSE a.metadata END AS new_metadata, clock_timestamp() AS changed_at
    FROM accounts a WHERE a.id = $1::uuid
), wanted AS MATERIALIZED (
    SELECT k.*, c.before, c.after,
           CASE WHEN c.before IS NULL THEN NULL
                WHEN k.status = 'CLOSED' THEN 'closed_is_final'
                WHEN k.new_max_balance_cents < k.new_min_balance_cents THEN 'limits_crossed'
                WHEN k.new_status = 'CLOSED' AND (k.balance_cents <> 0 OR k.held_cents <> 0)
                THEN 'account_not_empty' END AS obstacle
    FROM known k
         CROSS JOIN LATERAL (
             SELECT jsonb_object_agg(name, old) AS before, jsonb_object_agg(name, new) AS after
             FROM (VALUES ('status', to_jsonb(k.status), to_jsonb(k.new_status)),
                          ('min_balance_cents', to_jsonb(k.min_balance_cents), to_jsonb(k.new_min_balance_cents)),
                          ('max_balance_cents', to_jsonb(k.max_balance_cents), to_jsonb(k.new_max_balance_cents)),
                          ('metadata', k.metadata, k.new_metadata)) AS v (name, old, new)
             WHERE old IS DISTINCT FROM new) c
), changed AS (
    UPDATE account_settings s
    SET status = w.new_status, min_balance_cents = w.new_min_balance_cents, max_balance_cents = w.new_max_balance_cents,
        metadata = w.new_metadata, updated_at = w.changed_at
    FROM wanted w WHERE s.id = w.id AND w.obstacle IS NULL AND w.before IS NOT NULL
), recorded AS (
    INSERT INTO account_changes (account_id, number, lane, applied_seq, before, after, changed_at, changed_by, operator,
                                 key_fingerprint, reason, request_id)
    SELECT w.id, 1 + coalesce((SELECT max(number) FROM account_changes WHERE account_id = w.id), 0), w.lane,
           coalesce((SELECT seq FROM decisions WHERE lane = w.lane ORDER BY seq DESC LIMIT 1), 0), w.before, w.after,
           w.changed_at, $9::text, $10::text, $11::text, $8::text, $12::text
    FROM wanted w WHERE w.obstacle IS NULL AND w.before IS NOT NULL
)
SELECT obstacle FROM wanted

-- name: account_changes_page
-- args: account_id uuid, before_number int8, rows_max int8, bytes_max int8
-- row: number int4, before jsonb, after jsonb, reason text?, changed_by text, operator_name text?, key_fingerprint text?,
--   request_id text, changed_at timestamptz, lane int4, applied_seq int8
SELECT number, before, after, reason, changed_by, operator AS operator_name, key_fingerprint, request_id, changed_at,
       lane, applied_seq
FROM (SELECT c.*, sum(octet_length(c.before::text) + octet_length(c.after::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM account_changes WHERE account_id = $1::uuid AND number < $2::bigint
            ORDER BY number DESC LIMIT $3::bigint) c
      WINDOW earlier AS (ORDER BY c.number DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $4::bigint
ORDER BY number DESC

-- name: entries_page
-- args: account_id uuid, before_seq int8, rows_max int8
-- row: transaction_id uuid, seq int8, type text, net_cents int8, balance_after_cents int8, processed_at timestamptz
SELECT o.transaction_id, o.seq, t.type, o.net_cents, o.balance_after_cents, o.processed_at
FROM (SELECT transaction_id, seq, amount_cents AS net_cents, balance_after_cents, processed_at FROM decisions
      WHERE account_id = $1::uuid AND kind = 'POSTED' AND seq < $2::bigint
      ORDER BY seq DESC LIMIT $3::bigint) o
CROSS JOIN LATERAL (SELECT type FROM accepted WHERE id = o.transaction_id LIMIT 1) t
ORDER BY o.seq DESC

-- name: accounts_by_references
-- args: references text[]
-- row: reference text, id uuid
SELECT reference, id FROM account_settings WHERE reference = ANY ($1::text[])

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
-- The same without metadata, for callers that know it or do not need it.
SELECT {s.transaction - metadata}, NULL::jsonb AS metadata
FROM (SELECT DISTINCT unnest($1::uuid[]) AS id) page
CROSS JOIN LATERAL (SELECT {transaction - metadata} FROM transaction_states WHERE id = page.id LIMIT 1) s
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
      FROM (SELECT id FROM transactions WHERE status = 'PROCESSED' AND id < $1::uuid
            ORDER BY id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: transactions_failed
-- args: before uuid, rows_max int8, bytes_max int8
-- row: transaction
SELECT {transaction}
FROM (SELECT {s.transaction}, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT transaction_id AS id FROM decisions WHERE kind = 'REFUSED' AND transaction_id < $1::uuid
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
      FROM (SELECT id FROM undecided WHERE status = 'PENDING' AND is_first AND id < $1::uuid
            ORDER BY id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: transactions_processing
-- args: before uuid, rows_max int8, bytes_max int8
-- row: transaction
SELECT {transaction}
FROM (SELECT {s.transaction}, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT id FROM undecided WHERE status = 'PROCESSING' AND is_first AND id < $1::uuid
            ORDER BY id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: account_transactions_page
-- args: before uuid, rows_max int8, bytes_max int8, account_id uuid
-- row: transaction
-- In the order in which they were accepted for the account: that of the places given at intake in its lane.
SELECT {transaction}
FROM (SELECT {s.transaction}, page.at, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (
          (SELECT id, seq AS at FROM accepted
           WHERE lane = lane_of($4::uuid) AND account_id = $4::uuid AND seq < first_place_seq($1::uuid, $4::uuid)
             AND seq > coalesce((SELECT seq FROM decisions WHERE lane = lane_of($4::uuid) ORDER BY seq DESC LIMIT 1), 0)
           ORDER BY seq DESC LIMIT $2::bigint)
          UNION ALL
          (SELECT transaction_id, seq FROM places
           WHERE lane = lane_of($4::uuid) AND account_id = $4::uuid AND dead_letter_id IS NULL
             AND seq < first_place_seq($1::uuid, $4::uuid)
             AND seq > coalesce((SELECT seq FROM decisions WHERE lane = lane_of($4::uuid) ORDER BY seq DESC LIMIT 1), 0)
           ORDER BY seq DESC LIMIT $2::bigint)
          UNION ALL
          (SELECT transaction_id, seq FROM decisions
           WHERE account_id = $4::uuid AND seq < first_place_seq($1::uuid, $4::uuid)
             AND seq = first_place_seq(transaction_id, $4::uuid)
           ORDER BY seq DESC LIMIT $2::bigint)
          ORDER BY at DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY page.at DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY at DESC

-- name: account_transactions_processed
-- args: before uuid, rows_max int8, bytes_max int8, account_id uuid
-- row: transaction
-- In the order in which they were decided.
SELECT {transaction}
FROM (SELECT {s.transaction}, page.at, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (
          SELECT transaction_id AS id, seq AS at FROM decisions
          WHERE account_id = $4::uuid AND kind = 'POSTED' AND seq < last_place_seq($1::uuid, $4::uuid)
          ORDER BY seq DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY page.at DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY at DESC

-- name: account_transactions_failed
-- args: before uuid, rows_max int8, bytes_max int8, account_id uuid
-- row: transaction
-- In the order in which they were decided.
SELECT {transaction}
FROM (SELECT {s.transaction}, page.at, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (
          SELECT transaction_id AS id, seq AS at FROM decisions
          WHERE account_id = $4::uuid AND kind = 'REFUSED' AND seq < last_place_seq($1::uuid, $4::uuid)
          ORDER BY seq DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY page.at DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY at DESC

-- name: account_transactions_pending
-- args: before uuid, rows_max int8, bytes_max int8, account_id uuid
-- row: transaction
SELECT {transaction}
FROM (SELECT {s.transaction}, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT id FROM undecided
            WHERE status = 'PENDING' AND lane = lane_of($4::uuid) AND account_id = $4::uuid AND id < $1::uuid
            ORDER BY id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: account_transactions_processing
-- args: before uuid, rows_max int8, bytes_max int8, account_id uuid
-- row: transaction
SELECT {transaction}
FROM (SELECT {s.transaction}, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT id FROM undecided
            WHERE status = 'PROCESSING' AND lane = lane_of($4::uuid) AND account_id = $4::uuid AND id < $1::uuid
            ORDER BY id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
      WINDOW earlier AS (ORDER BY s.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: transaction_to_reverse
-- args: id uuid
-- row: account_id uuid, type text, status text, amount_cents int8, currency text, legs jsonb?, reversed_cents int8
SELECT account_id, type, status, amount_cents, currency, legs, reversed_cents FROM transaction_states WHERE id = $1::uuid

-- name: applied_seqs
-- row: lane int4, applied_seq int8
SELECT lane, applied_seq FROM lane_cursors ORDER BY lane

-- Dead letters -------------------------------------------------------------------------------------------------------

-- name: lanes
-- row: lane
SELECT c.lane, c.last_seq, c.published_seq, c.applied_seq, c.owner, c.lease_expires_at,
       (extract(epoch FROM clock_timestamp() - e.created_at) * 1000)::bigint AS oldest_waiting_age_ms,
       c.publish_attempts, c.last_error, e.failing_seq, coalesce(e.attempts, 0) AS attempts,
       hp.seq AS publish_halt_seq, hp.code AS publish_halt_code, hp.reason AS publish_halt_reason,
       hp.halted_at AS publish_halted_at,
       ha.seq AS apply_halt_seq, ha.code AS apply_halt_code, ha.reason AS apply_halt_reason,
       ha.halted_at AS apply_halted_at
FROM lane_cursors c
LEFT JOIN standing_halts hp ON hp.lane = c.lane AND hp.stage = 'publish'
LEFT JOIN standing_halts ha ON ha.lane = c.lane AND ha.stage = 'apply'
LEFT JOIN LATERAL (
    SELECT p.created_at, a.attempts, CASE WHEN a.attempts IS NOT NULL THEN p.seq END AS failing_seq
    FROM lane_places p LEFT JOIN apply_attempts a ON a.event_id = p.event_id
    WHERE p.lane = c.lane AND p.seq = c.applied_seq + 1 LIMIT 1) e ON true
ORDER BY c.lane

-- Holds --------------------------------------------------------------------------------------------------------------

-- name: hold_by_id
-- args: id uuid
-- row: hold
SELECT {hold} FROM holds WHERE id = $1::uuid

-- name: hold_to_settle
-- args: id uuid, idempotency_key text
-- row: account_id uuid, to_account_id uuid?, currency text, rest_cents int8, state text, overdue bool,
--   known_cents int8?
-- known_cents: the amount of the transaction that this key has for the hold's account.
SELECT h.account_id, h.to_account_id, h.currency, h.amount_cents - h.captured_cents - h.released_cents AS rest_cents,
       h.state, h.expires_at <= clock_timestamp() AS overdue, k.amount_cents AS known_cents
FROM holds h
     LEFT JOIN LATERAL (SELECT amount_cents FROM accepted WHERE account_id = h.account_id AND idempotency_key = $2::text
                        LIMIT 1) k ON true
WHERE h.id = $1::uuid

-- name: amount_of_key
-- args: account_id uuid, idempotency_key text
-- row: amount_cents int8
-- Of the transaction that the key has for this account; none when it is unknown.
SELECT amount_cents FROM accepted WHERE account_id = $1::uuid AND idempotency_key = $2::text

-- name: holds_page
-- args: before uuid, rows_max int8, bytes_max int8, state text?
-- row: hold
SELECT {hold}
FROM (SELECT {h.hold}, sum(octet_length(h.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM holds WHERE id < $1::uuid AND ($4::text IS NULL OR state = $4)
            ORDER BY id DESC LIMIT $2::bigint) h
      WINDOW earlier AS (ORDER BY h.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: account_holds_page
-- args: before uuid, rows_max int8, bytes_max int8, state text?, account_id uuid
-- row: hold
SELECT {hold}
FROM (SELECT {h.hold}, sum(octet_length(h.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM holds WHERE account_id = $5::uuid AND id < $1::uuid AND ($4::text IS NULL OR state = $4)
            ORDER BY id DESC LIMIT $2::bigint) h
      WINDOW earlier AS (ORDER BY h.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC
