-- What the worker reads and writes (src/apply/pg_ledger_store.cpp).

-- name: load
-- args: lanes int4[], streak_max int4
-- row: lane int4, applied_seq int8, published_seq int8, attempts int4, first_failed_at timestamptz?, streak_code text,
--   streak int4, last_seq int8, halt_seq int8?, halt_code text?, halt_reason text?, halted_at timestamptz?
-- attempts: at the place after applied_seq. streak: how many of the last places in a row were parked for the unknown
-- reason streak_code, at most streak_max.
SELECT c.lane, c.applied_seq, c.published_seq, coalesce(f.attempts, 0) AS attempts, f.first_failed_at,
       coalesce(s.code, '') AS streak_code, coalesce(s.streak, 0) AS streak, c.last_seq, h.seq AS halt_seq,
       h.code AS halt_code, h.reason AS halt_reason, h.halted_at
FROM lane_cursors c
     LEFT JOIN lane_halts h ON h.lane = c.lane AND h.stage = 'apply'
     LEFT JOIN LATERAL (SELECT a.attempts, a.first_failed_at
                        FROM lane_places p JOIN apply_attempts a ON a.event_id = p.event_id
                        WHERE p.lane = c.lane AND p.seq = c.applied_seq + 1 LIMIT 1) f ON true
     LEFT JOIN LATERAL (
         SELECT min(code) AS code, count(*)::integer AS streak
         FROM (SELECT code, bool_and(code IS NOT NULL AND code = first) OVER (ORDER BY seq DESC) AS unbroken
               FROM (SELECT d.seq, l.error_code AS code, first_value(l.error_code) OVER (ORDER BY d.seq DESC) AS first
                     FROM (SELECT seq, dead_letter_id FROM decisions WHERE lane = c.lane
                           ORDER BY seq DESC LIMIT $2::integer) d
                          LEFT JOIN dead_letters l ON l.id = d.dead_letter_id AND l.error_class = 'unknown') latest
              ) latest
         WHERE unbroken) s ON true
WHERE c.lane = ANY ($1::integer[])
ORDER BY c.lane

-- name: lock_lanes
-- args: lanes int4[]
-- In ascending order: any other worker on one of them waits, and no two wait for each other. What the lanes hold is read
-- by statements after this one.
SELECT FROM lane_apply WHERE lane = ANY ($1::integer[]) ORDER BY lane FOR NO KEY UPDATE

-- name: lock_all_lanes
-- row: lane int4
SELECT lane FROM lane_apply ORDER BY lane FOR NO KEY UPDATE

-- name: applied_seqs
-- args: lanes int4[], expected_seqs int8[]
-- row: lane int4, applied_seq int8, changed_seq int8
-- changed_seq: the applied seq at the latest change of an account of the lane; -1 when there is none. expected_seqs only
-- make it quick: without a bound below, the end of an index is read by the page.
SELECT l.lane,
       coalesce((SELECT seq FROM decisions WHERE lane = l.lane AND seq >= l.expected_seq ORDER BY seq DESC LIMIT 1),
                (SELECT seq FROM decisions WHERE lane = l.lane ORDER BY seq DESC LIMIT 1), 0) AS applied_seq,
       coalesce((SELECT applied_seq FROM account_changes WHERE lane = l.lane ORDER BY applied_seq DESC LIMIT 1),
                -1) AS changed_seq
FROM unnest($1::integer[], $2::bigint[]) AS l (lane, expected_seq)

-- name: begin_widened
-- args: none
-- One round at a time is widened, until it commits: it decides what others wait for, so that they would do its work once
-- more. Taken before any lane.
SELECT pg_advisory_xact_lock(7105421379)

