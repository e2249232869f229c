-- What one caller asked for and another one must approve (src/api).

-- record: approval
-- columns: id uuid, action text, subject text, request jsonb?, state text, requested_by text, requested_operator text?,
--   created_at timestamptz, expires_at timestamptz, decided_by text?, decided_operator text?, decided_at timestamptz?,
--   reason text?, executed_at timestamptz?
-- request: the body of the call. state: PENDING, APPROVED, REJECTED or EXPIRED.

-- name: lock
-- args: none
-- Requests are made and decided one at a time.
LOCK TABLE approvals IN SHARE ROW EXCLUSIVE MODE

-- name: ask
-- args: id uuid, action text, subject text, request jsonb?, requested_by text, operator_name text?, peer text,
--   request_id text, lifetime_s int8, audit_id uuid, pending_max int8, tenant int4
-- row: obstacle text?, id uuid?
-- obstacle: approval_pending (id: the one that waits), too_many_approvals. The same caller's same request is the one
-- that waits already. A request may hold metadata, which can be erased: it is in no chain.
WITH waiting AS MATERIALIZED (
    SELECT a.id, a.requested_by = $5::text AND a.request IS NOT DISTINCT FROM $4::jsonb AS same
    FROM approvals a WHERE a.tenant = $12::integer AND a.state = 'PENDING' AND a.action = $2::text AND a.subject = $3::text
                       AND a.expires_at > now()
    ORDER BY a.id DESC LIMIT 1
), crowd AS (
    SELECT count(*) AS size FROM approvals WHERE tenant = $12::integer AND state = 'PENDING' AND expires_at > now()
), made AS (
    INSERT INTO approvals (id, tenant, action, subject, request, state, requested_by, requested_operator, created_at,
                           expires_at)
    SELECT $1::uuid, $12::integer, $2::text, $3::text, $4::jsonb, 'PENDING', $5::text, $6::text, now(),
           now() + make_interval(secs => $9::bigint)
    FROM crowd WHERE size < $11::bigint AND NOT EXISTS (SELECT FROM waiting)
    RETURNING id
), told AS MATERIALIZED (
    SELECT append_audit(ROW(0, 0, $10::uuid, NULL, 'approval_requested', $3::text, $5::text, $6::text, $7::text, $8::text,
                            NULL, NULL, jsonb_build_object('approval_id', m.id, 'action', $2::text), '', $12::integer)::audit)
               AS number
    FROM made m
)
SELECT CASE WHEN w.id IS NULL AND m.id IS NULL THEN 'too_many_approvals'
            WHEN NOT w.same THEN 'approval_pending' END AS obstacle, coalesce(m.id, w.id) AS id
FROM (VALUES (0)) one LEFT JOIN waiting w ON true LEFT JOIN made m ON true LEFT JOIN told t ON true

-- name: decide
-- args: id uuid, verdict text, decided_by text, operator_name text?, reason text?, peer text, request_id text,
--   audit_id uuid, tenant int4
-- row: obstacle text?
-- verdict: APPROVED or REJECTED. obstacle: own_request, approval_expired, approval_decided. Who approved may say so again
-- until it is executed.
WITH found AS MATERIALIZED (
    SELECT a.*, CASE WHEN a.state = $2::text AND a.decided_by = $3::text AND a.executed_at IS NULL
                          AND a.expires_at > now() THEN NULL
                     WHEN a.state <> 'PENDING' THEN 'approval_decided'
                     WHEN a.expires_at <= now() THEN 'approval_expired'
                     WHEN a.requested_by = $3::text AND $2::text = 'APPROVED' THEN 'own_request' END AS obstacle
    FROM approvals a WHERE a.id = $1::uuid AND a.tenant = $9::integer
), changed AS (
    UPDATE approvals a SET state = $2::text, decided_by = $3::text, decided_operator = $4::text, decided_at = now(),
                           reason = $5::text
    FROM found f WHERE a.id = f.id AND f.obstacle IS NULL AND f.state = 'PENDING'
    RETURNING a.id, a.tenant, a.action, a.subject, a.requested_by
), told AS MATERIALIZED (
    SELECT append_audit(ROW(0, 0, $8::uuid, NULL, 'approval_' || lower($2::text), c.subject, $3::text, $4::text, $6::text,
                            $7::text, $5::text, NULL,
                            jsonb_build_object('approval_id', c.id, 'action', c.action, 'requested_by', c.requested_by),
                            '', c.tenant)::audit) AS number
    FROM changed c
)
SELECT f.obstacle FROM found f LEFT JOIN told t ON true

-- name: executed
-- args: id uuid, tenant int4
UPDATE approvals SET executed_at = now() WHERE id = $1::uuid AND tenant = $2::integer AND executed_at IS NULL

-- name: by_id
-- args: id uuid, tenant int4
-- row: approval
SELECT a.id, a.action, a.subject, a.request,
       CASE WHEN a.state = 'PENDING' AND a.expires_at <= now() THEN 'EXPIRED' ELSE a.state END AS state, a.requested_by,
       a.requested_operator, a.created_at, a.expires_at, a.decided_by, a.decided_operator, a.decided_at, a.reason,
       a.executed_at
FROM approvals a WHERE a.id = $1::uuid AND a.tenant = $2::integer

-- name: page
-- args: before uuid, rows_max int8, actions text[], tenant int4
-- row: approval
SELECT a.id, a.action, a.subject, a.request,
       CASE WHEN a.state = 'PENDING' AND a.expires_at <= now() THEN 'EXPIRED' ELSE a.state END AS state, a.requested_by,
       a.requested_operator, a.created_at, a.expires_at, a.decided_by, a.decided_operator, a.decided_at, a.reason,
       a.executed_at
FROM approvals a WHERE (a.tenant, a.id) < ($4::integer, $1::uuid) AND a.tenant >= $4 AND a.action = ANY ($3::text[])
ORDER BY a.tenant DESC, a.id DESC LIMIT $2::bigint

-- name: pending_page
-- args: before uuid, rows_max int8, actions text[], tenant int4
-- row: approval
SELECT a.id, a.action, a.subject, a.request, a.state, a.requested_by, a.requested_operator, a.created_at, a.expires_at,
       a.decided_by, a.decided_operator, a.decided_at, a.reason, a.executed_at
FROM approvals a
WHERE a.tenant = $4::integer AND a.state = 'PENDING' AND a.expires_at > now() AND a.id < $1::uuid
      AND a.action = ANY ($3::text[])
ORDER BY a.id DESC LIMIT $2::bigint
