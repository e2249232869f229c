-- The keys that the API takes, and their upkeep (src/api). They are few: at most keys_max are in force at a time.

-- record: key
-- columns: id uuid, name text, scopes jsonb, networks jsonb, amount_cents_max int8?, may_overdraw bool,
--   may_credit_external bool, requests_per_second int4?, transactions_per_second int4?, expires_at timestamptz?,
--   created_at timestamptz, revoked_at timestamptz?, last_used_at timestamptz?, previous_ends_at timestamptz?
-- A key, without its secrets. scopes, networks: arrays. previous_ends_at: until when the secret before the latest one is
-- taken as well; NULL when it is not.

-- record: tenant
-- columns: id int8, name text, created_at timestamptz, requests_per_second int4?, transactions_per_second int4?,
--   request_kib_per_second int4?, waiters_max int4?, shared bool?
-- A tenant and its limits; NULL: no limit. shared: they are those of all instances together.

-- name: tenants
-- row: tenant
SELECT t.id::bigint AS id, t.name, t.created_at, l.requests_per_second, l.transactions_per_second, l.request_kib_per_second,
       l.waiters_max, l.shared
FROM tenants t LEFT JOIN tenant_limits l ON l.tenant = t.id
ORDER BY t.id

-- name: in_force
-- row: id uuid, name text, scopes jsonb, networks jsonb, amount_cents_max int8?, may_overdraw bool,
--   may_credit_external bool, requests_per_second int4?, transactions_per_second int4?, ends_at timestamptz?,
--   tenant int4, tenant_name text, number int4, salt bytea, hash bytea
-- Each secret that is taken now, newest first within its key. ends_at: of the secret or of its key, whichever ends first.
SELECT k.id, k.name, to_jsonb(k.scopes) AS scopes, to_jsonb(k.networks) AS networks, k.amount_cents_max, k.may_overdraw,
       k.may_credit_external, k.requests_per_second, k.transactions_per_second, least(k.expires_at, s.ends_at) AS ends_at,
       k.tenant, t.name AS tenant_name, s.number, s.salt, s.hash
FROM api_keys k JOIN tenants t ON t.id = k.tenant JOIN api_key_secrets s ON s.key_id = k.id
WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()) AND (s.ends_at IS NULL OR s.ends_at > now())
ORDER BY k.id, s.number DESC

-- name: exist
-- row: there bool
-- Whether there is a key, in force or not: once there was one, nobody is let in without.
SELECT EXISTS (SELECT FROM api_keys) AS there

-- name: lock
-- args: none
-- Keys are made and changed one at a time.
LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE

-- name: create
-- args: id uuid, name text, scopes text[], networks text[], amount_cents_max int8?, may_overdraw bool,
--   may_credit_external bool, requests_per_second int8?, transactions_per_second int8?, expires_at timestamptz?,
--   salt bytea, hash bytea, keys_max int8, must_be_admin bool, tenant int4
-- row: obstacle text?, made bool
-- obstacle: why there is no such key now. Does nothing when an earlier run made it. must_be_admin: the first key must, in the default tenant.
WITH wanted AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM api_keys WHERE id = $1::uuid) AS known,
           CASE WHEN EXISTS (SELECT FROM api_keys WHERE tenant = $15::integer AND name = $2::text AND revoked_at IS NULL AND id <> $1::uuid)
                THEN 'name_taken'
                WHEN (SELECT count(*) FROM api_keys WHERE revoked_at IS NULL AND id <> $1::uuid) >= $13::bigint
                THEN 'too_many_keys'
                WHEN $14::boolean AND ('admin' <> ALL ($3::text[]) OR $15 <> 0) AND NOT EXISTS (SELECT FROM api_keys)
                THEN 'first_key_not_admin' END AS obstacle
), made AS (
    INSERT INTO api_keys (id, tenant, name, scopes, networks, amount_cents_max, may_overdraw, may_credit_external,
                          requests_per_second, transactions_per_second, expires_at, created_at)
    SELECT $1::uuid, $15, $2::text, $3::text[], $4::text[], $5::bigint, $6::boolean, $7::boolean, $8::bigint, $9::bigint,
           $10::timestamptz, now()
    FROM wanted WHERE obstacle IS NULL AND NOT known
    RETURNING id
), secret AS (
    INSERT INTO api_key_secrets (key_id, number, salt, hash, created_at)
    SELECT id, 1, $11::bytea, $12::bytea, now() FROM made
)
SELECT obstacle, EXISTS (SELECT FROM made) AS made FROM wanted