-- name: needed
-- args: lanes int4[], after_seqs int8[], last_seqs int8[], window_max int8
-- row: lane int4, last_seq int8
-- What must be decided together with the undecided places of these lanes after after_seqs and up to last_seqs: the last
-- place in each lane that their transactions have places in, and at most window_max places of a lane.
WITH applied AS MATERIALIZED (
    SELECT l.lane, coalesce((SELECT seq FROM decisions WHERE lane = l.lane ORDER BY seq DESC LIMIT 1), 0) AS applied_seq
    FROM lane_apply l
), event AS MATERIALIZED (
    SELECT DISTINCT t.transaction_id, t.dead_letter_id
    FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS w (lane, after_seq, last_seq)
         JOIN applied c ON c.lane = w.lane
         CROSS JOIN LATERAL (
             (SELECT id AS transaction_id, NULL::uuid AS dead_letter_id FROM accepted
              WHERE lane = w.lane AND seq > greatest(c.applied_seq, w.after_seq) AND seq <= w.last_seq AND places > 1
              ORDER BY seq LIMIT $4)
             UNION ALL
             (SELECT transaction_id, dead_letter_id FROM places
              WHERE lane = w.lane AND seq > greatest(c.applied_seq, w.after_seq) AND seq <= w.last_seq AND places > 1
              ORDER BY seq LIMIT $4)) t
)
SELECT n.lane, least(n.last_seq, c.applied_seq + $4::bigint) AS last_seq
FROM (SELECT p.lane, max(p.seq) AS last_seq
      FROM event e CROSS JOIN LATERAL event_places(e.transaction_id, e.dead_letter_id) p
      GROUP BY p.lane) n JOIN applied c ON c.lane = n.lane
WHERE n.last_seq > c.applied_seq

-- name: read_windows
-- args: lanes int4[], last_seqs int8[], expected_seqs int8[], window_max int8
-- row: lane int4, seq int8, event_id uuid, schema_version int4, traceparent text, created_at timestamptz,
--   transaction_id uuid, account_id uuid, net_cents int8, places int4, is_first bool, amount_cents int8, currency text,
--   type text, parent_id uuid?, previous_id uuid?, discarded bool
-- The undecided places of these lanes up to last_seqs. expected_seqs: as in applied_seqs.
SELECT p.lane, p.seq, p.event_id, p.schema_version::integer AS schema_version, coalesce(p.traceparent, '') AS traceparent,
       p.created_at, p.transaction_id, p.account_id, p.net_cents, p.places::integer AS places, p.is_first, p.amount_cents,
       p.currency, p.type, p.parent_id, p.previous_id, p.discarded
FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS w (lane, last_seq, expected_seq)
     -- OFFSET 0: looked up once a lane, not once a branch.
     CROSS JOIN LATERAL (SELECT coalesce((SELECT seq FROM decisions WHERE lane = w.lane AND seq >= w.expected_seq
                                          ORDER BY seq DESC LIMIT 1),
                                         (SELECT seq FROM decisions WHERE lane = w.lane ORDER BY seq DESC LIMIT 1),
                                         0) AS applied_seq OFFSET 0) c
     CROSS JOIN LATERAL (
         (SELECT lane, seq, event_id, account_id, net_cents, places, id AS transaction_id, traceparent, created_at,
                 false AS discarded, true AS is_first, schema_version, amount_cents, currency, type, parent_id, previous_id
          FROM accepted WHERE lane = w.lane AND seq > c.applied_seq AND seq <= w.last_seq ORDER BY seq LIMIT $4)
         UNION ALL
         (SELECT e.lane, e.seq, e.event_id, e.account_id, e.net_cents, e.places, e.transaction_id,
                 coalesce(e.traceparent, t.traceparent), e.created_at, e.verdict IS NOT DISTINCT FROM 'discard',
                 e.account_id = t.account_id, t.schema_version, t.amount_cents, t.currency, t.type, t.parent_id,
                 t.previous_id
          FROM (SELECT * FROM places WHERE lane = w.lane AND seq > c.applied_seq AND seq <= w.last_seq
                ORDER BY seq LIMIT $4) e
               CROSS JOIN LATERAL (SELECT * FROM accepted WHERE id = e.transaction_id LIMIT 1) t)) p
ORDER BY p.lane, p.seq

-- name: read_accounts
-- args: ids uuid[]
-- row: lane int4, id uuid, currency text, balance_cents int8, held_cents int8, min_balance_cents int8,
--   max_balance_cents int8?, status text
-- Accounts as the decisions so far have left them. A statement of its own after their lanes are locked.
SELECT a.lane, a.id, a.currency, coalesce(d.balance_after_cents, 0) AS balance_cents,
       coalesce(d.held_after_cents, 0) AS held_cents, a.min_balance_cents, a.max_balance_cents, a.status
