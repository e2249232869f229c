-- Dead letters: lists, decisions, and what their feed reads (src/letters, src/api/dead_letter_endpoints.cpp).

-- record: dead_letter
-- columns: id uuid, event_id uuid?, transaction_id uuid?, account_id uuid?, lane int4?, seq int8?, topic text,
--   partition int4, offset int8, key text?, payload text, payload_encoding text, headers jsonb, error_class text,
--   error_code text, error_message text, attempts int4, first_failed_at timestamptz, last_failed_at timestamptz,
--   state text, decided_at timestamptz?, decided_by text?, announced_at timestamptz?,
--   decision text?, decision_at timestamptz?, decision_by text?, operator_name text?, key_id text?,
--   bulk_id uuid?, reason text?, request_id text?
-- With the audit row of its decision, if there is one (REPLAYED, DISCARDED). key: of the message; bytes outside ASCII
-- are escaped.

-- name: dead_letter_by_id
-- args: id uuid, tenant int4
-- row: dead_letter
SELECT l.id, l.event_id, l.transaction_id, l.account_id, l.lane, l.seq, l.topic, l.partition, l."offset",
       encode(l.message_key, 'escape') AS key, l.payload, l.payload_encoding, l.headers, l.error_class, l.error_code,
       l.error_message, l.attempts, l.first_failed_at, l.last_failed_at, l.state, l.decided_at, l.decided_by,
       l.announced_at, a.decision, a.decided_at AS decision_at, a.decided_by AS decision_by,
       a.operator AS operator_name, a.key_fingerprint AS key_id, a.bulk_id, a.reason, a.request_id
FROM dead_letters l LEFT JOIN dead_letter_decisions a ON a.dead_letter_id = l.id
WHERE l.id = $1::uuid AND l.tenant = $2::integer

-- name: plan_for_these_parameters
-- args: none
-- The planner must know which filters are absent, or it uses no index.
SET LOCAL plan_cache_mode = force_custom_plan

-- name: begin_snapshot
-- args: none
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: dead_letters_newest
-- args: after_id uuid?, rows_max int8, bytes_max int8, state text?, error_class text?, error_code text?, account_id uuid?, lane int4?,
--   failed_after timestamptz?, failed_before timestamptz?, tenant int4
-- row: dead_letter
-- The rows after the one with id $1. Dead letters are never deleted, so it exists.
SELECT l.id, l.event_id, l.transaction_id, l.account_id, l.lane, l.seq, l.topic, l.partition, l."offset",
       encode(l.message_key, 'escape') AS key, l.payload, l.payload_encoding, l.headers, l.error_class, l.error_code,
       l.error_message, l.attempts, l.first_failed_at, l.last_failed_at, l.state, l.decided_at, l.decided_by,
       l.announced_at, a.decision, a.decided_at AS decision_at, a.decided_by AS decision_by,
       a.operator AS operator_name, a.key_fingerprint AS key_id, a.bulk_id, a.reason, a.request_id
FROM (SELECT *, sum(octet_length(payload) + octet_length(headers::text) + coalesce(octet_length(message_key), 0))
                    OVER (ORDER BY last_failed_at DESC, id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING) AS bytes_before
      FROM (SELECT * FROM dead_letters
      WHERE tenant = $11::integer AND ($1::uuid IS NULL
             OR (last_failed_at, id) < (SELECT p.last_failed_at, p.id FROM dead_letters p WHERE p.id = $1 AND p.tenant = $11))
        AND ($4::text IS NULL OR state = $4) AND ($5::text IS NULL OR error_class = $5)
        AND ($6::text IS NULL OR error_code = $6) AND ($7::uuid IS NULL OR account_id = $7)
        AND ($8::integer IS NULL OR (lane = $8 AND transaction_id IS NOT NULL))
        AND ($9::timestamptz IS NULL OR last_failed_at >= $9) AND ($10::timestamptz IS NULL OR last_failed_at < $10)
      ORDER BY last_failed_at DESC, id DESC LIMIT $2::bigint) page) l
LEFT JOIN dead_letter_decisions a ON a.dead_letter_id = l.id
WHERE coalesce(l.bytes_before, 0) <= $3::bigint
ORDER BY l.last_failed_at DESC, l.id DESC

-- name: dead_letters_oldest
-- args: after_id uuid?, rows_max int8, bytes_max int8, state text?, error_class text?, error_code text?, account_id uuid?, lane int4?,
--   failed_after timestamptz?, failed_before timestamptz?, tenant int4
-- row: dead_letter
SELECT l.id, l.event_id, l.transaction_id, l.account_id, l.lane, l.seq, l.topic, l.partition, l."offset",
       encode(l.message_key, 'escape') AS key, l.payload, l.payload_encoding, l.headers, l.error_class, l.error_code,
       l.error_message, l.attempts, l.first_failed_at, l.last_failed_at, l.state, l.decided_at, l.decided_by,
       l.announced_at, a.decision, a.decided_at AS decision_at, a.decided_by AS decision_by,
       a.operator AS operator_name, a.key_fingerprint AS key_id, a.bulk_id, a.reason, a.request_id