-- name: revoke
-- args: id uuid, tenant int4
-- row: revoked bool
-- Whether this changed anything.
WITH revoked AS (
    UPDATE api_keys SET revoked_at = now() WHERE id = $1::uuid AND tenant = $2::integer AND revoked_at IS NULL RETURNING id
)
SELECT EXISTS (SELECT FROM revoked) AS revoked

-- name: rotate
-- args: id uuid, salt bytea, hash bytea, overlap_s int8, tenant int4
-- row: obstacle text?, made bool
-- Gives the key a new secret, and the one before it an end. While two are taken, the newer one is replaced if it was
-- never used: its rotation's answer may have been lost. Does nothing when an earlier run made the secret.
WITH taken AS MATERIALIZED (
    SELECT s.number, s.last_used_at, row_number() OVER (ORDER BY s.number DESC) AS nth
    FROM api_key_secrets s WHERE s.key_id = $1::uuid AND (s.ends_at IS NULL OR s.ends_at > now())
), wanted AS MATERIALIZED (
    SELECT k.id, EXISTS (SELECT FROM api_key_secrets WHERE key_id = k.id AND hash = $3::bytea) AS known,
           CASE WHEN k.revoked_at IS NOT NULL OR k.expires_at <= now() THEN 'key_ended'
                WHEN (SELECT count(*) FROM taken) > 1 AND (SELECT last_used_at FROM taken WHERE nth = 1) IS NOT NULL
                THEN 'rotation_under_way' END AS obstacle
    FROM api_keys k WHERE k.id = $1::uuid AND k.tenant = $5::integer
), ended AS (
    UPDATE api_key_secrets s
    SET ends_at = CASE WHEN (SELECT count(*) FROM taken) > 1 THEN now()
                       ELSE now() + make_interval(secs => $4::bigint) END
    FROM wanted w, taken t
    WHERE w.obstacle IS NULL AND NOT w.known AND s.key_id = w.id AND t.nth = 1 AND s.number = t.number
), made AS (
    INSERT INTO api_key_secrets (key_id, number, salt, hash, created_at)
    SELECT w.id, 1 + (SELECT max(number) FROM api_key_secrets WHERE key_id = w.id), $2::bytea, $3::bytea, now()
    FROM wanted w WHERE w.obstacle IS NULL AND NOT w.known
    RETURNING number
)
SELECT CASE WHEN known THEN NULL ELSE obstacle END AS obstacle, EXISTS (SELECT FROM made) AS made FROM wanted

-- name: by_id
-- args: id uuid, tenant int4
-- row: key
SELECT k.id, k.name, to_jsonb(k.scopes) AS scopes, to_jsonb(k.networks) AS networks, k.amount_cents_max, k.may_overdraw,
       k.may_credit_external, k.requests_per_second, k.transactions_per_second, k.expires_at, k.created_at, k.revoked_at,
       s.last_used_at, s.previous_ends_at
FROM api_keys k
     CROSS JOIN LATERAL (SELECT max(last_used_at) AS last_used_at,
                                max(ends_at) FILTER (WHERE ends_at > now()) AS previous_ends_at
                         FROM api_key_secrets WHERE key_id = k.id) s
WHERE k.id = $1::uuid AND k.tenant = $2::integer

-- name: page
-- args: before uuid, rows_max int8, tenant int4
-- row: key
SELECT k.id, k.name, to_jsonb(k.scopes) AS scopes, to_jsonb(k.networks) AS networks, k.amount_cents_max, k.may_overdraw,
       k.may_credit_external, k.requests_per_second, k.transactions_per_second, k.expires_at, k.created_at, k.revoked_at,
       s.last_used_at, s.previous_ends_at
FROM (SELECT * FROM api_keys WHERE (tenant, id) < ($3::integer, $1::uuid) AND tenant >= $3
      ORDER BY tenant DESC, id DESC LIMIT $2::bigint) k
     CROSS JOIN LATERAL (SELECT max(last_used_at) AS last_used_at,
                                max(ends_at) FILTER (WHERE ends_at > now()) AS previous_ends_at
                         FROM api_key_secrets WHERE key_id = k.id) s
ORDER BY k.id DESC

-- name: touch
-- args: key_ids uuid[], numbers int4[]
-- These secrets were used since the last time.
UPDATE api_key_secrets s SET last_used_at = now()
FROM unnest($1::uuid[], $2::integer[]) AS used (key_id, number)
WHERE s.key_id = used.key_id AND s.number = used.number
  AND (s.last_used_at IS NULL OR s.last_used_at < now() - interval '55 seconds')

-- The audit ----------------------------------------------------------------------------------------------------------

-- record: audited
-- columns: id uuid, at timestamptz, action text, subject text, key_id text?, operator_name text?, peer text,
--   request_id text, reason text?, before jsonb?, after jsonb?, chain int4, number int8, hash text
-- A row of the audit. hash: in hexadecimal digits.

