-- How transactions are accepted (src/intake/pg_intake_store.cpp).

-- name: no_seq_scan
-- args: none
-- A plan made while a table was small must not stay with the session once it has grown: every lookup of intake is by
-- index, so plans that read whole tables are never wanted.
SET LOCAL enable_seqscan = off

-- name: lock_lanes
-- args: lanes int4[]
-- row: lane int4
-- In ascending order, whatever the order of the items: two batches that share lanes cannot deadlock.
SELECT lane FROM lane_intake WHERE lane = ANY ($1::integer[]) ORDER BY lane FOR NO KEY UPDATE

-- name: lock_free_lanes
-- args: lanes int4[]
-- row: lane int4
-- Those that nobody holds. This waits for nothing, so it cannot deadlock either.
SELECT lane FROM lane_intake WHERE lane = ANY ($1::integer[]) ORDER BY lane FOR NO KEY UPDATE SKIP LOCKED

-- name: last_seqs
-- args: lanes int4[]
-- row: lane int4, last_seq int8
-- A separate statement after the lanes are locked, so that its snapshot holds every place given before.
SELECT l.lane, greatest((SELECT seq FROM accepted WHERE lane = l.lane ORDER BY seq DESC LIMIT 1),
                        (SELECT seq FROM places WHERE lane = l.lane ORDER BY seq DESC LIMIT 1), 0) AS last_seq
FROM unnest($1::integer[]) AS l (lane)

-- name: accept
-- args: lanes int4[], ids uuid[], account_ids uuid[], event_ids uuid[], of_lanes int4[], nths int4[],
--   amounts_cents int8[], nets_cents int8[], places int4[], currencies text[], types text[], idempotency_keys text[],
--   legs jsonb?[], metadata jsonb?[], traceparents text?[], place_of int4[], place_accounts uuid[],
--   place_currencies text[], place_lanes int4[], place_nths int4[], place_nets int8[]
-- row: lane int4, last_seq int8, accepted_at timestamptz
-- Numbers and stores the items, all of them or none: the last seqs are those before. lanes: ascending, locked. nths: 1, 2,
-- ... among the batch's places of that lane. place_of: the item, from 1, that the place belongs to; these are the places
-- of further accounts. LL001 when an account does not exist, is suspended or has another currency.
WITH last AS MATERIALIZED (
    SELECT l.lane, greatest((SELECT seq FROM accepted WHERE lane = l.lane ORDER BY seq DESC LIMIT 1),
                            (SELECT seq FROM places WHERE lane = l.lane ORDER BY seq DESC LIMIT 1), 0) AS seq,
           clock_timestamp() AS now
    FROM unnest($1::integer[]) AS l (lane)
), bases AS MATERIALIZED (
    -- Indexed by lane, from 0.
    SELECT array_agg(coalesce(last.seq, 0) ORDER BY n) AS seqs, max(last.now) AS now
    FROM generate_series(0, 47) AS n LEFT JOIN last ON last.lane = n
), first AS (
    INSERT INTO accepted (id, account_id, event_id, seq, amount_cents, net_cents, created_at, lane, places,
                          schema_version, currency, type, idempotency_key, legs, metadata, traceparent)
    SELECT i.id, i.account_id, i.event_id, (b.seqs)[i.lane + 1] + i.nth, i.amount_cents, i.net_cents, b.now, i.lane,
           i.places, CASE WHEN i.legs IS NULL THEN 1 ELSE 2 END, i.currency, i.type, i.idempotency_key, i.legs,
           i.metadata, i.traceparent
    FROM bases b
         CROSS JOIN unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::integer[], $6::integer[], $7::bigint[], $8::bigint[],
                           $9::integer[], $10::text[], $11::text[], $12::text[], $13::jsonb[], $14::jsonb[], $15::text[])
              AS i (id, account_id, event_id, lane, nth, amount_cents, net_cents, places, currency, type,
                    idempotency_key, legs, metadata, traceparent)
         JOIN account_settings a ON a.id = i.account_id AND a.currency = i.currency AND a.status = 'ACTIVE'
    RETURNING lane
), further AS (
    INSERT INTO places (lane, seq, account_id, net_cents, transaction_id, event_id, places, traceparent, created_at)
    SELECT p.lane, (b.seqs)[p.lane + 1] + p.nth, p.account_id, p.net_cents, ($2::uuid[])[p.item], ($4::uuid[])[p.item],
           ($9::integer[])[p.item], ($15::text[])[p.item], b.now
    FROM bases b
         CROSS JOIN unnest($16::integer[], $17::uuid[], $18::text[], $19::integer[], $20::integer[], $21::bigint[])
              AS p (item, account_id, currency, lane, nth, net_cents)
         JOIN account_settings a ON a.id = p.account_id AND a.currency = p.currency AND a.status = 'ACTIVE'
    RETURNING lane
), complete AS MATERIALIZED (
    SELECT demand((SELECT count(*) FROM first) = cardinality($2::uuid[])
                  AND (SELECT count(*) FROM further) = cardinality($16::integer[]), 'an account does not take this')
)
SELECT last.lane, last.seq AS last_seq, last.now AS accepted_at FROM last CROSS JOIN complete
