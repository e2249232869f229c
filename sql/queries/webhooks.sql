-- Endpoints and their deliveries, as callers of the API see and change them (src/api). There are few endpoints: at most
-- webhooks_max of a tenant, and webhooks_of_all_max.

-- record: webhook
-- columns: id uuid, url text, description text?, events jsonb, account_ids jsonb, status text, reason text?,
--   changed_at timestamptz, created_at timestamptz, previous_secret_ends_at timestamptz?, pending int8
-- An endpoint, without its secrets. previous_secret_ends_at: until when the secret before the latest one signs as well;
-- NULL when it does not. pending: deliveries that failed and will be tried again, and those that wait for them.

-- record: delivery
-- columns: id uuid, webhook_id uuid, event_id text, event_type text, account_id uuid?, status text, attempts int4,
--   tries jsonb, next_attempt_at timestamptz?, created_at timestamptz
-- tries: the latest ones, oldest first.

-- name: lock
-- args: none
-- Endpoints are made and changed one at a time.
LOCK TABLE webhooks IN SHARE ROW EXCLUSIVE MODE

-- name: create
-- args: id uuid, url text, events text[], account_ids uuid[], description text?, secret bytea, position text,
--   webhooks_max int8, tenant int4, webhooks_of_all_max int8
-- row: obstacle text?, made bool
-- obstacle: why there is no such endpoint now. Does nothing when an earlier run made it.
WITH wanted AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM webhooks WHERE id = $1::uuid) AS known,
           CASE WHEN EXISTS (SELECT FROM webhooks WHERE tenant = $9::integer AND url = $2::text AND id <> $1::uuid)
                THEN 'url_taken'
                WHEN (SELECT count(*) FROM webhooks WHERE tenant = $9 AND id <> $1::uuid) >= $8::bigint
                THEN 'too_many_webhooks'
                WHEN (SELECT count(*) FROM webhooks WHERE id <> $1::uuid) >= $10::bigint
                THEN 'too_many_webhooks_of_all' END AS obstacle
), made AS (
    INSERT INTO webhooks (id, url, events, account_ids, description, status, changed_at, created_at, tenant)
    SELECT $1::uuid, $2::text, $3::text[], $4::uuid[], $5::text, 'ENABLED', now(), now(), $9
    FROM wanted WHERE obstacle IS NULL AND NOT known
    RETURNING id
), secret AS (
    INSERT INTO webhook_secrets (webhook_id, number, secret, created_at) SELECT id, 1, $6::bytea, now() FROM made
), progress AS (
    INSERT INTO webhook_progress (webhook_id, epoch, position) SELECT id, 0, $7::text FROM made
)
SELECT obstacle, EXISTS (SELECT FROM made) AS made FROM wanted

-- name: facts
-- args: id uuid, tenant int4
-- row: facts jsonb?
-- For the audit, before a change.
SELECT webhook_facts(own_webhook($1::uuid, $2::integer)) AS facts

-- name: change
-- args: id uuid, url text?, events text[], sets_events bool, account_ids uuid[], sets_account_ids bool,
--   description text?, sets_description bool, status text?, tenant int4
-- row: obstacle text?, made bool
-- Sets what is given. What was tried in vain begins anew when the endpoint is enabled.
WITH wanted AS MATERIALIZED (
    SELECT id, CASE WHEN EXISTS (SELECT FROM webhooks WHERE tenant = $10 AND url = $2::text AND id <> $1::uuid)
                    THEN 'url_taken' END AS obstacle
    FROM webhooks WHERE id = $1::uuid AND tenant = $10::integer
), changed AS (
    UPDATE webhooks w
    SET url = coalesce($2::text, url),
        events = CASE WHEN $4::boolean THEN $3::text[] ELSE events END,
        account_ids = CASE WHEN $6::boolean THEN $5::uuid[] ELSE account_ids END,
        description = CASE WHEN $8::boolean THEN $7::text ELSE description END,
        status = coalesce($9::text, status),
        reason = CASE WHEN $9::text = 'ENABLED' THEN NULL
                      WHEN $9::text = 'DISABLED' AND status = 'ENABLED' THEN 'by_operator' ELSE reason END,
        changed_at = CASE WHEN $9::text <> status THEN now() ELSE changed_at END
    FROM wanted WHERE w.id = wanted.id AND wanted.obstacle IS NULL
    RETURNING w.id
), anew AS (
    UPDATE webhook_deliveries SET attempts = 0, first_attempt_at = NULL, next_attempt_at = NULL
    WHERE webhook_id = (SELECT id FROM changed) AND status = 'PENDING' AND $9::text = 'ENABLED'
      AND (SELECT status FROM webhooks WHERE id = $1) = 'DISABLED'
)
SELECT obstacle, EXISTS (SELECT FROM changed) AS made FROM wanted

