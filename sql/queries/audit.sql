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
-- row: lane int4, next_seq int8, still_s int8, waits_for_lane int4?
-- Lanes whose next event is published and not applied, and for how many seconds nothing has happened there as far as
-- rows show: since that event was accepted or the previous one was settled. waits_for_lane: another lane in which the
-- event has a place and is not next.
SELECT c.lane, c.applied_seq + 1 AS next_seq, extract(epoch FROM clock_timestamp() - m.moved_at)::bigint AS still_s,
       w.lane AS waits_for_lane
FROM lane_cursors c
CROSS JOIN LATERAL (SELECT transaction_id, dead_letter_id, created_at FROM lane_places
                    WHERE lane = c.lane AND seq = c.applied_seq + 1 LIMIT 1) e
LEFT JOIN decisions d ON d.lane = c.lane AND d.seq = c.applied_seq
CROSS JOIN LATERAL (SELECT greatest(e.created_at, d.processed_at) AS moved_at) m
LEFT JOIN LATERAL (
    SELECT p.lane
    FROM event_places(e.transaction_id, e.dead_letter_id) p
    WHERE p.lane <> c.lane
    GROUP BY p.lane
    HAVING min(p.seq) > 1 + coalesce((SELECT seq FROM decisions WHERE lane = p.lane ORDER BY seq DESC LIMIT 1), 0)
    ORDER BY p.lane LIMIT 1) w ON true
WHERE c.published_seq > c.applied_seq AND m.moved_at < clock_timestamp() - interval '30 seconds'
  AND NOT EXISTS (SELECT FROM standing_halts h WHERE h.lane = c.lane AND h.stage = 'apply')
ORDER BY c.lane

-- name: cursors
-- args: lane int4
-- row: last_seq int8, published_seq int8, applied_seq int8
SELECT last_seq, published_seq, applied_seq FROM lane_cursors WHERE lane = $1

-- name: places
-- args: lane int4, after_seq int8, last_seq int8
-- row: seq int8, event_id uuid?, transaction_id uuid?, account_id uuid?, net_cents int8?, places int4?, verdict text?,
--   further bool?, amount_cents int8?, currency text?, type text?, has_legs bool?, linked bool?, kind text?,
--   decided_transaction_id uuid?, decided_account_id uuid?, decided_cents int8?, balance_after_cents int8?, floor_cents int8?, failure_code text?,
--   letter_id uuid?, held_delta_cents int8?, held_after_cents int8?, ceiling_cents int8?
-- A window of a lane: its places, each with its transaction, and what was decided there. A decision without a place is a
-- row of its own. further: this is not the place that the accepted row holds. has_legs: or is a follower. linked: it is
-- the accepted row of a reversal or of a follower.
SELECT coalesce(e.seq, d.seq) AS seq, e.event_id, e.transaction_id, e.account_id, e.net_cents, e.places, e.verdict,
       e.further, e.amount_cents, e.currency, e.type, e.has_legs, e.linked,
       d.kind, d.transaction_id AS decided_transaction_id, d.account_id AS decided_account_id,
       d.amount_cents AS decided_cents, d.balance_after_cents, d.floor_cents, d.failure_code,
       d.dead_letter_id AS letter_id, d.held_delta_cents, d.held_after_cents, d.ceiling_cents
FROM (SELECT seq, event_id, id AS transaction_id, account_id, net_cents, places::integer, NULL AS verdict,
             false AS further, amount_cents, currency, type,
             legs IS NOT NULL OR previous_id IS NOT NULL OR type = 'TRANSFER' AS has_legs,
             type = 'REVERSAL' OR previous_id IS NOT NULL AS linked
      FROM accepted WHERE lane = $1 AND seq > $2 AND seq <= $3
      UNION ALL
      SELECT p.seq, p.event_id, p.transaction_id, p.account_id, p.net_cents, p.places::integer, p.verdict,
             true, t.amount_cents, t.currency, t.type, t.has_legs, false
      FROM places p
           LEFT JOIN LATERAL (SELECT amount_cents, currency, type,
                                     legs IS NOT NULL OR previous_id IS NOT NULL OR type = 'TRANSFER' AS has_legs
                              FROM accepted WHERE id = p.transaction_id LIMIT 1) t ON true
      WHERE p.lane = $1 AND p.seq > $2 AND p.seq <= $3) e
     FULL JOIN (SELECT * FROM decisions WHERE lane = $1 AND seq > $2 AND seq <= $3) d ON d.seq = e.seq