FROM unnest($1::uuid[]) AS i (id)
     CROSS JOIN LATERAL (SELECT lane, id, currency, min_balance_cents, max_balance_cents, status FROM account_settings
                         WHERE id = i.id LIMIT 1) a
     LEFT JOIN LATERAL (SELECT balance_after_cents, held_after_cents FROM decisions WHERE account_id = a.id
                        ORDER BY seq DESC LIMIT 1) d ON true

-- name: decide
-- args: lanes int4[], first_seqs int8[], counts int4[], befores int4[], event_ids uuid[], nets_cents int8[],
--   balances_after_cents int8[], floors_cents int8[], held_deltas_cents int8[], held_after_cents int8[],
--   ceilings_cents int8?[], refused int4[], failure_codes text[], failure_reasons text[], settings_known bool
-- Posts places, or refuses them. Of each lane, counts of them follow each other from first_seqs on; what is claimed of
-- them stands in the arrays from event_ids to ceilings, after befores others. Of the last three the end may be left out:
-- 0, and NULL. refused: positions of those that are refused, from 1. Transaction, account and amount come from the place,
-- never from the arguments: what is not this event with this effect at this place, leaves a hole after the applied seq, or
-- is not all places of its event, fails the statement. So does, with settings_known, a lane of which an account was changed
-- since its last decision.
WITH claimed AS MATERIALIZED (
    SELECT lane, first, first + places - 1 AS last, places, before - first + 1 AS before_first
    FROM unnest($1::integer[], $2::bigint[], $3::integer[], $4::integer[]) AS c (lane, first, places, before)
), place AS MATERIALIZED (
    SELECT p.*, (l.before_first + p.seq)::integer AS n
    FROM claimed l
         CROSS JOIN LATERAL (
             SELECT lane, seq, id AS transaction_id, account_id, net_cents, event_id, places FROM accepted
             WHERE lane = l.lane AND seq BETWEEN l.first AND l.last
             UNION ALL
             SELECT lane, seq, transaction_id, account_id, net_cents, event_id, places FROM places
             WHERE lane = l.lane AND seq BETWEEN l.first AND l.last) p
), decided AS (
    INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, floor_cents,
                           processed_at, kind, failure_code, failure_reason, held_delta_cents, held_after_cents,
                           ceiling_cents)
    SELECT p.lane, p.seq, p.transaction_id, p.account_id, p.net_cents, ($7::bigint[])[p.n], ($8::bigint[])[p.n], now(),
           CASE WHEN r.n IS NULL THEN 'POSTED' ELSE 'REFUSED' END, r.code, r.reason,
           coalesce(($9::bigint[])[p.n], 0), coalesce(($10::bigint[])[p.n], 0), ($11::bigint[])[p.n]
    FROM place p LEFT JOIN unnest($12::integer[], $13::text[], $14::text[]) AS r (n, code, reason) ON r.n = p.n
    WHERE p.event_id = ($5::uuid[])[p.n] AND p.net_cents = ($6::bigint[])[p.n]
    RETURNING lane
)
SELECT demand((SELECT count(*) FROM decided) = cardinality($5::uuid[])
              AND (SELECT coalesce(sum(l.places), 0) = cardinality($5::uuid[])
                          AND coalesce(bool_and(l.first = 1 + coalesce((SELECT seq FROM decisions WHERE lane = l.lane
                                                           AND seq >= l.first - 1 ORDER BY seq DESC LIMIT 1), 0)
                                   AND (NOT $15::boolean OR l.first - 1 > coalesce((
                                           SELECT applied_seq FROM account_changes WHERE lane = l.lane
                                           ORDER BY applied_seq DESC LIMIT 1), -1))), true)
                   FROM claimed l)
              AND NOT EXISTS (SELECT FROM place WHERE places > 1 GROUP BY event_id HAVING count(*) <> min(places)),
              'these decisions do not continue their lanes')

-- name: read_holds
-- args: transaction_ids uuid[]
-- row: transaction_id uuid, hold_id uuid, final bool, accepted_at timestamptz, by_expiry bool, amount_cents int8,
--   captured_cents int8, released_cents int8, expires_at timestamptz, state text
-- What these holds, captures and releases ask for, and the state of their holds. A statement of its own after the lanes
-- are locked. final: of a capture.
SELECT t.id AS transaction_id, h.id AS hold_id, coalesce((t.terms->>'final')::boolean, true) AS final,
       t.created_at AS accepted_at, t.idempotency_key = 'expire:' || h.id AS by_expiry, h.amount_cents,
       coalesce(s.captured_after_cents, 0) AS captured_cents, coalesce(s.released_after_cents, 0) AS released_cents,
       hold_expiry(h.created_at, h.terms) AS expires_at,
       coalesce(s.state, CASE WHEN (SELECT status FROM transaction_states WHERE id = h.id) = 'FAILED' THEN 'FAILED'
                              ELSE 'PENDING' END) AS state