-- name: remove
-- args: id uuid, tenant int4
-- With its secrets, its progress and its deliveries.
DELETE FROM webhooks WHERE id = $1::uuid AND tenant = $2::integer

-- name: rotate
-- args: id uuid, secret bytea, overlap_s int8, tenant int4
-- row: obstacle text?, made bool
-- Gives the endpoint a new secret, and the one before it an end. Does nothing when an earlier run made the secret.
WITH signing AS MATERIALIZED (
    SELECT number FROM webhook_secrets WHERE webhook_id = $1::uuid AND (ends_at IS NULL OR ends_at > now())
), wanted AS MATERIALIZED (
    SELECT w.id, EXISTS (SELECT FROM webhook_secrets WHERE webhook_id = w.id AND secret = $2::bytea) AS known,
           CASE WHEN (SELECT count(*) FROM signing) > 1 THEN 'rotation_under_way' END AS obstacle
    FROM webhooks w WHERE w.id = own_webhook($1::uuid, $4::integer)
), ended AS (
    UPDATE webhook_secrets s SET ends_at = now() + make_interval(secs => $3::bigint)
    FROM wanted w WHERE w.obstacle IS NULL AND NOT w.known AND s.webhook_id = w.id AND s.ends_at IS NULL
), forgotten AS (
    DELETE FROM webhook_secrets s USING wanted w
    WHERE w.obstacle IS NULL AND NOT w.known AND s.webhook_id = w.id AND s.ends_at <= now()
), made AS (
    INSERT INTO webhook_secrets (webhook_id, number, secret, created_at)
    SELECT w.id, 1 + (SELECT max(number) FROM webhook_secrets WHERE webhook_id = w.id), $2::bytea, now()
    FROM wanted w WHERE w.obstacle IS NULL AND NOT w.known
    RETURNING number
)
SELECT CASE WHEN known THEN NULL ELSE obstacle END AS obstacle, EXISTS (SELECT FROM made) AS made FROM wanted

-- name: by_id
-- args: id uuid, tenant int4
-- row: webhook
SELECT {webhook} FROM webhook_records WHERE id = $1::uuid AND tenant = $2::integer

-- name: page
-- args: before uuid, rows_max int8, tenant int4
-- row: webhook
SELECT {webhook} FROM webhook_records WHERE tenant = $3::integer AND id < $1::uuid ORDER BY id DESC
LIMIT $2::bigint

-- name: audit_change
-- args: webhook uuid, audit_id uuid, action text, key_id text?, operator_name text?, peer text, request_id text,
--   before jsonb?, tenant int4
-- row: number int8
-- A change of an endpoint, as it is now.
SELECT append_audit(ROW(0, 0, $2::uuid, NULL, $3::text, $1::uuid::text, $4::text, $5::text, $6::text, $7::text, NULL,
                        $8::jsonb, webhook_facts($1::uuid), '', $9::integer)::audit) AS number

-- Deliveries ---------------------------------------------------------------------------------------------------------

