-- Leases, progress and deliveries of the notifiers (src/notify/pg_notify_store.cpp).

-- name: announce
-- args: owner text, term_ms float8
INSERT INTO notifiers (owner, expires_at) VALUES ($1, now() + $2 * interval '1 millisecond')
ON CONFLICT (owner) DO UPDATE SET expires_at = excluded.expires_at

-- name: forget_dead
-- args: none
DELETE FROM notifiers WHERE expires_at < now() - interval '1 minute'

-- name: give_up
-- args: owner text
-- Endpoints that are disabled, and those above this notifier's share.
WITH kept AS MATERIALIZED (
    SELECT p.webhook_id
    FROM webhook_progress p JOIN webhooks w ON w.id = p.webhook_id
    WHERE p.owner = $1 AND w.status = 'ENABLED'
    ORDER BY p.webhook_id
    LIMIT (SELECT ceil((SELECT count(*) FROM webhooks WHERE status = 'ENABLED')::numeric / count(*))::bigint
           FROM notifiers WHERE expires_at > now()))
UPDATE webhook_progress SET owner = NULL WHERE owner = $1 AND webhook_id NOT IN (SELECT webhook_id FROM kept)

-- name: take_free
-- args: owner text
-- Those that nobody owns who is alive. One that somebody else is taking at this moment is skipped, not waited for.
WITH free AS MATERIALIZED (
    SELECT p.webhook_id
    FROM webhook_progress p JOIN webhooks w ON w.id = p.webhook_id
    WHERE w.status = 'ENABLED'
      AND (p.owner IS NULL
           OR (p.owner <> $1 AND NOT EXISTS (SELECT FROM notifiers n WHERE n.owner = p.owner AND n.expires_at >= now())))
    ORDER BY p.webhook_id
    LIMIT (SELECT greatest(0, ceil((SELECT count(*) FROM webhooks WHERE status = 'ENABLED')::numeric / count(*))::bigint
                              - (SELECT count(*) FROM webhook_progress WHERE owner = $1))
           FROM notifiers WHERE expires_at > now())
    FOR NO KEY UPDATE OF p SKIP LOCKED)
UPDATE webhook_progress SET owner = $1, epoch = epoch + 1
WHERE webhook_id IN (SELECT webhook_id FROM free)

-- name: owned
-- args: owner text
-- row: id uuid, epoch int8, url text, events jsonb, account_ids jsonb, secret bytea, tenant int4
-- The endpoints that this notifier sends to: a row for each secret that signs, the newest first within an endpoint.
SELECT w.id, p.epoch, w.url, to_jsonb(w.events) AS events, to_jsonb(w.account_ids) AS account_ids, s.secret, w.tenant
FROM webhook_progress p JOIN webhooks w ON w.id = p.webhook_id
     JOIN webhook_secrets s ON s.webhook_id = w.id AND (s.ends_at IS NULL OR s.ends_at > now())
WHERE p.owner = $1 AND w.status = 'ENABLED'
ORDER BY w.id, s.number DESC

-- name: failing
-- row: webhooks int8
-- Endpoints that were disabled by a notifier.
SELECT count(*) AS webhooks FROM webhooks WHERE status = 'DISABLED' AND reason <> 'by_operator'

-- name: position
-- args: webhook_id uuid, owner text, epoch int8
-- row: position text
SELECT position FROM webhook_progress WHERE webhook_id = $1::uuid AND owner = $2 AND epoch = $3::bigint

-- record: pending
-- columns: webhook_id uuid, id uuid, event_id text, event_type text, account_id uuid?, lane int4?, seq int8?, nth int4?, body text?,
--   tries_max int4?, attempts int4, tries jsonb, first_attempt_at timestamptz?, next_attempt_at timestamptz?,
--   created_at timestamptz

-- name: pending
-- args: webhook_id uuid, rows_max int8
-- row: pending
-- What was tried in vain, and what waits for it, in the order of the lanes.
SELECT {pending} FROM webhook_deliveries
WHERE webhook_id = $1::uuid AND status = 'PENDING' AND tries_max IS NULL ORDER BY lane, seq, nth LIMIT $2::bigint

-- name: requested
-- args: webhook_ids uuid[], rows_max int8
-- row: pending
-- What was asked for: in no order, and tried a few times only.
SELECT {pending} FROM webhook_deliveries
WHERE webhook_id = ANY ($1::uuid[]) AND status = 'PENDING' AND tries_max IS NOT NULL ORDER BY id LIMIT $2::bigint