-- name: audit_key
-- args: key uuid, audit_id uuid, action text, key_id text?, operator_name text?, peer text, request_id text,
--   reason text?, tenant int4
-- row: number int8
-- A change of a key, as the key is now.
SELECT append_audit(ROW(0, 0, $2::uuid, NULL, $3::text, k.id::text, $4::text, $5::text, $6::text, $7::text, $8::text,
                        NULL,
                        jsonb_build_object('name', k.name, 'scopes', k.scopes, 'networks', k.networks,
                                           'amount_cents_max', k.amount_cents_max, 'may_overdraw', k.may_overdraw,
                                           'may_credit_external', k.may_credit_external,
                                           'requests_per_second', k.requests_per_second,
                                           'transactions_per_second', k.transactions_per_second,
                                           'expires_at', k.expires_at, 'revoked_at', k.revoked_at,
                                           'secret', (SELECT max(number) FROM api_key_secrets WHERE key_id = k.id)),
                        '', k.tenant)::audit) AS number
FROM api_keys k WHERE k.id = $1::uuid AND k.tenant = $9::integer

-- name: audit_account
-- args: account_id uuid, audit_id uuid, key_id text?, operator_name text?, peer text, request_id text,
--   tenant int4
-- row: number int8
-- An account that was made. Metadata can be erased, so it is in no chain.
SELECT append_audit(ROW(s.lane, 0, $2::uuid, NULL, 'account_created', s.id::text, $3::text, $4::text, $5::text, $6::text,
                        NULL, NULL,
                        jsonb_build_object('currency', s.currency, 'reference', s.reference,
                                           'min_balance_cents', s.min_balance_cents,
                                           'max_balance_cents', s.max_balance_cents),
                        '', s.tenant)::audit) AS number
FROM account_settings s WHERE s.id = $1::uuid AND s.tenant = $7::integer

-- name: audit_refusals
-- args: ids uuid[], wanted text[], key_ids text?[], peers text[], request_ids text[], codes text[], counts int8[]
-- row: number int8
-- Those who were not let in: counts says how often, from the same address, for the same reason. In the audit of their key's
-- tenant, if it is known.
SELECT append_audit(ROW(0, 0, r.id, NULL, 'login_refused', r.wanted, r.key_id, NULL, r.peer, r.request_id, NULL, NULL,
                        jsonb_build_object('code', r.code, 'count', r.refused), '', coalesce(k.tenant, 0))::audit) AS number
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[])
     AS r (id, wanted, key_id, peer, request_id, code, refused)
     LEFT JOIN api_keys k ON k.id::text = r.key_id

-- name: audit_page
-- args: before uuid, rows_max int8, bytes_max int8, tenant int4
-- row: audited
SELECT id, at, action, subject, key_id, operator AS operator_name, peer, request_id, reason, before, after, chain, number,
       encode(hash, 'hex') AS hash