ORDER BY 1

-- name: window_accounts
-- args: account_ids uuid[], lane int4, after_seq int8
-- row: account_id uuid, currency text, status text, min_balance_cents int8, max_balance_cents int8?, balance_cents int8,
--   held_cents int8, changed bool
-- The accounts of a window: those of them that are in this lane, with what their last decision before it left, and with
-- their settings of now. changed: these were others once.
SELECT i.account_id, s.currency, s.status, s.min_balance_cents, s.max_balance_cents,
       coalesce(d.balance_after_cents, 0) AS balance_cents, coalesce(d.held_after_cents, 0) AS held_cents,
       EXISTS (SELECT FROM account_changes WHERE account_id = i.account_id) AS changed
FROM unnest($1::uuid[]) i (account_id)
     CROSS JOIN LATERAL (SELECT currency, status, min_balance_cents, max_balance_cents FROM account_settings
                         WHERE id = i.account_id AND lane = $2 LIMIT 1) s
     LEFT JOIN LATERAL (SELECT balance_after_cents, held_after_cents FROM decisions
                        WHERE account_id = i.account_id AND seq <= $3
                        ORDER BY seq DESC LIMIT 1) d ON true

-- name: window_changes
-- args: account_ids uuid[], after_seq int8
-- row: account_id uuid, applied_seq int8, status text?, min_balance_cents int8?, sets_ceiling bool,
--   max_balance_cents int8?
-- What the settings of these accounts were before each change that was made after this seq; NULL: it was none of that.
-- Read it after the accounts: a change that is made in between says what they were.
SELECT account_id, applied_seq, before->>'status' AS status, (before->>'min_balance_cents')::bigint AS min_balance_cents,
       before ? 'max_balance_cents' AS sets_ceiling, (before->>'max_balance_cents')::bigint AS max_balance_cents
FROM account_changes
WHERE account_id = ANY ($1::uuid[]) AND applied_seq > $2::bigint
ORDER BY account_id, number

-- name: letters
-- args: lane int4, after_seq int8, last_seq int8
-- row: seq int8, letter_id uuid?, letter_state text?, letter_event_id uuid?, letter_transaction_id uuid?,
--   letter_lane int4?, letter_seq int8?, next_lane int4?, next_seq int8?, next_verdict text?,
--   next_transaction_id uuid?, origin_state text?, origin_transaction_id uuid?
-- The places of a window at which a letter was parked, replayed or discarded. letter: that of a parked place; next: the
-- account's place at which that letter is replayed or discarded; origin: the letter that is replayed or discarded here.
SELECT e.seq, l.id AS letter_id, l.state AS letter_state, l.event_id AS letter_event_id,
       l.transaction_id AS letter_transaction_id, l.lane AS letter_lane, l.seq AS letter_seq,
       n.lane AS next_lane, n.seq AS next_seq, n.verdict AS next_verdict, n.transaction_id AS next_transaction_id,
       o.state AS origin_state, o.transaction_id AS origin_transaction_id
FROM (SELECT e.seq, e.account_id, e.dead_letter_id AS origin_id, d.dead_letter_id AS letter_id
      FROM (SELECT seq, account_id, NULL::uuid AS dead_letter_id
            FROM accepted WHERE lane = $1 AND seq > $2 AND seq <= $3
            UNION ALL
            SELECT seq, account_id, dead_letter_id FROM places WHERE lane = $1 AND seq > $2 AND seq <= $3) e
           LEFT JOIN (SELECT * FROM decisions WHERE lane = $1 AND seq > $2 AND seq <= $3) d ON d.seq = e.seq
      WHERE e.dead_letter_id IS NOT NULL OR d.dead_letter_id IS NOT NULL) e
     LEFT JOIN LATERAL (SELECT * FROM dead_letters WHERE id = e.letter_id LIMIT 1) l ON true
     LEFT JOIN LATERAL (SELECT * FROM places WHERE dead_letter_id = e.letter_id AND account_id = e.account_id LIMIT 1) n
               ON true
     LEFT JOIN LATERAL (SELECT * FROM dead_letters WHERE id = e.origin_id LIMIT 1) o ON true