FROM (SELECT *, sum(octet_length(payload) + octet_length(headers::text) + coalesce(octet_length(message_key), 0))
                    OVER (ORDER BY last_failed_at, id ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING) AS bytes_before
      FROM (SELECT * FROM dead_letters
      WHERE tenant = $11::integer AND ($1::uuid IS NULL
             OR (last_failed_at, id) > (SELECT p.last_failed_at, p.id FROM dead_letters p WHERE p.id = $1 AND p.tenant = $11))
        AND ($4::text IS NULL OR state = $4) AND ($5::text IS NULL OR error_class = $5)
        AND ($6::text IS NULL OR error_code = $6) AND ($7::uuid IS NULL OR account_id = $7)
        AND ($8::integer IS NULL OR (lane = $8 AND transaction_id IS NOT NULL))
        AND ($9::timestamptz IS NULL OR last_failed_at >= $9) AND ($10::timestamptz IS NULL OR last_failed_at < $10)
      ORDER BY last_failed_at, id LIMIT $2::bigint) page) l
LEFT JOIN dead_letter_decisions a ON a.dead_letter_id = l.id
WHERE coalesce(l.bytes_before, 0) <= $3::bigint
ORDER BY l.last_failed_at, l.id

-- name: dead_letters_groups
-- args: state text?, error_class text?, error_code text?, account_id uuid?, lane int4?,
--   failed_after timestamptz?, failed_before timestamptz?, tenant int4
-- row: error_class text, error_code text, count int8, oldest_failed_at timestamptz, newest_failed_at timestamptz
SELECT error_class, error_code, count(*) AS count, min(last_failed_at) AS oldest_failed_at,
       max(last_failed_at) AS newest_failed_at
FROM dead_letters
WHERE tenant = $8::integer AND ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR error_class = $2)
  AND ($3::text IS NULL OR error_code = $3) AND ($4::uuid IS NULL OR account_id = $4)
  AND ($5::integer IS NULL OR (lane = $5 AND transaction_id IS NOT NULL))
  AND ($6::timestamptz IS NULL OR last_failed_at >= $6) AND ($7::timestamptz IS NULL OR last_failed_at < $7)
GROUP BY error_class, error_code ORDER BY count(*) DESC, error_class, error_code

-- name: dead_letters_amounts
-- args: state text?, error_class text?, error_code text?, account_id uuid?, lane int4?,
--   failed_after timestamptz?, failed_before timestamptz?, tenant int4
-- row: currency text, type text, count int8, amount_cents text
SELECT t.currency, t.type, count(*) AS count, sum(t.amount_cents)::text AS amount_cents
FROM (SELECT transaction_id FROM dead_letters
      WHERE tenant = $8::integer AND transaction_id IS NOT NULL
        AND ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR error_class = $2)
        AND ($3::text IS NULL OR error_code = $3) AND ($4::uuid IS NULL OR account_id = $4)
        AND ($5::integer IS NULL OR (lane = $5 AND transaction_id IS NOT NULL))
        AND ($6::timestamptz IS NULL OR last_failed_at >= $6) AND ($7::timestamptz IS NULL OR last_failed_at < $7)) l
JOIN accepted t ON t.id = l.transaction_id
GROUP BY t.currency, t.type ORDER BY t.currency, t.type

-- name: lock_dead_letter
-- args: letter_id uuid, tenant int4
-- Dead letters are locked before apply lanes, and these before intake lanes, each in ascending order.
SELECT FROM dead_letters WHERE id = $1::uuid AND tenant = $2::integer FOR NO KEY UPDATE

-- name: lock_lanes
-- args: letter_id uuid, tenant int4
-- Those in which the letter's transaction has places.
SELECT lane FROM lane_intake
WHERE lane IN (SELECT d.lane FROM dead_letters l JOIN decisions d ON d.dead_letter_id = l.id
               WHERE l.id = $1::uuid AND l.tenant = $2::integer)
ORDER BY lane FOR NO KEY UPDATE