FROM unnest($1::uuid[]) i (id)
     CROSS JOIN LATERAL (SELECT * FROM accepted WHERE id = i.id LIMIT 1) t
     CROSS JOIN LATERAL (SELECT * FROM accepted WHERE id = coalesce(t.parent_id, t.id) LIMIT 1) h
     LEFT JOIN LATERAL (SELECT * FROM hold_steps WHERE hold_id = h.id ORDER BY seq DESC LIMIT 1) s ON true

-- name: write_hold_steps
-- args: hold_ids uuid[], seqs int8[], transaction_ids uuid[], amounts_cents int8[], captured_cents int8[],
--   released_cents int8[], states text[]
INSERT INTO hold_steps (hold_id, seq, transaction_id, amount_cents, captured_after_cents, released_after_cents, state)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])

-- name: write_due_holds
-- args: hold_ids uuid[]
INSERT INTO due_holds (hold_id, expires_at)
SELECT id, hold_expiry(created_at, terms) FROM accepted WHERE id = ANY ($1::uuid[])

-- name: read_named
-- args: ids uuid[]
-- row: id uuid, status text, amount_cents int8, reversed_cents int8
-- Transactions that others reverse or follow. A statement of its own after the lanes are locked, which are theirs too.
SELECT s.id, s.status, s.amount_cents, s.reversed_cents
FROM unnest($1::uuid[]) i (id) CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = i.id LIMIT 1) s

-- name: write_reversal_steps
-- args: reversed_ids uuid[], seqs int8[], transaction_ids uuid[], amounts_cents int8[], reversed_cents int8[]
INSERT INTO reversal_steps (reversed_id, seq, transaction_id, amount_cents, reversed_after_cents)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::bigint[], $5::bigint[])

-- name: prove
-- args: lane int4, seqs int8[], event_ids uuid[]
-- row: seq int8, event_id uuid
SELECT ref.seq, ref.event_id
FROM unnest($2::bigint[], $3::uuid[]) AS ref (seq, event_id)
     JOIN lane_places p ON p.lane = $1 AND p.seq = ref.seq AND p.event_id = ref.event_id

-- name: count_attempt
-- args: lane int4, applied_seq int8
-- row: attempts int4
INSERT INTO apply_attempts AS a (event_id, attempts, first_failed_at)
SELECT p.event_id, 1, now()
FROM lane_cursors c JOIN lane_places p ON p.lane = c.lane AND p.seq = c.applied_seq + 1
WHERE c.lane = $1 AND c.applied_seq = $2::bigint
ON CONFLICT (event_id) DO UPDATE SET attempts = a.attempts + 1
RETURNING attempts

-- name: forget_attempts
-- args: event_ids uuid[]
DELETE FROM apply_attempts WHERE event_id = ANY ($1::uuid[])

-- name: lock_event_lanes
-- args: lane int4, seq int8
-- The lanes of all places of the event that has this one. Places never change, so they can be read before the lock.
SELECT FROM lane_apply
WHERE lane IN (SELECT e.lane FROM lane_places p CROSS JOIN LATERAL event_places(p.transaction_id, p.dead_letter_id) e
               WHERE p.lane = $1 AND p.seq = $2)
ORDER BY lane FOR NO KEY UPDATE