-- name: transfers
-- args: lane int4, after_seq int8, last_seq int8, amount_max int8, balance_max int8
-- row: seq int8, kind text?, first_lane int4?, first_seq int8?, first_event_id uuid?, first_places int4?,
--   first_kind text?, same_decision bool, first_named bool, legs_cents int8, faulty_legs int8, accounts int8,
--   places int8, distinct_places int8, wrong_account text?, other_currency text?, justified bool
-- The places of a window that belong to a transaction of many accounts, or at which a letter is replayed or discarded.
-- Each is compared with the place of the transaction's first account (first_*) as one snapshot has both: they are
-- decided in one commit. From first_named on: the legs against all places of the event, at the first account's place.
-- accounts: those that the legs name. wrong_account: has a place that does not move what the legs make, perhaps because
-- no leg names it. justified: whether some account justifies the refusal.
SELECT e.seq, d.kind, e.first_lane, e.first_seq, e.first_event_id, e.first_places, k.kind AS first_kind,
       (d.kind, d.failure_code, d.dead_letter_id, d.processed_at)
       IS NOT DISTINCT FROM (k.kind, k.failure_code, k.dead_letter_id, k.processed_at) AS same_decision,
       coalesce(coalesce(e.legs->0->>'from_account_id', e.legs->0->>'to_account_id') = e.account_id::text, false)
           AS first_named,
       w.legs_cents, w.faulty_legs, w.accounts, w.places, w.distinct_places, w.wrong_account, w.other_currency,
       w.justified
