-- What `ledgerline verify` reads (src/audit/verify.cpp). Each statement is short and takes one snapshot.

-- name: lanes
-- row: lane int4, last_seq int8?, published_seq int8?, applied_seq int8?
-- Every lane, with the cursors of each stage; NULL where a stage has no row.
SELECT lane, CASE WHEN i.lane IS NOT NULL THEN c.last_seq END AS last_seq, p.published_seq,
       CASE WHEN a.lane IS NOT NULL THEN c.applied_seq END AS applied_seq
FROM lane_intake i FULL JOIN lane_publish p USING (lane) FULL JOIN lane_apply a USING (lane)
     LEFT JOIN lane_cursors c USING (lane)
ORDER BY lane

-- name: halts
-- row: lane int4, stage text, seq int8, code text, reason text, halted_at text
SELECT lane, stage, seq, code, reason, halted_at::text FROM standing_halts ORDER BY lane, stage

-- name: still
-- row: lane int4, next_seq int8, still_s int8
-- Lanes whose next event is published and not applied, and for how many seconds nothing has happened there as far as
-- rows show: since that event was accepted or the previous one was settled.
SELECT c.lane, c.applied_seq + 1 AS next_seq, extract(epoch FROM clock_timestamp() - m.moved_at)::bigint AS still_s
FROM lane_cursors c
CROSS JOIN LATERAL (SELECT created_at FROM lane_places WHERE lane = c.lane AND seq = c.applied_seq + 1 LIMIT 1) e
LEFT JOIN decisions d ON d.lane = c.lane AND d.seq = c.applied_seq
CROSS JOIN LATERAL (SELECT greatest(e.created_at, d.processed_at) AS moved_at) m
WHERE c.published_seq > c.applied_seq AND m.moved_at < clock_timestamp() - interval '30 seconds'
  AND NOT EXISTS (SELECT FROM standing_halts h WHERE h.lane = c.lane AND h.stage = 'apply')
ORDER BY c.lane

-- name: accounts
-- args: lane int4
-- row: last_seq int8, published_seq int8, applied_seq int8, account_id uuid?, balance_cents int8?,
--   min_balance_cents int8?, currency text?
-- The accounts of a lane and its cursors, from one snapshot. One row without an account when there is none.
SELECT l.last_seq, l.published_seq, l.applied_seq, a.id AS account_id, a.balance_cents, a.min_balance_cents, a.currency
FROM lane_cursors l LEFT JOIN accounts a ON a.lane = l.lane
WHERE l.lane = $1

-- name: events
-- args: lane int4, after_seq int8, last_seq int8
-- row: seq int8, event_id uuid, transaction_id uuid, account_id uuid, net_cents int8, of_letter_id uuid?,
--   verdict text?, amount_cents int8?, currency text?, type text?, kind text?,
--   decided_transaction_id uuid?, decided_account_id uuid?, decided_cents int8?, balance_after_cents int8?,
--   floor_cents int8?, failure_code text?, letter_id uuid?, letter_state text?, letter_event_id uuid?,
--   letter_transaction_id uuid?, next_lane int4?, next_seq int8?, next_verdict text?, next_transaction_id uuid?,
--   origin_state text?, origin_transaction_id uuid?
-- The places of a range of a lane, each with its transaction and what was decided. letter: that of a parked place; next: the
-- place at which that letter is replayed or discarded; origin: the letter that is replayed or discarded here.
SELECT e.seq, e.event_id, e.transaction_id, e.account_id, e.net_cents, e.dead_letter_id AS of_letter_id, e.verdict,
       t.amount_cents, t.currency, t.type,
       d.kind, d.transaction_id AS decided_transaction_id, d.account_id AS decided_account_id,
       d.amount_cents AS decided_cents, d.balance_after_cents, d.floor_cents, d.failure_code,
       l.id AS letter_id, l.state AS letter_state, l.event_id AS letter_event_id,
       l.transaction_id AS letter_transaction_id,
       n.lane AS next_lane, n.seq AS next_seq, n.verdict AS next_verdict, n.transaction_id AS next_transaction_id,
       o.state AS origin_state, o.transaction_id AS origin_transaction_id
FROM lane_places e
LEFT JOIN accepted t ON t.id = e.transaction_id
LEFT JOIN decisions d ON d.lane = e.lane AND d.seq = e.seq
LEFT JOIN dead_letters l ON l.id = d.dead_letter_id
LEFT JOIN places n ON n.dead_letter_id = d.dead_letter_id AND n.account_id = e.account_id
LEFT JOIN dead_letters o ON o.id = e.dead_letter_id
WHERE e.lane = $1 AND e.seq > $2 AND e.seq <= $3
ORDER BY e.seq

-- name: decisions_without_place
-- args: lane int4, after_seq int8, last_seq int8
-- row: seq int8, transaction_id uuid
SELECT d.seq, d.transaction_id
FROM decisions d
WHERE d.lane = $1 AND d.seq > $2 AND d.seq <= $3
  AND NOT EXISTS (SELECT FROM accepted t WHERE t.lane = d.lane AND t.seq = d.seq)
  AND NOT EXISTS (SELECT FROM places p WHERE p.lane = d.lane AND p.seq = d.seq)
ORDER BY d.seq

-- name: letters_without_place
-- args: lane int4, rows_max int8
-- row: seq int8, letter_id uuid
SELECT l.seq, l.id AS letter_id
FROM dead_letters l
WHERE l.lane = $1 AND l.transaction_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM decisions d WHERE d.lane = l.lane AND d.seq = l.seq AND d.dead_letter_id = l.id)
ORDER BY l.seq
LIMIT $2

-- name: places_below_one
-- args: lane int4, rows_max int8
-- row: seq int8, event_id uuid
SELECT e.seq, e.event_id FROM lane_places e WHERE e.lane = $1 AND e.seq < 1 ORDER BY 1 LIMIT $2

-- name: places_of_no_lane
-- args: rows_max int8
-- row: lane int4, seq int8, event_id uuid
-- Lanes are numbered 0, 1, 2, ... without gaps.
WITH known AS (SELECT max(lane) AS last FROM lane_intake)
SELECT e.lane, e.seq, e.event_id
FROM known JOIN lane_places e ON e.lane > known.last OR e.lane < 0
ORDER BY 1, 2
LIMIT $1

-- name: accounts_of_no_lane
-- args: rows_max int8
-- row: account_id uuid, lane int4
SELECT c.id AS account_id, c.lane FROM account_settings c
WHERE NOT EXISTS (SELECT FROM lane_intake i WHERE i.lane = c.lane)
LIMIT $1