-- name: park
-- args: lane int4, applied_seq int8, event_id uuid, letter_id uuid, topic text, partition int4, offset int8,
--   message_key bytea, payload text, payload_encoding text, error_class text, error_code text, error_message text,
--   attempts int4, headers jsonb, value_sha256 bytea, first_failed_at timestamptz?
-- All places of the event, if it is the lane's next one and next in all its other lanes. The letter names the first.
WITH place AS MATERIALIZED (
    SELECT e.lane, e.seq, e.event_id, e.transaction_id, e.account_id, e.net_cents, a.min_balance_cents,
           a.max_balance_cents, e.account_id = t.account_id AS is_first,
           coalesce((SELECT balance_after_cents FROM decisions WHERE account_id = e.account_id
                     ORDER BY seq DESC LIMIT 1), 0) AS balance_cents,
           coalesce((SELECT held_after_cents FROM decisions WHERE account_id = e.account_id
                     ORDER BY seq DESC LIMIT 1), 0) AS held_cents
    FROM lane_cursors c JOIN lane_places p ON p.lane = c.lane AND p.seq = c.applied_seq + 1
         CROSS JOIN LATERAL event_places(p.transaction_id, p.dead_letter_id) e
         JOIN accepted t ON t.id = e.transaction_id
         JOIN account_settings a ON a.id = e.account_id
    WHERE c.lane = $1 AND c.applied_seq = $2::bigint AND p.event_id = $3
), next AS MATERIALIZED (
    SELECT coalesce(bool_and(l.first = 1 + coalesce((SELECT seq FROM decisions WHERE lane = l.lane
                                                     ORDER BY seq DESC LIMIT 1), 0)
                             AND l.last - l.first + 1 = l.places), false) AS everywhere
    FROM (SELECT lane, min(seq) AS first, max(seq) AS last, count(*) AS places FROM place GROUP BY lane) l
), letter AS (
    INSERT INTO dead_letters (id, event_id, transaction_id, account_id, lane, seq, topic, partition, "offset",
                              message_key, payload, payload_encoding, value_sha256, headers, error_class, error_code,
                              error_message, attempts, first_failed_at, last_failed_at)
    SELECT $4::uuid, p.event_id, p.transaction_id, p.account_id, p.lane, p.seq, $5, $6, $7, $8, $9, $10, $16, $15, $11,
           $12, $13, $14, coalesce($17, now()), now()
    FROM place p CROSS JOIN next WHERE p.is_first AND next.everywhere
    RETURNING id
)
INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, floor_cents,
                       processed_at, kind, dead_letter_id, held_after_cents, ceiling_cents)
SELECT p.lane, p.seq, p.transaction_id, p.account_id, p.net_cents, p.balance_cents, p.min_balance_cents, now(),
       'PARKED', l.id, p.held_cents, p.max_balance_cents
FROM place p CROSS JOIN letter l

-- name: park_foreign
-- args: letter_id uuid, topic text, partition int4, offset int8, message_key bytea, payload text,
--   payload_encoding text, value_sha256 bytea, headers jsonb, error_code text, error_message text
INSERT INTO dead_letters (id, topic, partition, "offset", message_key, payload, payload_encoding, value_sha256, headers,
                          error_class, error_code, error_message, attempts, first_failed_at, last_failed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'foreign', $10, $11, 1, now(), now())
ON CONFLICT (topic, partition, "offset", value_sha256) WHERE transaction_id IS NULL DO NOTHING

-- name: rewind
-- args: lane int4, applied_seq int8
-- The only write to lane_publish that needs no lease. The new epoch invalidates acknowledgements in flight.
-- published_seq is a hint that may be behind the applied seq as well as ahead of it.
UPDATE lane_publish p SET published_seq = $2::bigint, epoch = p.epoch + 1
FROM lane_cursors c
WHERE p.lane = $1 AND c.lane = p.lane AND c.applied_seq = $2::bigint AND c.last_seq > $2::bigint

-- name: halt
-- args: lane int4, seq int8, code text, reason text, reason_chars_max int4
INSERT INTO lane_halts AS known (lane, stage, seq, code, reason, halted_at)
SELECT lane, 'apply', $2::bigint, $3, left($4, $5::integer), now()
FROM lane_cursors WHERE lane = $1 AND applied_seq = $2::bigint - 1
ON CONFLICT (lane, stage) DO UPDATE
SET seq = excluded.seq, code = excluded.code, reason = excluded.reason,
    halted_at = CASE WHEN (known.seq, known.code) = (excluded.seq, excluded.code) THEN known.halted_at
                     ELSE excluded.halted_at END

-- name: clear_halt
-- args: lane int4
DELETE FROM lane_halts h USING lane_cursors c
WHERE h.lane = $1 AND h.stage = 'apply' AND c.lane = h.lane AND c.applied_seq >= h.seq