FROM (SELECT seq, account_id, net_cents, id AS transaction_id, NULL::uuid AS dead_letter_id,
             all_legs AS legs, lane AS first_lane, seq AS first_seq, event_id AS first_event_id, places::integer AS first_places,
             true AS is_first, previous_id
      FROM (SELECT *, legs_of(a) AS all_legs FROM accepted a
            WHERE lane = $1 AND seq > $2 AND seq <= $3
              AND (legs IS NOT NULL OR type = 'TRANSFER' OR previous_id IS NOT NULL)) a
      UNION ALL
      SELECT p.seq, p.account_id, p.net_cents, p.transaction_id, p.dead_letter_id, t.all_legs,
             f.lane, f.seq, f.event_id, f.places, coalesce(f.lane = p.lane AND f.seq = p.seq, false), t.previous_id
      FROM places p
           LEFT JOIN LATERAL (SELECT *, legs_of(a) AS all_legs FROM accepted a WHERE id = p.transaction_id LIMIT 1) t
                     ON true
           LEFT JOIN LATERAL (SELECT t.lane, t.seq, t.event_id, t.places::integer WHERE p.dead_letter_id IS NULL
                              UNION ALL
                              (SELECT lane, seq, event_id, places::integer FROM places
                               WHERE dead_letter_id = p.dead_letter_id AND account_id = t.account_id
                               ORDER BY lane, seq LIMIT 1)) f ON true
      WHERE p.lane = $1 AND p.seq > $2 AND p.seq <= $3) e
     LEFT JOIN (SELECT * FROM decisions WHERE lane = $1 AND seq > $2 AND seq <= $3) d ON d.seq = e.seq
     LEFT JOIN LATERAL (SELECT * FROM decisions WHERE lane = e.first_lane AND seq = e.first_seq LIMIT 1) k ON true
     CROSS JOIN LATERAL (
         SELECT coalesce(sum(t.leg_cents), 0)::bigint AS legs_cents, coalesce(sum(t.faulty), 0)::bigint AS faulty_legs,
                count(t.id) AS accounts, coalesce(sum(h.places), 0)::bigint AS places, count(h.id) AS distinct_places,
                min(h.id) FILTER (WHERE t.net_cents IS DISTINCT FROM h.net_cents) AS wrong_account,
                min(c.other_currency) AS other_currency,
                coalesce(bool_or(CASE d.failure_code
                    WHEN 'insufficient_balance'
                    THEN h.net_cents < 0
                         AND q.balance_after_cents - q.held_after_cents + h.net_cents::numeric < q.floor_cents
                    WHEN 'balance_overflow'
                    THEN h.net_cents > 0 AND q.balance_after_cents + h.net_cents::numeric > $5::bigint
                    WHEN 'balance_limit_exceeded'
                    THEN h.net_cents > 0 AND q.balance_after_cents + h.net_cents::numeric > q.ceiling_cents
                    WHEN 'account_suspended' THEN q.status = 'SUSPENDED'
                    WHEN 'account_closed' THEN q.status = 'CLOSED'
                    WHEN 'currency_mismatch' THEN c.other_currency IS NOT NULL END), false) AS justified
         FROM (SELECT b.id, CASE WHEN b.id IS NOT NULL THEN sum(b.net_cents) END AS net_cents,
                      sum(b.leg_cents) AS leg_cents, sum(b.faulty) AS faulty,
                      min(b.currency) AS least_currency, max(b.currency) AS greatest_currency
               FROM jsonb_array_elements(CASE WHEN e.is_first AND jsonb_typeof(e.legs) = 'array' THEN e.legs
                                              ELSE '[]' END) v
                    CROSS JOIN LATERAL (SELECT CASE WHEN v->>'amount_cents' ~ '^[0-9]{1,16}$'
                                                    THEN (v->>'amount_cents')::bigint END AS cents OFFSET 0) a
                    CROSS JOIN LATERAL (
                        VALUES (v->>'from_account_id', -a.cents, v->>'currency', a.cents,
                                ((a.cents BETWEEN 1 AND $4 AND v->>'currency' IS NOT NULL
                                  AND v->>'from_account_id' IS DISTINCT FROM v->>'to_account_id')
                                 IS NOT TRUE)::integer),
                               (v->>'to_account_id', a.cents, v->>'currency', NULL, 0)
                        UNION ALL
                        SELECT f.account_id::text, 0, NULL, NULL, 0
                        FROM places f
                        WHERE e.is_first AND e.previous_id IS NOT NULL AND f.transaction_id = e.transaction_id
                          AND f.dead_letter_id IS NULL
                          AND EXISTS (SELECT FROM event_places(e.previous_id, NULL) o WHERE o.account_id = f.account_id)
                    ) b (id, net_cents, currency, leg_cents, faulty)
               GROUP BY b.id) t
              FULL JOIN (SELECT account_id::text AS id, account_id, min(net_cents) AS net_cents, min(lane) AS lane,
                                min(seq) AS seq, count(*) AS places
                         FROM (SELECT e.account_id, e.net_cents, $1 AS lane, e.seq WHERE e.is_first
                               UNION ALL
                               SELECT account_id, net_cents, lane, seq FROM places
                               WHERE e.is_first AND e.dead_letter_id IS NULL AND dead_letter_id IS NULL
                                 AND transaction_id = e.transaction_id
                               UNION ALL
                               SELECT account_id, net_cents, lane, seq FROM places
                               WHERE e.is_first AND dead_letter_id = e.dead_letter_id
                                 AND (lane <> $1 OR seq <> e.seq)) p
                         GROUP BY account_id) h ON h.id = t.id
              LEFT JOIN LATERAL (SELECT currency, status FROM account_settings WHERE id = h.account_id LIMIT 1) s
                        ON true
              -- status: before the first change that was made after this place.
              LEFT JOIN LATERAL (SELECT balance_after_cents, held_after_cents, floor_cents, ceiling_cents,
                                        coalesce((SELECT before->>'status' FROM account_changes
                                                  WHERE account_id = h.account_id AND applied_seq >= h.seq
                                                    AND before ? 'status' ORDER BY number LIMIT 1), s.status) AS status
                                 FROM decisions
                                 WHERE d.kind = 'REFUSED' AND lane = h.lane AND seq = h.seq LIMIT 1) q ON true
              CROSS JOIN LATERAL (SELECT CASE WHEN t.least_currency <> s.currency THEN t.least_currency
                                              WHEN t.greatest_currency <> s.currency THEN t.greatest_currency
                                         END AS other_currency) c) w

