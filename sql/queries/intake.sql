-- How transactions are accepted (src/intake/pg_intake_store.cpp).

-- name: no_seq_scan
-- args: none
-- A plan made while a table was small must not stay with the session once it has grown: every lookup of intake is by
-- index, so plans that read whole tables are never wanted.
SET LOCAL enable_seqscan = off

-- record: locked_lane
-- columns: lane int4

-- name: lock_lanes
-- args: lanes int4[]
-- row: locked_lane
-- In ascending order, whatever the order of the items: two batches that share lanes cannot deadlock.
SELECT lane FROM lane_intake WHERE lane = ANY ($1::integer[]) ORDER BY lane FOR NO KEY UPDATE

-- name: lock_free_lanes
-- args: lanes int4[]
-- row: locked_lane
-- Those that nobody holds. This waits for nothing, so it cannot deadlock either.
SELECT lane FROM lane_intake WHERE lane = ANY ($1::integer[]) ORDER BY lane FOR NO KEY UPDATE SKIP LOCKED

-- name: accept_new
-- args: lanes int4[], ids uuid[], account_ids uuid[], event_ids uuid[], lanes_of int4[], nths int4[],
--   amounts_cents int8[], nets_cents int8[], currencies text[], types text[], idempotency_keys text[],
--   metadata jsonb?[], traceparents text?[]
-- row: lane int4, last_seq int8, accepted_at timestamptz
-- Numbers and stores the items, all of them or none. lanes: ascending, locked by an earlier statement, so that this one's
-- snapshot holds every place given before. nths: 1, 2, ... among the batch's items of that lane. The rows say what the
-- last seqs were. LL001 when an account does not exist, is suspended or has another currency.
WITH last AS MATERIALIZED (
    SELECT l.lane, greatest((SELECT seq FROM accepted WHERE lane = l.lane ORDER BY seq DESC LIMIT 1),
                            (SELECT seq FROM places WHERE lane = l.lane ORDER BY seq DESC LIMIT 1), 0) AS seq,
           clock_timestamp() AS now
    FROM unnest($1::integer[]) AS l (lane)
), by_lane AS MATERIALIZED (
    -- An array that lanes are positions of: a join would search the lanes for every item.
    SELECT array_agg(coalesce(last.seq, 0) ORDER BY n) AS seqs, max(last.now) AS now
    FROM generate_series(0, (SELECT max(lane) FROM last)) AS n LEFT JOIN last ON last.lane = n
), stored AS (
    INSERT INTO accepted (id, account_id, event_id, seq, amount_cents, net_cents, created_at, lane, places,
                          schema_version, currency, type, idempotency_key, metadata, traceparent)
    SELECT i.id, i.account_id, i.event_id, b.seqs[i.lane + 1] + i.nth, i.amount_cents, i.net_cents, b.now, i.lane, 1,
           1, i.currency, i.type, i.idempotency_key, i.metadata, i.traceparent
    FROM by_lane b
         CROSS JOIN unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::integer[], $6::integer[], $7::bigint[], $8::bigint[],
                           $9::text[], $10::text[], $11::text[], $12::jsonb[], $13::text[])
              AS i (id, account_id, event_id, lane, nth, amount_cents, net_cents, currency, type, idempotency_key,
                    metadata, traceparent)
         JOIN account_settings a ON a.id = i.account_id AND a.currency = i.currency AND a.status = 'ACTIVE'
    RETURNING lane
)
SELECT last.lane, last.seq AS last_seq, last.now AS accepted_at
FROM last CROSS JOIN (SELECT demand((SELECT count(*) FROM stored) = cardinality($2::uuid[]),
                                    'an account does not take this transaction') AS complete) d
WHERE d.complete

-- name: read_batch
-- args: account_ids uuid[], amounts_cents int8[], currencies text[], types text[], idempotency_keys text[],
--   metadata jsonb?[]
-- row: lane int4?, suspended bool?, account_currency text?, known_id uuid?, same_body bool?, known_lane int4?,
--   known_seq int8?, known_created_at timestamptz?
-- What is known of the items' accounts and keys, in their order. A separate statement after the lanes are locked, so that
-- its snapshot holds every key committed before.
SELECT a.lane, a.status = 'SUSPENDED' AS suspended, a.currency AS account_currency,
       k.id AS known_id, k.same_body, k.lane AS known_lane, k.seq AS known_seq, k.created_at AS known_created_at
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::jsonb[]) WITH ORDINALITY
         AS item (account_id, amount_cents, currency, type, idempotency_key, metadata, ordinal)
LEFT JOIN LATERAL (
    SELECT lane, status, currency FROM account_settings WHERE id = item.account_id LIMIT 1
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