-- name: deliveries
-- args: webhook_id uuid, before uuid, rows_max int8, tenant int4
-- row: delivery
SELECT {delivery} FROM webhook_deliveries
WHERE webhook_id = own_webhook($1::uuid, $4::integer) AND id < $2::uuid ORDER BY id DESC LIMIT $3::bigint

-- name: deliveries_in_status
-- args: webhook_id uuid, before uuid, rows_max int8, status text, tenant int4
-- row: delivery
SELECT {delivery} FROM webhook_deliveries
WHERE webhook_id = own_webhook($1::uuid, $5::integer) AND id < $2::uuid AND status = $4::text
ORDER BY id DESC LIMIT $3::bigint

-- name: delivery
-- args: webhook_id uuid, id uuid, tenant int4
-- row: delivery
SELECT {delivery} FROM webhook_deliveries WHERE webhook_id = own_webhook($1::uuid, $3::integer) AND id = $2::uuid

-- name: send_again
-- args: webhook_id uuid, id uuid, new_id uuid, requested_max int8, tenant int4
-- row: obstacle text?, made bool
-- Asks for a delivery to be sent once more, as one of its own. Does nothing when an earlier run asked for it.
WITH wanted AS MATERIALIZED (
    SELECT d.*, EXISTS (SELECT FROM webhook_deliveries WHERE id = $3::uuid) AS known,
           CASE WHEN w.status = 'DISABLED' THEN 'webhook_disabled'
                WHEN d.status = 'PENDING' THEN 'delivery_pending'
                WHEN (SELECT count(*) FROM webhook_deliveries WHERE webhook_id = $1::uuid AND status = 'PENDING'
                                                               AND tries_max IS NOT NULL) >= $4::bigint
                THEN 'too_many_deliveries' END AS obstacle
    FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
    WHERE d.webhook_id = own_webhook($1::uuid, $5::integer) AND d.id = $2::uuid
), made AS (
    INSERT INTO webhook_deliveries (id, webhook_id, event_id, event_type, account_id, lane, seq, nth, body, tries_max,
                                    status, attempts, tries, created_at)
    SELECT $3::uuid, webhook_id, event_id, event_type, account_id, lane, seq, nth, body, 1, 'PENDING', 0, '[]', now()
    FROM wanted WHERE obstacle IS NULL AND NOT known
    RETURNING id
)
SELECT CASE WHEN known THEN NULL ELSE obstacle END AS obstacle, EXISTS (SELECT FROM made) AS made FROM wanted

-- name: ping
-- args: webhook_id uuid, new_id uuid, body text, requested_max int8, tenant int4
-- row: obstacle text?, made bool
-- Asks for a message that says nothing to be sent. Does nothing when an earlier run asked for it.
WITH wanted AS MATERIALIZED (
    SELECT w.id, EXISTS (SELECT FROM webhook_deliveries WHERE id = $2::uuid) AS known,
           CASE WHEN w.status = 'DISABLED' THEN 'webhook_disabled'
                WHEN (SELECT count(*) FROM webhook_deliveries WHERE webhook_id = $1::uuid AND status = 'PENDING'
                                                               AND tries_max IS NOT NULL) >= $4::bigint
                THEN 'too_many_deliveries' END AS obstacle
    FROM webhooks w WHERE w.id = own_webhook($1::uuid, $5::integer)
), made AS (
    INSERT INTO webhook_deliveries (id, webhook_id, event_id, event_type, body, tries_max, status, attempts, tries,
                                    created_at)
    SELECT $2::uuid, id, $2::uuid::text, 'ping', $3::text, 1, 'PENDING', 0, '[]', now()
    FROM wanted WHERE obstacle IS NULL AND NOT known
    RETURNING id
)
SELECT CASE WHEN known THEN NULL ELSE obstacle END AS obstacle, EXISTS (SELECT FROM made) AS made FROM wanted