-- name: wrong_links
-- args: lane int4, after_seq int8, last_seq int8
-- row: transaction_id uuid, seq int8, detail text
-- Of a window: reversals whose legs are not those of what they reverse, turned round, or whose steps are not what they
-- did; followers that were posted although what they follow was not, or refused although it was at its first place, which
-- is decided before them; and what is not of its account's tenant.
SELECT transaction_id, seq, detail
FROM (
    SELECT t.id AS transaction_id, t.seq, CASE
               WHEN o.id IS NULL THEN 'it reverses nothing that can be reversed'
               WHEN t.amount_cents > o.amount_cents THEN 'it reverses more than there was'
               WHEN leg_sides(t.legs, false, t.amount_cents = o.amount_cents)
                    IS DISTINCT FROM leg_sides(legs_of(o), true, t.amount_cents = o.amount_cents)
                   THEN 'its legs are not those of what it reverses, turned round'
               WHEN (x.status = 'PROCESSED') <> (s.seq IS NOT NULL) OR s.seq <> x.seq
                   THEN 'its step is not where it was posted'
               WHEN s.amount_cents <> o.amount_cents
                    OR s.reversed_after_cents - coalesce(b.reversed_after_cents, 0) <> t.amount_cents
                   THEN 'its step reverses another amount'
               WHEN x.status = 'PROCESSED' AND y.status <> 'PROCESSED'
                   THEN 'it was posted, but what it reverses was not' END AS detail
    FROM accepted t
         LEFT JOIN accepted o ON o.id = t.parent_id AND o.type IN ('DEBIT', 'CREDIT', 'TRANSFER', 'CAPTURE')
         CROSS JOIN LATERAL (SELECT status, seq FROM transaction_states WHERE id = t.id LIMIT 1) x
         LEFT JOIN LATERAL (SELECT status FROM transaction_states WHERE id = o.id LIMIT 1) y ON true
         LEFT JOIN LATERAL (SELECT seq, amount_cents, reversed_after_cents FROM reversal_steps
                            WHERE reversed_id = t.parent_id AND transaction_id = t.id LIMIT 1) s ON true
         LEFT JOIN LATERAL (SELECT reversed_after_cents FROM reversal_steps
                            WHERE reversed_id = t.parent_id AND seq < s.seq ORDER BY seq DESC LIMIT 1) b ON true
    WHERE t.lane = $1 AND t.seq > $2 AND t.seq <= $3 AND t.type = 'REVERSAL'
    UNION ALL
    SELECT t.id, t.seq, CASE
               WHEN o.id IS NULL THEN 'it follows no transaction'
               WHEN x.status = 'PROCESSED' AND y.status <> 'PROCESSED' THEN 'it was posted, but what it follows was not'
               WHEN x.failure_code = 'previous_failed' AND d.kind = 'POSTED'
                   THEN 'it was refused, but what it follows was posted' END
    FROM accepted t
         LEFT JOIN accepted o ON o.id = t.previous_id
         CROSS JOIN LATERAL (SELECT status, failure_code FROM transaction_states WHERE id = t.id LIMIT 1) x
         LEFT JOIN LATERAL (SELECT status FROM transaction_states WHERE id = o.id LIMIT 1) y ON true
         LEFT JOIN decisions d ON d.lane = o.lane AND d.seq = o.seq
    WHERE t.lane = $1 AND t.seq > $2 AND t.seq <= $3 AND t.previous_id IS NOT NULL
    UNION ALL
    SELECT t.id, t.seq, 'its tenant is not that of its account'
    FROM accepted t JOIN account_settings a ON a.id = t.account_id
    WHERE t.lane = $1 AND t.seq > $2 AND t.seq <= $3 AND t.tenant <> a.tenant
    UNION ALL
    SELECT p.transaction_id, p.seq, 'its place is not of the tenant of its account'
    FROM places p JOIN account_settings a ON a.id = p.account_id
    WHERE p.lane = $1 AND p.seq > $2 AND p.seq <= $3 AND p.tenant <> a.tenant) w