-- name: note_positions
-- args: owner text, webhook_ids uuid[], epochs int8[], positions text[]
-- Of endpoints that are no longer held under that epoch nothing is written.
UPDATE webhook_progress p SET position = n.position
FROM unnest($2::uuid[], $3::bigint[], $4::text[]) AS n (webhook_id, epoch, position)
WHERE p.webhook_id = n.webhook_id AND p.owner = $1 AND p.epoch = n.epoch

-- name: note_deliveries
-- args: owner text, deliveries jsonb
-- Likewise.
INSERT INTO webhook_deliveries AS known (id, webhook_id, event_id, event_type, account_id, lane, seq, nth, body, tries_max,
                                         status, attempts, tries, first_attempt_at, next_attempt_at, created_at)
SELECT n.id, n.webhook_id, n.event_id, n.event_type, n.account_id, n.lane, n.seq, n.nth, n.body, n.tries_max, n.status,
       n.attempts, n.tries, n.first_attempt_at, n.next_attempt_at, n.created_at
FROM jsonb_to_recordset($2::jsonb)
     AS n (id uuid, webhook_id uuid, epoch bigint, event_id text, event_type text, account_id uuid, lane integer,
           seq bigint, nth integer, body text, tries_max integer, status text, attempts integer, tries jsonb,
           first_attempt_at timestamptz, next_attempt_at timestamptz, created_at timestamptz)
     JOIN webhook_progress p ON p.webhook_id = n.webhook_id AND p.owner = $1 AND p.epoch = n.epoch
ON CONFLICT (id) DO UPDATE
SET status = excluded.status, attempts = excluded.attempts, tries = excluded.tries,
    first_attempt_at = excluded.first_attempt_at, next_attempt_at = excluded.next_attempt_at

-- name: disable
-- args: owner text, webhook_id uuid, epoch int8, reason text, audit_id uuid, event_id text, ids uuid[],
--   body text
-- row: number int8
-- Ends an endpoint's deliveries until somebody enables it again, and tells the tenant's other endpoints: by deliveries
-- with these ids.
WITH disabled AS (
    UPDATE webhooks w SET status = 'DISABLED', reason = $4::text, changed_at = now()
    FROM webhook_progress p
    WHERE w.id = $2::uuid AND w.status = 'ENABLED' AND p.webhook_id = w.id AND p.owner = $1 AND p.epoch = $3::bigint
    RETURNING w.id, w.url, w.tenant
), told AS (
    INSERT INTO webhook_deliveries (id, webhook_id, event_id, event_type, body, tries_max, status, attempts, tries,
                                    created_at)
    SELECT ($7::uuid[])[o.nth], o.id, $6::text, 'webhook.disabled', $8::text, 10, 'PENDING', 0, '[]', now()
    FROM (SELECT w.id, row_number() OVER (ORDER BY w.id) AS nth FROM webhooks w JOIN disabled d ON d.tenant = w.tenant
          WHERE w.id <> d.id AND w.status = 'ENABLED'
            AND (w.events = '{}' OR 'webhook.disabled' = ANY (w.events))) o
    WHERE o.nth <= cardinality($7::uuid[])
)
SELECT append_audit(ROW(0, 0, $5::uuid, NULL, 'webhook_disabled', d.id::text, NULL, 'notifier', '', '', $4::text, NULL,
                        jsonb_build_object('url', d.url, 'status', 'DISABLED', 'reason', $4::text), '', d.tenant)::audit) AS number
FROM disabled d

-- name: prune
-- args: webhook_ids uuid[], kept_max int8, kept_days int4
-- Deletes what was finished before the latest ones, or long ago: ids rise with the time. Not all at once.
WITH kept AS MATERIALIZED (
    SELECT w.id,
           greatest((SELECT id FROM webhook_deliveries WHERE webhook_id = w.id ORDER BY id DESC OFFSET $2::bigint LIMIT 1),
                    rpad(lpad(to_hex((extract(epoch FROM now() - make_interval(days => $3::integer)) * 1000)::bigint), 12,
                              '0'), 32, '0')::uuid) AS first
    FROM unnest($1::uuid[]) AS w (id)
), old AS MATERIALIZED (
    SELECT d.id
    FROM kept CROSS JOIN LATERAL (SELECT id FROM webhook_deliveries
                                  WHERE webhook_id = kept.id AND id < kept.first AND status <> 'PENDING' LIMIT 20000) d
    LIMIT 20000
)
DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM old)

-- name: free_own
-- args: owner text
UPDATE webhook_progress SET owner = NULL WHERE owner = $1

-- name: forget_self
-- args: owner text
DELETE FROM notifiers WHERE owner = $1
