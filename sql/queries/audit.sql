-- What `ledgerline verify` reads (src/audit/verify.cpp). Each statement is short and takes one snapshot.

-- name: lanes
-- row: lane int4, last_seq int8?, published_seq int8?, applied_seq int8?
-- Every lane, with the cursors of each stage; NULL where a stage has no row.
SELECT lane, i.last_seq, p.published_seq, a.applied_seq
FROM lane_intake i FULL JOIN lane_publish p USING (lane) FULL JOIN lane_apply a USING (lane)
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
CROSS JOIN LATERAL (SELECT created_at FROM lane_events WHERE lane = c.lane AND seq = c.applied_seq + 1 LIMIT 1) e
LEFT JOIN outcomes o ON o.lane = c.lane AND o.seq = c.applied_seq
LEFT JOIN dead_letters d ON d.lane = c.lane AND d.seq = c.applied_seq AND d.transaction_id IS NOT NULL
CROSS JOIN LATERAL (SELECT greatest(e.created_at, o.processed_at, d.last_failed_at) AS moved_at) m
WHERE c.published_seq > c.applied_seq AND m.moved_at < clock_timestamp() - interval '30 seconds'
  AND NOT EXISTS (SELECT FROM standing_halts h WHERE h.lane = c.lane AND h.stage = 'apply')
ORDER BY c.lane

-- name: accounts
-- args: lane int4
-- row: last_seq int8, published_seq int8, applied_seq int8, account_id uuid?, balance_cents int8?,
--   min_balance_cents int8?, currency text?
-- The accounts of a lane and its cursors, from one snapshot. One row without an account when there is none.
SELECT i.last_seq, p.published_seq, a.applied_seq, c.id AS account_id, c.balance_cents, c.min_balance_cents, c.currency
FROM lane_intake i JOIN lane_publish p USING (lane) JOIN lane_apply a USING (lane)
     LEFT JOIN accounts c ON c.lane = i.lane
WHERE i.lane = $1

-- name: events
-- args: lane int4, after_seq int8, last_seq int8
-- row: seq int8, event_id uuid, transaction_id uuid, replayed_letter_id uuid?, account_id uuid?, amount_cents int8?,
--   currency text?, type text?, outcome text?, outcome_event_id uuid?, outcome_transaction_id uuid?,
--   outcome_account_id uuid?, balance_after_cents int8?, failure_code text?, letter_id uuid?, letter_state text?,
--   letter_event_id uuid?, letter_transaction_id uuid?, replay_lane int4?, replay_seq int8?,
--   replay_transaction_id uuid?, origin_state text?, origin_transaction_id uuid?
-- The events of a range of a lane, each with everything that resulted from it.
SELECT e.seq, e.event_id, e.transaction_id, e.letter_id AS replayed_letter_id,
       t.account_id, t.amount_cents, t.currency, t.type,
       o.outcome, o.event_id AS outcome_event_id, o.transaction_id AS outcome_transaction_id,
       o.account_id AS outcome_account_id, o.balance_after_cents, o.failure_code,
       d.id AS letter_id, d.state AS letter_state, d.event_id AS letter_event_id,
       d.transaction_id AS letter_transaction_id,
       r.lane AS replay_lane, r.seq AS replay_seq, r.transaction_id AS replay_transaction_id,
       l.state AS origin_state, l.transaction_id AS origin_transaction_id
FROM (SELECT lane, seq, event_id, id AS transaction_id, NULL::uuid AS letter_id
      FROM accepted WHERE lane = $1 AND seq > $2 AND seq <= $3
      UNION ALL
      SELECT lane, seq, event_id, transaction_id, dead_letter_id
      FROM replayed_events WHERE lane = $1 AND seq > $2 AND seq <= $3) e
LEFT JOIN accepted t ON t.id = e.transaction_id
LEFT JOIN outcomes o ON o.lane = e.lane AND o.seq = e.seq
LEFT JOIN dead_letters d ON d.lane = e.lane AND d.seq = e.seq AND d.transaction_id IS NOT NULL
LEFT JOIN replayed_events r ON r.dead_letter_id = d.id
LEFT JOIN dead_letters l ON l.id = e.letter_id
ORDER BY e.seq

-- name: outcomes_without_event
-- args: lane int4, after_seq int8, last_seq int8
-- row: seq int8, transaction_id uuid
SELECT o.seq, o.transaction_id
FROM outcomes o
WHERE o.lane = $1 AND o.seq > $2 AND o.seq <= $3
  AND NOT EXISTS (SELECT FROM accepted t WHERE t.lane = o.lane AND t.seq = o.seq)
  AND NOT EXISTS (SELECT FROM replayed_events r WHERE r.lane = o.lane AND r.seq = o.seq)
ORDER BY o.seq

-- name: letters_without_event
-- args: lane int4, rows_max int8
-- row: seq int8, letter_id uuid
SELECT d.seq, d.id AS letter_id
FROM dead_letters d
WHERE d.lane = $1 AND d.transaction_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM accepted t WHERE t.lane = d.lane AND t.seq = d.seq)
  AND NOT EXISTS (SELECT FROM replayed_events r WHERE r.lane = d.lane AND r.seq = d.seq)
ORDER BY d.seq
LIMIT $2

-- name: decided_above_cursor
-- args: lane int4, rows_max int8
-- row: seq int8, transaction_id uuid, decision text
-- Outcomes and dead letters of events that the lane's cursor has not passed.
SELECT o.seq, o.transaction_id, 'outcome' AS decision
FROM lane_apply a JOIN outcomes o ON o.lane = a.lane AND o.seq > a.applied_seq
WHERE a.lane = $1
UNION ALL
SELECT d.seq, d.transaction_id, 'dead letter'
FROM lane_apply a JOIN dead_letters d ON d.lane = a.lane AND d.seq > a.applied_seq AND d.transaction_id IS NOT NULL
WHERE a.lane = $1
ORDER BY 1
LIMIT $2

-- name: events_above_last
-- args: lane int4, rows_max int8
-- row: seq int8, event_id uuid
SELECT e.seq, e.event_id
FROM lane_intake i JOIN lane_events e ON e.lane = i.lane AND (e.seq > i.last_seq OR e.seq < 1)
WHERE i.lane = $1
ORDER BY 1
LIMIT $2

-- name: events_of_no_lane
-- args: rows_max int8
-- row: lane int4, seq int8, event_id uuid
-- Lanes are numbered 0, 1, 2, ... without gaps.
WITH known AS (SELECT max(lane) AS last FROM lane_intake)
SELECT e.lane, e.seq, e.event_id
FROM known JOIN lane_events e ON e.lane > known.last OR e.lane < 0
UNION ALL
SELECT o.lane, o.seq, o.event_id
FROM known JOIN outcomes o ON o.lane > known.last OR o.lane < 0
ORDER BY 1, 2
LIMIT $1

-- name: accounts_of_no_lane
-- args: rows_max int8
-- row: account_id uuid, lane int4
SELECT c.id AS account_id, c.lane FROM accounts c WHERE NOT EXISTS (SELECT FROM lane_intake i WHERE i.lane = c.lane)
LIMIT $1