WHERE detail IS NOT NULL

-- name: reversal_steps
-- args: after_id uuid, after_seq int8, rows_max int8
-- row: reversed_id uuid, seq int8, transaction_id uuid, stray bool
-- A window of the steps, by what they reverse. stray: the step is of no reversal.
SELECT s.reversed_id, s.seq, s.transaction_id, t.id IS NULL AS stray
FROM (SELECT reversed_id, seq, transaction_id FROM reversal_steps WHERE (reversed_id, seq) > ($1, $2)
      ORDER BY reversed_id, seq LIMIT $3) s
     LEFT JOIN LATERAL (SELECT id FROM accepted
                        WHERE id = s.transaction_id AND type = 'REVERSAL' AND parent_id = s.reversed_id LIMIT 1) t ON true
ORDER BY s.reversed_id, s.seq

-- name: letters_without_place
-- args: lane int4, after_seq int8, last_seq int8
-- row: seq int8, letter_id uuid
-- Letters whose place is in a window, and which were not parked there.
SELECT l.seq, l.id AS letter_id
FROM dead_letters l
WHERE l.lane = $1 AND l.seq > $2 AND l.seq <= $3 AND l.transaction_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM decisions d WHERE d.lane = l.lane AND d.seq = l.seq AND d.dead_letter_id = l.id)
ORDER BY l.seq

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
FROM known CROSS JOIN LATERAL (
    -- Each from an index: with OR, all places are read.
    (SELECT lane, seq, event_id FROM lane_places WHERE lane > known.last ORDER BY lane, seq LIMIT $1)
    UNION ALL
    (SELECT lane, seq, event_id FROM lane_places WHERE lane < 0 ORDER BY lane, seq LIMIT $1)) e
ORDER BY 1, 2
LIMIT $1

-- name: balances
-- args: after_id uuid, rows_max int8
-- row: account_id uuid, lane int4, balance_cents int8, lane_exists bool, decided_lane int4?
-- A window of the accounts, by their ids. decided_lane: that of the account's latest decision.
SELECT a.id AS account_id, a.lane, coalesce(d.balance_after_cents, 0) AS balance_cents,
       i.lane IS NOT NULL AS lane_exists, d.lane AS decided_lane
FROM (SELECT id, lane FROM account_settings WHERE id > $1 ORDER BY id LIMIT $2) a
     LEFT JOIN lane_intake i ON i.lane = a.lane
     LEFT JOIN LATERAL (SELECT lane, balance_after_cents FROM decisions WHERE account_id = a.id
                        ORDER BY seq DESC LIMIT 1) d ON true
ORDER BY a.id

