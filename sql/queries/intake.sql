-- How transactions are accepted (src/intake/pg_intake_store.cpp).

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
-- args: lanes int4[], expected_seqs int8[], ids uuid[], account_ids uuid[], event_ids uuid[], nths int4[],
--   amounts_cents int8[], nets_cents int8[], places int4[], schema_versions int4[], tenants int4[], parents uuid?[],
--   previous uuid?[], occurred timestamptz?[], currencies text[], types text[], idempotency_keys text[],
--   traceparents text?[], legs jsonb?[], references text?[], metadata jsonb?[], terms jsonb?[], further_items int4[],
--   further_accounts uuid[], further_lanes int4[], further_nths int4[], further_nets_cents int8[],
--   further_currencies text[], further_keys text[], further_tenants int8?[], keys_looked_up bool
-- row: lane int4, last_seq int8, accepted_at timestamptz, lowest_tenant int4?, highest_tenant int4?
-- Numbers and stores the items with all their places, all of them or none. lanes: ascending, locked by an earlier
-- statement, so that this one's snapshot holds every place given before. expected_seqs: what the lanes' last seqs may be;
-- they only make it quick: without a bound below, the end of an index is read by the page. From ids to terms: one of each
-- item; where values may be NULL, the last ones may be left out. nths: 1, 2, ... among the batch's places of that lane.
-- tenants: whose the first accounts must be, further_tenants: the same of the others; NULL: anybody's. further: the places
-- after an item's first; their items are positions in ids, from 1. The rows say what the last seqs were, and whose the
-- further accounts are, of all items together. LL001 when an account does not exist, is not ACTIVE or has another
-- currency, or, unless the keys were looked up, when a further account has a transfer under the item's key: it may be this
-- one with its legs in another order.
WITH last AS MATERIALIZED (
    SELECT l.lane,
           coalesce(greatest((SELECT seq FROM accepted WHERE lane = l.lane AND seq >= l.expected_seq
                              ORDER BY seq DESC LIMIT 1),
                             (SELECT seq FROM places WHERE lane = l.lane AND seq >= l.expected_seq
                              ORDER BY seq DESC LIMIT 1)),
                    greatest((SELECT seq FROM accepted WHERE lane = l.lane ORDER BY seq DESC LIMIT 1),
                             (SELECT seq FROM places WHERE lane = l.lane ORDER BY seq DESC LIMIT 1), 0)) AS seq,
           clock_timestamp() AS now
    FROM unnest($1::integer[], $2::bigint[]) AS l (lane, expected_seq)
), by_lane AS MATERIALIZED (
    -- An array that lanes are positions of: a join would search the lanes for every item.
    SELECT array_agg(coalesce(last.seq, 0) ORDER BY n) AS seqs, max(last.now) AS now
    FROM generate_series(0, (SELECT max(lane) FROM last)) AS n LEFT JOIN last ON last.lane = n
), stored AS (
    INSERT INTO accepted (id, account_id, event_id, seq, amount_cents, net_cents, created_at, lane, places,
                          schema_version, currency, type, idempotency_key, legs, reference, metadata, traceparent, parent_id,
                          terms, previous_id, occurred_at, tenant)
    SELECT ($3::uuid[])[i.n], a.id, ($5::uuid[])[i.n], b.seqs[a.lane + 1] + ($6::integer[])[i.n], ($7::bigint[])[i.n],
           ($8::bigint[])[i.n], b.now, a.lane, ($9::integer[])[i.n], ($10::integer[])[i.n], i.currency, i.type,
           i.idempotency_key, i.legs, i.reference, i.metadata, i.traceparent, ($12::uuid[])[i.n], i.terms,
           ($13::uuid[])[i.n], ($14::timestamptz[])[i.n], a.tenant
    FROM by_lane b
         -- What has a fixed size is taken by its position, which costs a fifth of what a column of unnest() does.
         CROSS JOIN (SELECT *, nth::integer AS n
                     FROM unnest($15::text[], $16::text[], $17::text[], $18::text[], $19::jsonb[], $20::text[], $21::jsonb[],
                                 $22::jsonb[]) WITH ORDINALITY
                          AS u (currency, type, idempotency_key, traceparent, legs, reference, metadata, terms, nth)) i
         JOIN account_settings a ON a.id = ($4::uuid[])[i.n] AND a.tenant = ($11::integer[])[i.n] AND a.currency = i.currency
                                    AND (a.status = 'ACTIVE' OR i.type = 'RELEASE')
    RETURNING lane
), further AS MATERIALIZED (
    SELECT * FROM unnest($23::integer[], $24::uuid[], $25::integer[], $26::integer[], $27::bigint[], $28::text[],
                         $29::text[], $30::bigint[])
        AS f (item, account_id, lane, nth, net_cents, currency, idempotency_key, tenant)
), placed AS (
    INSERT INTO places (lane, seq, account_id, net_cents, transaction_id, event_id, places, created_at, tenant)
    SELECT f.lane, b.seqs[f.lane + 1] + f.nth, f.account_id, f.net_cents, ($3::uuid[])[f.item], ($5::uuid[])[f.item],
           ($9::integer[])[f.item], b.now, a.tenant
    FROM by_lane b CROSS JOIN further f
         JOIN account_settings a ON a.id = f.account_id AND a.tenant = coalesce(f.tenant, a.tenant)
                                    AND a.currency = f.currency AND a.status = 'ACTIVE'
    RETURNING tenant
)
SELECT last.lane, last.seq AS last_seq, last.now AS accepted_at, d.lowest_tenant, d.highest_tenant
FROM last CROSS JOIN (
    SELECT p.lowest_tenant, p.highest_tenant,
           demand((SELECT count(*) FROM stored) = cardinality($3::uuid[])
                  AND p.count = cardinality($24::uuid[])
                  AND ($31::boolean OR NOT EXISTS (
                      SELECT FROM further f JOIN accepted t ON t.account_id = f.account_id
                                      AND t.idempotency_key = f.idempotency_key AND t.legs IS NOT NULL)),
                  'an account does not take this transaction') AS complete
    FROM (SELECT count(*), min(tenant) AS lowest_tenant, max(tenant) AS highest_tenant FROM placed) p) d