FROM (SELECT a.*, sum(coalesce(octet_length(a.before::text), 0) + coalesce(octet_length(a.after::text), 0)) OVER earlier
                  AS bytes_before
      FROM (SELECT * FROM audit WHERE (tenant, id) < ($4::integer, $1::uuid) AND tenant >= $4
            ORDER BY tenant DESC, id DESC LIMIT $2::bigint) a
      WINDOW earlier AS (ORDER BY a.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: audit_of_subject
-- args: before uuid, rows_max int8, bytes_max int8, subject text, tenant int4
-- row: audited
SELECT id, at, action, subject, key_id, operator AS operator_name, peer, request_id, reason, before, after, chain, number,
       encode(hash, 'hex') AS hash
FROM (SELECT a.*, sum(coalesce(octet_length(a.before::text), 0) + coalesce(octet_length(a.after::text), 0)) OVER earlier
                  AS bytes_before
      FROM (SELECT * FROM audit WHERE tenant = $5::integer AND id < $1::uuid AND subject = $4::text
            ORDER BY id DESC LIMIT $2::bigint) a
      WINDOW earlier AS (ORDER BY a.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: audit_of_key
-- args: before uuid, rows_max int8, bytes_max int8, key_id text, tenant int4
-- row: audited
SELECT id, at, action, subject, key_id, operator AS operator_name, peer, request_id, reason, before, after, chain, number,
       encode(hash, 'hex') AS hash
FROM (SELECT a.*, sum(coalesce(octet_length(a.before::text), 0) + coalesce(octet_length(a.after::text), 0)) OVER earlier
                  AS bytes_before
      FROM (SELECT * FROM audit WHERE tenant = $5::integer AND id < $1::uuid AND key_id = $4::text
            ORDER BY id DESC LIMIT $2::bigint) a
      WINDOW earlier AS (ORDER BY a.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- Tenants ------------------------------------------------------------------------------------------------------------

-- name: lock_tenants
-- args: none
-- Tenants are made one at a time: under the lock of the audit's chain that tells of them.
SELECT FROM audit_chains WHERE chain = 0 FOR NO KEY UPDATE

-- name: create_tenant
-- args: name text, tenants_max int8
-- row: made bool
-- Makes the tenant unless it is there, or there are too many. A statement of its own after the lock.
WITH made AS (
    INSERT INTO tenants (id, name, created_at)
    SELECT (SELECT max(id) + 1 FROM tenants), $1::text, now()
    WHERE NOT EXISTS (SELECT FROM tenants WHERE name = $1::text) AND (SELECT count(*) FROM tenants) < $2::bigint
    RETURNING id
)
SELECT EXISTS (SELECT FROM made) AS made

-- name: tenant_by_name
-- args: name text
-- row: tenant
SELECT t.id::bigint AS id, t.name, t.created_at, l.requests_per_second, l.transactions_per_second, l.request_kib_per_second,
       l.waiters_max, l.shared
FROM tenants t LEFT JOIN tenant_limits l ON l.tenant = t.id
WHERE t.name = $1::text

-- name: audit_tenant
-- args: name text, audit_id uuid, key_id text?, operator_name text?, peer text, request_id text
-- row: number int8
SELECT append_audit(ROW(0, 0, $2::uuid, NULL, 'tenant_created', $1::text, $3::text, $4::text, $5::text, $6::text, NULL,
                        NULL, jsonb_build_object('name', $1::text), '', 0)::audit) AS number

-- name: limit_tenant
-- args: name text, requests_per_second int4?, transactions_per_second int4?, request_kib_per_second int4?,
--   waiters_max int4?, shared bool, audit_id uuid, key_id text?, operator_name text?, peer text, request_id text
-- row: number int8
-- Gives the tenant these limits. No row when it has them, or is not there. After the lock.
WITH wanted AS MATERIALIZED (
    SELECT t.id, t.name, to_jsonb(l) - 'tenant' AS before,
           jsonb_build_object('requests_per_second', $2::integer, 'transactions_per_second', $3::integer,
                              'request_kib_per_second', $4::integer, 'waiters_max', $5::integer,
                              'shared', $6::boolean) AS after
    FROM tenants t LEFT JOIN tenant_limits l ON l.tenant = t.id WHERE t.name = $1::text
), changed AS (
    INSERT INTO tenant_limits (tenant, requests_per_second, transactions_per_second, request_kib_per_second, waiters_max,
                               shared)
    SELECT id, $2::integer, $3::integer, $4::integer, $5::integer, $6::boolean FROM wanted WHERE before IS DISTINCT FROM after
    ON CONFLICT (tenant) DO UPDATE
    SET requests_per_second = excluded.requests_per_second, transactions_per_second = excluded.transactions_per_second,
        request_kib_per_second = excluded.request_kib_per_second, waiters_max = excluded.waiters_max,
        shared = excluded.shared
    RETURNING tenant
)
SELECT append_audit(ROW(0, 0, $7::uuid, NULL, 'tenant_limited', w.name, $8::text, $9::text, $10::text, $11::text, NULL,
                        w.before, w.after, '', 0)::audit) AS number
FROM wanted w WHERE EXISTS (SELECT FROM changed)

-- name: lease_limits
-- args: instance uuid
-- row: instances int8
-- This instance lives, as others see for 5 seconds. How many live, it among them.
WITH gone AS (
    DELETE FROM limit_leases WHERE instance <> $1::uuid AND seen_at < now() - interval '1 minute'
), renewed AS (
    INSERT INTO limit_leases (instance, seen_at) VALUES ($1::uuid, now())
    ON CONFLICT (instance) DO UPDATE SET seen_at = excluded.seen_at
)
SELECT 1 + count(*) AS instances FROM limit_leases WHERE instance <> $1::uuid AND seen_at > now() - interval '5 seconds'

-- name: leave_limits
-- args: instance uuid
DELETE FROM limit_leases WHERE instance = $1::uuid

-- name: tenants_page
-- args: before int8, rows_max int8
-- row: tenant
SELECT t.id::bigint AS id, t.name, t.created_at, l.requests_per_second, l.transactions_per_second, l.request_kib_per_second,
       l.waiters_max, l.shared
FROM (SELECT * FROM tenants WHERE id < $1::bigint ORDER BY id DESC LIMIT $2::bigint) t
     LEFT JOIN tenant_limits l ON l.tenant = t.id
ORDER BY t.id DESC