-- name: wrong_changes
-- args: after_id uuid, last_id uuid, rows_max int8
-- row: account_id uuid, lane int4, seq int8, detail text
-- Accounts of a window whose settings are not what their changes make, and closed ones that hold money. Each change continues the one
-- before it, and an account begins as ACTIVE.
SELECT account_id, lane, seq, detail
FROM (
    SELECT c.account_id, c.lane, c.applied_seq AS seq, CASE
               WHEN s.id IS NULL THEN 'the change is of no account'
               WHEN c.number <> c.number_before + 1 THEN 'the change before number ' || c.number || ' is missing'
               WHEN c.lane <> s.lane THEN 'the change names another lane than its account'
               WHEN c.applied_seq < c.seq_before THEN 'change ' || c.number || ' took effect before the one before it'
               WHEN c.closed_before THEN 'a closed account was changed'
               ELSE w.detail END AS detail
    FROM (SELECT *, lag(number, 1, 0) OVER earlier AS number_before, lag(applied_seq) OVER earlier AS seq_before,
                 lag(after->>'status' = 'CLOSED') OVER earlier AS closed_before
          FROM account_changes WHERE account_id > $1 AND account_id <= $2
          WINDOW earlier AS (PARTITION BY account_id ORDER BY number)) c
         LEFT JOIN account_settings s ON s.id = c.account_id
         LEFT JOIN LATERAL (
             SELECT 'change ' || c.number || ' left ' || v.key || ' at ' || v.value || ', but then it was '
                    || coalesce(n.value, now.value, 'null') AS detail
             FROM jsonb_each(c.after) v
                  LEFT JOIN LATERAL (SELECT before->v.key AS value FROM account_changes
                                     WHERE account_id = c.account_id AND number > c.number AND before ? v.key
                                     ORDER BY number LIMIT 1) n ON true
                  CROSS JOIN LATERAL (SELECT CASE v.key WHEN 'status' THEN to_jsonb(s.status)
                                                        WHEN 'min_balance_cents' THEN to_jsonb(s.min_balance_cents)
                                                        WHEN 'max_balance_cents' THEN to_jsonb(s.max_balance_cents)
                                                        WHEN 'metadata' THEN s.metadata END AS value) now
             WHERE v.value <> coalesce(n.value, now.value, 'null')
             LIMIT 1) w ON true
    UNION ALL
    SELECT s.id, s.lane, 0, 'the account is ' || s.status || ', but no change says so'
    FROM account_settings s
    WHERE s.id > $1 AND s.id <= $2 AND s.status <> 'ACTIVE'
      AND NOT EXISTS (SELECT FROM account_changes WHERE account_id = s.id AND after ? 'status')
    UNION ALL
    SELECT c.account_id, c.lane, c.applied_seq, 'the account began as ' || (c.before->>'status')
    FROM account_changes c
    WHERE c.account_id > $1 AND c.account_id <= $2 AND c.before->>'status' <> 'ACTIVE'
      AND NOT EXISTS (SELECT FROM account_changes WHERE account_id = c.account_id AND number < c.number AND after ? 'status')
    UNION ALL
    SELECT s.id, s.lane, d.seq, 'the account is closed with a balance of ' || d.balance_after_cents || ' and holds '
                                || d.held_after_cents
    FROM account_settings s
         CROSS JOIN LATERAL (SELECT seq, balance_after_cents, held_after_cents FROM decisions WHERE account_id = s.id
                             ORDER BY seq DESC LIMIT 1) d
    WHERE s.id > $1 AND s.id <= $2 AND s.status = 'CLOSED'
      AND (d.balance_after_cents <> 0 OR d.held_after_cents <> 0)) w
WHERE detail IS NOT NULL
LIMIT $3

-- name: holds
-- args: after_id uuid, rows_max int8
-- row: hold_id uuid, account_id uuid, lane int4, seq int8, overdue bool
-- A window of the holds, by their ids. overdue: it stays open more than a minute after its time, although nothing waits in
-- its lane.
SELECT h.id AS hold_id, h.account_id, h.lane, h.seq,
       coalesce(s.state = 'OPEN' AND c.lane IS NOT NULL
                AND hold_expiry(h.created_at, h.terms) < clock_timestamp() - interval '1 minute', false) AS overdue
FROM (SELECT id, account_id, lane, seq, created_at, terms FROM accepted WHERE type = 'HOLD' AND id > $1
      ORDER BY id LIMIT $2) h
     LEFT JOIN LATERAL (SELECT state FROM hold_steps WHERE hold_id = h.id ORDER BY seq DESC LIMIT 1) s ON true
     LEFT JOIN lane_cursors c ON c.lane = h.lane AND c.applied_seq = c.last_seq
ORDER BY h.id

