-- Leases, reads and cursor moves of the publisher (src/publish/pg_outbox_store.cpp).

-- name: durably
-- args: none
SET LOCAL synchronous_commit = on

-- name: announce
-- args: owner text, term_ms float8
INSERT INTO publishers (owner, expires_at) VALUES ($1, now() + $2 * interval '1 millisecond')
ON CONFLICT (owner) DO UPDATE SET expires_at = excluded.expires_at

-- name: announce_nobody
-- args: none
-- Whether registering a publisher would be allowed.
INSERT INTO publishers (owner, expires_at) SELECT '', now() WHERE false
ON CONFLICT (owner) DO UPDATE SET expires_at = excluded.expires_at

-- name: forget_dead
-- args: none
DELETE FROM publishers WHERE expires_at < now() - interval '1 minute'

-- name: give_up_excess
-- args: owner text
WITH excess AS MATERIALIZED (
    SELECT lane FROM lane_publish WHERE owner = $1 ORDER BY lane
    OFFSET (SELECT ceil((SELECT count(*) FROM lane_publish)::numeric / count(*))::bigint
            FROM publishers WHERE expires_at > now()))
UPDATE lane_publish SET owner = NULL WHERE owner = $1 AND lane IN (SELECT lane FROM excess)

-- name: take_free
-- args: owner text
-- Those that nobody owns who is alive. A lane that somebody else is taking at this moment is skipped, not waited for.
WITH free AS MATERIALIZED (
    SELECT lane FROM lane_publish p
    WHERE owner IS NULL
       OR (owner <> $1 AND NOT EXISTS (SELECT FROM publishers o WHERE o.owner = p.owner AND o.expires_at >= now()))
    ORDER BY lane
    LIMIT (SELECT greatest(0, ceil((SELECT count(*) FROM lane_publish)::numeric / count(*))::bigint
                              - (SELECT count(*) FROM lane_publish WHERE owner = $1))
           FROM publishers WHERE expires_at > now())
    FOR NO KEY UPDATE SKIP LOCKED)
UPDATE lane_publish SET owner = $1, epoch = epoch + 1
WHERE lane IN (SELECT lane FROM free)

-- name: leases
-- args: owner text
-- row: lane int4, epoch int8, published_seq int8
SELECT lane, epoch, published_seq FROM lane_publish WHERE owner = $1 ORDER BY lane

-- name: free_others
-- args: owner text
UPDATE lane_publish SET owner = NULL WHERE owner <> $1

-- name: forget_others
-- args: owner text
DELETE FROM publishers WHERE owner <> $1

-- name: free_own
-- args: owner text
UPDATE lane_publish SET owner = NULL WHERE owner = $1

-- name: forget_self
-- args: owner text
DELETE FROM publishers WHERE owner = $1

-- name: read
-- args: lanes int4[], published_seqs int8[], events_max int8, bytes_max int8
-- row: event_id uuid, lane int4, seq int8, schema_version int4, created_at timestamptz, traceparent text?, id uuid,
--   account_id uuid, net_cents int8, places int4, is_first bool, amount_cents int8, currency text, type text,
--   idempotency_key text, legs text?, reference text?, metadata text?, parent_id uuid?, previous_id uuid?,
--   dated timestamptz?, tenant_name text?
-- What follows each lane's cursor, limited by number and by bytes of metadata and legs; at least one event per lane. No
-- upper bound on seq: an event behind a hole must be visible to be reported. Reference and metadata go with the first place
-- only. tenant_name: of the place's account; NULL for the default one.
SELECT event_id, lane, seq, schema_version::integer, created_at, traceparent, id, account_id, net_cents,
       places::integer, is_first, amount_cents, currency, type, idempotency_key, legs, reference, metadata, parent_id,
       previous_id, dated, (SELECT name FROM tenants WHERE id = nullif(tenant, 0)) AS tenant_name
