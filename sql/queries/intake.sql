-- How transactions are accepted (src/intake/pg_intake_store.cpp).

-- name: no_seq_scan
-- args: none
-- A plan made while a table was small must not stay with the session once it has grown: every lookup of intake is by
-- index, so plans that read whole tables are never wanted.
SET LOCAL enable_seqscan = off

-- record: locked_lane
-- columns: lane int4, last_seq int8

-- name: lock_lanes
-- args: account_ids uuid[], wait_for_none bool, not_waited_for int4[]
-- row: locked_lane
-- In ascending order, whatever the order of the items: two batches that share lanes cannot deadlock. Leaves out the
-- lanes not to be waited for: all of them ($2), or these ($3).
SELECT lane, last_seq
FROM lane_intake
WHERE lane IN (SELECT a.lane FROM accounts a WHERE a.id = ANY ($1::uuid[]))
  AND NOT ($2::boolean OR lane = ANY ($3::integer[]))
ORDER BY lane
FOR NO KEY UPDATE

-- name: lock_free_lanes
-- args: account_ids uuid[], wait_for_none bool, not_waited_for int4[]
-- row: locked_lane
-- The lanes left out, if nobody holds them. This waits for nothing, so it cannot deadlock either.
SELECT lane, last_seq
FROM lane_intake
WHERE lane IN (SELECT a.lane FROM accounts a WHERE a.id = ANY ($1::uuid[]))
  AND ($2::boolean OR lane = ANY ($3::integer[]))
ORDER BY lane
FOR NO KEY UPDATE SKIP LOCKED

-- name: read_batch
-- args: account_ids uuid[], amounts_cents int8[], currencies text[], types text[], idempotency_keys text[],
--   metadata jsonb?[]
-- row: account_lane int4?, suspended bool?, account_currency text?, known_id uuid?, same_body bool?, known_lane int4?,
--   known_seq int8?, known_created_at timestamptz?, read_at timestamptz
-- A separate statement after the lanes are locked, so that its snapshot holds every key committed before.
SELECT a.lane AS account_lane, a.status = 'SUSPENDED' AS suspended, a.currency AS account_currency,
       k.id AS known_id, k.same_body, k.lane AS known_lane, k.seq AS known_seq, k.created_at AS known_created_at,
       (SELECT clock_timestamp()) AS read_at
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::jsonb[]) WITH ORDINALITY
         AS item (account_id, amount_cents, currency, type, idempotency_key, metadata, ordinal)
LEFT JOIN LATERAL (
    SELECT lane, status, currency FROM accounts WHERE id = item.account_id LIMIT 1
) a ON true
LEFT JOIN LATERAL (
    SELECT id, lane, seq, created_at,
           amount_cents = item.amount_cents AND currency = item.currency AND type = item.type
               AND metadata IS NOT DISTINCT FROM item.metadata AS same_body
    FROM accepted
    WHERE account_id = item.account_id AND idempotency_key = item.idempotency_key
    LIMIT 1
) k ON true
ORDER BY item.ordinal

-- name: insert
-- args: ids uuid[], account_ids uuid[], amounts_cents int8[], currencies text[], types text[], idempotency_keys text[],
--   metadata jsonb?[], lanes int4[], seqs int8[], event_ids uuid[], traceparents text?[], created_at timestamptz
INSERT INTO accepted (id, account_id, amount_cents, currency, type, idempotency_key, metadata, lane, seq, event_id,
                      traceparent, created_at)
SELECT id, account_id, amount_cents, currency, type, idempotency_key, metadata, lane, seq, event_id, traceparent,
       $12::timestamptz
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::integer[],
            $9::bigint[], $10::uuid[], $11::text[])
         AS item (id, account_id, amount_cents, currency, type, idempotency_key, metadata, lane, seq, event_id,
                  traceparent)

-- name: move_cursors
-- args: lanes int4[], rows int8[]
UPDATE lane_intake
SET last_seq = last_seq + moved.rows
FROM unnest($1::integer[], $2::bigint[]) AS moved (lane, rows)
WHERE lane_intake.lane = moved.lane