WHERE d.complete

-- name: read_accounts
-- args: account_ids uuid[]
-- row: id uuid, status text, currency text, tenant int4
SELECT id, status, currency, tenant FROM account_settings WHERE id = ANY ($1::uuid[])

-- name: read_keys
-- args: amounts_cents int8[], currencies text[], types text[], idempotency_keys text[], legs jsonb?[],
--   references text?[], metadata jsonb?[], parents uuid?[], terms jsonb?[], touching int4[], account_ids uuid[],
--   occurred timestamptz?[]
-- row: item int4, account_id uuid, id uuid, same_request bool, previous_id uuid?, lane int4, seq int8,
--   created_at timestamptz
-- What is known of the items' keys under any of the accounts that they touch: touching holds positions of items, from 1,
-- and account_ids an account each. Legs are the same in whatever order. same_request: but for previous_id. A separate statement after the lanes are locked,
-- so that its snapshot holds every key committed before.
SELECT touched.item, t.account_id, t.id,
       t.amount_cents = item.amount_cents AND t.type = item.type AND t.metadata IS NOT DISTINCT FROM item.metadata
           AND t.reference IS NOT DISTINCT FROM item.reference
           AND t.parent_id IS NOT DISTINCT FROM item.parent_id AND t.terms IS NOT DISTINCT FROM item.terms
           AND t.occurred_at IS NOT DISTINCT FROM item.occurred_at
           AND CASE WHEN item.legs IS NULL THEN t.currency = item.currency
                    ELSE (SELECT jsonb_agg(leg ORDER BY leg) FROM jsonb_array_elements(t.legs) leg)
                         = (SELECT jsonb_agg(leg ORDER BY leg) FROM jsonb_array_elements(item.legs) leg) END
           AS same_request,
       t.previous_id, t.lane, t.seq, t.created_at
FROM unnest($10::integer[], $11::uuid[]) AS touched (item, account_id)
     JOIN unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::jsonb[],
                 $8::uuid[], $9::jsonb[], $12::timestamptz[]) WITH ORDINALITY
              AS item (amount_cents, currency, type, idempotency_key, legs, reference, metadata, parent_id, terms,
                       occurred_at, nth)
              ON item.nth = touched.item
     CROSS JOIN LATERAL (SELECT id, account_id, amount_cents, currency, type, legs, reference, metadata, parent_id, terms,
                                previous_id, occurred_at, lane, seq, created_at
                         FROM accepted WHERE account_id = touched.account_id AND idempotency_key = item.idempotency_key
                         LIMIT 1) t
ORDER BY touched.item

-- Holds that expire (src/intake/hold_expiry.cpp) ---------------------------------------------------------------------

-- name: due_holds
-- args: rows_max int8
-- row: hold_id uuid, account_id uuid, amount_cents int8, currency text, tenant int4
SELECT d.hold_id, t.account_id, t.amount_cents, t.currency, t.tenant
FROM (SELECT hold_id, expires_at FROM due_holds WHERE expires_at <= clock_timestamp()
      ORDER BY expires_at LIMIT $1) d
     CROSS JOIN LATERAL (SELECT account_id, amount_cents, currency, tenant FROM accepted WHERE id = d.hold_id LIMIT 1) t
ORDER BY d.expires_at

-- name: forget_due_holds
-- args: hold_ids uuid[]
-- Apply does this too, for holds that are settled before their time.
DELETE FROM due_holds WHERE hold_id = ANY ($1::uuid[])