-- name: decide_dead_letter
-- args: letter_id uuid, verdict text, decided_by text, operator_name text?, key_id text?, bulk_id uuid?,
--   reason text?, request_id text, event_id uuid, traceparent text, audit_id uuid, peer text,
--   tenant int4
-- verdict: replay or discard. Changes nothing unless the letter is parked; a foreign one can only be discarded. Each
-- account of its transaction gets a place, the next one of its lane, at which the worker decides it. A statement of its
-- own after the lanes are locked.
WITH decided AS (
    UPDATE dead_letters SET state = CASE $2::text WHEN 'replay' THEN 'REPLAYED' ELSE 'DISCARDED' END, decided_at = now(),
                            decided_by = $3::text
    WHERE id = $1::uuid AND tenant = $13::integer AND state = 'PARKED'
      AND (transaction_id IS NOT NULL OR $2::text = 'discard')
    RETURNING id, state, decided_at, decided_by, lane
), recorded AS (
    INSERT INTO dead_letter_decisions (dead_letter_id, decision, decided_at, decided_by, operator, key_fingerprint,
                                       bulk_id, reason, request_id)
    SELECT id, state, decided_at, decided_by, $4::text, $5::text, $6::uuid, $7::text, $8::text FROM decided
), parked AS (
    SELECT b.lane, b.account_id, b.amount_cents, b.transaction_id, b.dead_letter_id,
           row_number() OVER (PARTITION BY b.lane ORDER BY b.seq) AS nth, count(*) OVER ()::smallint AS places
    FROM decided d JOIN decisions b ON b.dead_letter_id = d.id
), placed AS (
    INSERT INTO places (lane, seq, account_id, net_cents, transaction_id, event_id, places, dead_letter_id, verdict,
                        traceparent, created_at)
    SELECT b.lane, c.last_seq + b.nth, b.account_id, b.amount_cents, b.transaction_id, $9::uuid, b.places,
           b.dead_letter_id, $2::text, $10::text, clock_timestamp()
    FROM parked b JOIN lane_cursors c ON c.lane = b.lane
)
SELECT append_audit(ROW(coalesce((SELECT chain FROM audit_chains WHERE chain = d.lane), 0), 0, $11::uuid, NULL,
                        'dead_letter_' || lower(d.state), d.id::text, $5::text, $4::text, $12::text, $8::text, $7::text,
                        '{"state": "PARKED"}', jsonb_build_object('state', d.state, 'bulk_id', $6::uuid), '', $13)::audit)
FROM decided d

-- Lanes --------------------------------------------------------------------------------------------------------------

-- name: unannounced_letters
-- args: owner text, after uuid, letters_max int8, value_bytes_max int4, bytes_max int8
-- row: id uuid, topic text, partition int4, offset int8, message_key bytea, value bytea, value_bytes int4,
--   headers text, error_class text, error_code text, error_message text, attempts int4, first_failed_at timestamptz,
--   last_failed_at timestamptz
-- Each dead letter belongs to the owner of one lane; a foreign one has no lane, so its partition decides. Those of others
-- are not passed over: they may be a million.
-- The table may hold only the beginning of a value. Then the hash, which covers the whole value, differs, and the
-- length returned is one more than what is held.
-- Of many large values only as many are decoded as are sent: base64 takes four characters for three bytes, and a text
-- at least one for each of its own.
SELECT d.id, d.topic, d.partition, d."offset", coalesce(d.message_key, '') AS message_key,
       substring(v.value FROM 1 FOR $4::integer) AS value,
       length(v.value) + (sha256(v.value) <> d.value_sha256)::integer AS value_bytes, d.headers::text, d.error_class,
       d.error_code, d.error_message, d.attempts, d.first_failed_at, d.last_failed_at
FROM (SELECT l.*, sum(least(CASE l.payload_encoding WHEN 'base64' THEN octet_length(l.payload) / 4 * 3
                            ELSE octet_length(l.payload) END, $4::integer)) OVER earlier AS bytes_before
      FROM (SELECT i.id
            FROM lane_publish p
                 CROSS JOIN LATERAL (SELECT id FROM dead_letters
                                     WHERE announced_at IS NULL AND id > $2::uuid
                                       AND lane_of_letter(lane, partition) = p.lane
                                     ORDER BY id LIMIT $3::bigint) i
            WHERE p.owner = $1 ORDER BY i.id LIMIT $3::bigint) m
           CROSS JOIN LATERAL (SELECT * FROM dead_letters WHERE id = m.id LIMIT 1) l
      WINDOW earlier AS (ORDER BY l.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
      ORDER BY l.id LIMIT $3::bigint) d
CROSS JOIN LATERAL (SELECT CASE d.payload_encoding WHEN 'base64' THEN decode(d.payload, 'base64')
                           ELSE convert_to(d.payload, 'UTF8') END AS value) v
WHERE coalesce(d.bytes_before, 0) <= $5::bigint
ORDER BY d.id

-- name: mark_announced
-- args: ids uuid[]
UPDATE dead_letters SET announced_at = now() WHERE id = ANY ($1::uuid[]) AND announced_at IS NULL

-- name: count_unannounced
-- row: letters int8
-- 10,000 at most.
SELECT count(*) AS letters FROM (SELECT FROM dead_letters WHERE announced_at IS NULL LIMIT 10000) unannounced