FROM (SELECT sized.*, sum(coalesce(octet_length(metadata), 0) + coalesce(octet_length(legs), 0)) OVER earlier
                          AS bytes_before
      FROM (SELECT e.event_id, e.lane, e.seq, t.schema_version, e.created_at,
                   coalesce(e.traceparent, t.traceparent) AS traceparent, t.id, e.account_id, e.net_cents, e.places,
                   e.tenant, e.account_id = t.account_id AS is_first, t.amount_cents, t.currency, t.type, t.idempotency_key,
                   t.parent_id, t.previous_id, t.occurred_at AS dated, t.legs::text, CASE WHEN e.account_id = t.account_id THEN t.reference END AS reference,
                   CASE WHEN e.account_id = t.account_id THEN t.metadata::text END AS metadata
            FROM unnest($1::integer[], $2::bigint[]) AS cursor(lane, published_seq)
            CROSS JOIN LATERAL (
                (SELECT a.event_id, a.lane, a.seq, a.account_id, a.net_cents, a.places, a.created_at, a.traceparent,
                        a.id AS transaction_id, a.tenant
                 FROM accepted a WHERE a.lane = cursor.lane AND a.seq > cursor.published_seq ORDER BY a.seq LIMIT $3)
                UNION ALL
                (SELECT p.event_id, p.lane, p.seq, p.account_id, p.net_cents, p.places, p.created_at, p.traceparent,
                        p.transaction_id, p.tenant
                 FROM places p WHERE p.lane = cursor.lane AND p.seq > cursor.published_seq ORDER BY p.seq LIMIT $3)
                ORDER BY seq LIMIT $3) AS e
            JOIN accepted t ON t.id = e.transaction_id) sized
      WINDOW earlier AS (PARTITION BY lane ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) < $4::bigint
ORDER BY lane, seq

-- name: advance
-- args: owner text, lanes int4[], epochs int8[], from_seqs int8[], to_seqs int8[]
-- row: lane int4
UPDATE lane_publish p SET published_seq = a.to_seq, publish_attempts = 0, last_error = NULL
FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[]) AS a(lane, epoch, from_seq, to_seq)
WHERE p.lane = a.lane AND p.owner = $1 AND p.epoch = a.epoch AND p.published_seq = a.from_seq
RETURNING p.lane

-- name: record_failure
-- args: lane int4, owner text, epoch int8, error text
UPDATE lane_publish SET publish_attempts = publish_attempts + 1, last_error = $4
WHERE lane = $1 AND owner = $2 AND epoch = $3

-- name: halt
-- args: lane int4, owner text, epoch int8, seq int8, code text, reason text
INSERT INTO lane_halts AS known (lane, stage, seq, code, reason, halted_at)
SELECT lane, 'publish', $4::bigint, $5, $6, now() FROM lane_publish
WHERE lane = $1 AND owner = $2 AND epoch = $3 AND published_seq = $4::bigint - 1
ON CONFLICT (lane, stage) DO UPDATE
SET seq = excluded.seq, code = excluded.code, reason = excluded.reason,
    halted_at = CASE WHEN (known.seq, known.code) = (excluded.seq, excluded.code) THEN known.halted_at
                     ELSE excluded.halted_at END

-- name: clear_halts
-- args: lanes int4[]
DELETE FROM lane_halts h USING lane_publish p
WHERE h.lane = ANY ($1::integer[]) AND h.stage = 'publish' AND p.lane = h.lane AND p.published_seq >= h.seq

-- name: backlog
-- row: unpublished_events int8, oldest_unapplied_s int8, dead_letters_parked int8
-- dead_letters_parked: 10,000 at most, so that a publisher does not count a million of them every second.
SELECT coalesce(sum(greatest(c.last_seq - c.announced_seq, 0)), 0)::bigint AS unpublished_events,
       coalesce(extract(epoch FROM now() - min(e.created_at)), 0)::bigint AS oldest_unapplied_s,
       (SELECT count(*) FROM (SELECT FROM dead_letters WHERE state = 'PARKED' LIMIT 10000) parked)
           AS dead_letters_parked
FROM lane_cursors c LEFT JOIN lane_places e ON e.lane = c.lane AND e.seq = c.applied_seq + 1