-- name: missing_steps
-- args: lane int4, after_seq int8, last_seq int8
-- row: seq int8, transaction_id uuid
-- Decisions of a window that change what is held, but are no step of any hold.
SELECT d.seq, d.transaction_id
FROM decisions d
     LEFT JOIN LATERAL (SELECT coalesce(parent_id, id) AS hold_id FROM accepted WHERE id = d.transaction_id LIMIT 1) t
               ON true
WHERE d.lane = $1 AND d.seq > $2 AND d.seq <= $3 AND d.held_delta_cents <> 0
  AND NOT EXISTS (SELECT FROM hold_steps WHERE hold_id = t.hold_id AND seq = d.seq AND transaction_id = d.transaction_id)

-- name: hold_steps
-- args: after_id uuid, after_seq int8, rows_max int8
-- row: hold_id uuid, seq int8, lane int4?, detail text?
-- A window of the steps, by their holds. What moves the held amount has a step, and each step continues the one before it.
-- detail: why the step is not what its transaction did. lane: that of the hold, if there is one.
SELECT s.hold_id, s.seq, h.lane, CASE
           WHEN h.id IS NULL THEN 'the step is of no hold'
           WHEN d.lane IS NULL THEN 'the step has no posted decision'
           WHEN s.amount_cents <> h.amount_cents THEN 'the step names another amount than its hold'
           WHEN d.held_delta_cents <> s.amount_cents - s.captured_after_cents - s.released_after_cents
                                      - coalesce(b.amount_cents - b.captured_after_cents - b.released_after_cents, 0)
               THEN 'the step does not change what is held as its decision does'
           WHEN t.type = 'CAPTURE' AND s.captured_after_cents - coalesce(b.captured_after_cents, 0) <> t.amount_cents
               OR t.type <> 'CAPTURE' AND s.captured_after_cents <> coalesce(b.captured_after_cents, 0)
               THEN 'the step captures another amount than its transaction' END AS detail
FROM (SELECT * FROM hold_steps WHERE (hold_id, seq) > ($1, $2) ORDER BY hold_id, seq LIMIT $3) s
     LEFT JOIN LATERAL (SELECT id, lane, amount_cents FROM accepted WHERE id = s.hold_id AND type = 'HOLD' LIMIT 1) h
               ON true
     LEFT JOIN LATERAL (SELECT type, amount_cents FROM accepted
                        WHERE id = s.transaction_id AND coalesce(parent_id, id) = s.hold_id LIMIT 1) t ON true
     LEFT JOIN LATERAL (SELECT lane, held_delta_cents FROM decisions
                        WHERE lane = h.lane AND seq = s.seq AND transaction_id = s.transaction_id AND kind = 'POSTED'
                        LIMIT 1) d ON true
     LEFT JOIN LATERAL (SELECT * FROM hold_steps WHERE hold_id = s.hold_id AND seq < s.seq
                        ORDER BY seq DESC LIMIT 1) b ON true
ORDER BY s.hold_id, s.seq

-- name: chains
-- row: chain int4, number int8, hash bytea, last_number int8
-- The end of each chain of the audit as it is kept, and the number of its last row.
SELECT c.chain, c.number, c.hash, coalesce((SELECT max(number) FROM audit WHERE chain = c.chain), 0) AS last_number
FROM audit_chains c ORDER BY c.chain

-- name: chain_rows
-- args: chain int4, after int8, last int8
-- row: number int8, id uuid, text text, hash bytea
-- text: what the row's hash covers besides the hash before it. It is put together here, and not by the function that
-- made the hash.
SELECT number, id, hash,
       (jsonb_build_object('chain', chain, 'number', number, 'id', id, 'at', (extract(epoch FROM at) * 1000000)::bigint,
                          'action', action, 'subject', subject, 'key_id', key_id, 'operator', operator, 'peer', peer,
                          'request_id', request_id, 'reason', reason, 'before', before, 'after', after)
       || CASE WHEN tenant = 0 THEN '{}'::jsonb ELSE jsonb_build_object('tenant', tenant) END)::text AS text
FROM audit WHERE chain = $1::integer AND number > $2::bigint AND number <= $3::bigint ORDER BY number
