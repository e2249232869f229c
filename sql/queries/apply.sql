-- What the worker reads and writes (src/apply/pg_ledger_store.cpp).

-- name: lock_lanes
-- args: lanes int4[]
-- row: lane int4
-- In ascending order: two workers whose lanes overlap cannot deadlock. No lane is locked after this statement.
SELECT lane FROM lane_apply WHERE lane = ANY ($1::integer[]) ORDER BY lane FOR NO KEY UPDATE

-- name: windows
-- args: lanes int4[], up_to_seqs int8[], places_max int8
-- row: lane int4, seq int8, event_id uuid, transaction_id uuid, account_id uuid, net_cents int8, places int4,
--   dead_letter_id uuid?, verdict text?, schema_version int4, currency text, type text, amount_cents int8,
--   traceparent text?, created_at timestamptz, account_currency text, account_status text, min_balance_cents int8,
--   balance_cents int8
-- What follows the applied seq of each lane, by lane and seq, with the account of each place. A statement of its own
-- after the lanes are locked, so that its snapshot holds everything decided before.
SELECT e.lane, e.seq, e.event_id, e.transaction_id, e.account_id, e.net_cents, e.places::integer, e.dead_letter_id,
       e.verdict, t.schema_version::integer, t.currency, t.type, t.amount_cents, e.traceparent, e.created_at,
       a.currency AS account_currency, a.status AS account_status, a.min_balance_cents,
       coalesce((SELECT balance_after_cents FROM decisions WHERE account_id = e.account_id ORDER BY seq DESC LIMIT 1),
                0) AS balance_cents
FROM (SELECT l.lane, l.up_to_seq,
             coalesce((SELECT seq FROM decisions WHERE lane = l.lane ORDER BY seq DESC LIMIT 1), 0) AS applied_seq
      FROM unnest($1::integer[], $2::bigint[]) AS l (lane, up_to_seq)) c
     CROSS JOIN LATERAL (
         (SELECT lane, seq, event_id, id AS transaction_id, account_id, net_cents, places, NULL::uuid AS dead_letter_id,
                 NULL::text AS verdict, traceparent, created_at
          FROM accepted WHERE lane = c.lane AND seq > c.applied_seq AND seq <= c.up_to_seq ORDER BY seq LIMIT $3)
         UNION ALL
         (SELECT lane, seq, event_id, transaction_id, account_id, net_cents, places, dead_letter_id, verdict,
                 traceparent, created_at
          FROM places WHERE lane = c.lane AND seq > c.applied_seq AND seq <= c.up_to_seq ORDER BY seq LIMIT $3)
         ORDER BY seq LIMIT $3) e
     CROSS JOIN LATERAL (SELECT schema_version, currency, type, amount_cents FROM accepted
                         WHERE id = e.transaction_id LIMIT 1) t
     CROSS JOIN LATERAL (SELECT currency, status, min_balance_cents FROM account_settings
                         WHERE id = e.account_id LIMIT 1) a
ORDER BY e.lane, e.seq

-- name: places_of_events
-- args: transaction_ids uuid[], event_ids uuid[]
-- row: event_id uuid, lane int4, seq int8
-- All places of these events.
SELECT p.event_id, p.lane, p.seq
FROM unnest($1::uuid[], $2::uuid[]) AS e (transaction_id, event_id)
     CROSS JOIN LATERAL (SELECT event_id, lane, seq FROM accepted
                         WHERE id = e.transaction_id AND event_id = e.event_id
                         UNION ALL
                         SELECT event_id, lane, seq FROM places
                         WHERE transaction_id = e.transaction_id AND event_id = e.event_id) p
ORDER BY p.lane, p.seq

-- name: decide
-- args: lanes int4[], seqs int8[], balances_cents int8[], floors_cents int8[], failure_codes text?[],
--   failure_reasons text?[]
-- row: complete bool
-- Posts or refuses (failure_code) the places. What is decided comes from the place, never from the arguments; what is
-- not a place, or leaves a hole after the applied seq, fails the statement.
WITH claim AS MATERIALIZED (
    SELECT * FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[])
        AS c (lane, seq, balance_cents, floor_cents, failure_code, failure_reason)
), applied AS MATERIALIZED (
    SELECT c.lane, min(c.seq) AS first, max(c.seq) AS last, count(*) AS places,
           coalesce((SELECT seq FROM decisions WHERE lane = c.lane ORDER BY seq DESC LIMIT 1), 0) AS seq
    FROM claim c GROUP BY c.lane
), decided AS (
    INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, floor_cents,
                           processed_at, kind, failure_code, failure_reason)
    SELECT c.lane, c.seq, p.transaction_id, p.account_id, p.net_cents, c.balance_cents, c.floor_cents, now(),
           CASE WHEN c.failure_code IS NULL THEN 'POSTED' ELSE 'REFUSED' END, c.failure_code, c.failure_reason
    FROM claim c
         CROSS JOIN LATERAL (
             SELECT id AS transaction_id, account_id, net_cents FROM accepted WHERE lane = c.lane AND seq = c.seq
             UNION ALL
             SELECT transaction_id, account_id, net_cents FROM places WHERE lane = c.lane AND seq = c.seq) p
    RETURNING lane
)
SELECT demand((SELECT count(*) FROM decided) = cardinality($1::integer[])
              AND (SELECT bool_and(a.first = a.seq + 1 AND a.last - a.first + 1 = a.places) FROM applied a),
              'decisions do not continue their lanes') AS complete
