-- The feed of outcomes (src/feed): what was decided in the lanes, and what was changed of their accounts.
--
-- A position in a lane is (seq, nth): the decision at seq is (seq, 0), and the changes made after it and before the next
-- decision are (seq, 1), (seq, 2), ... Both are written under the lane's apply lock, so that a snapshot sees a beginning
-- of that order without gaps.

-- record: told
-- columns: lane int4, seq int8, nth int4, told_at timestamptz, account_id uuid, kind text, event_id uuid?, is_first bool?,
--   net_cents int8?, balance_after_cents int8?, held_after_cents int8?, failure_code text?, failure_reason text?,
--   dead_letter_id uuid?, transaction_id uuid?, first_account_id uuid?, amount_cents int8?, currency text?, type text?,
--   idempotency_key text?, legs text?, reference text?, metadata text?, parent_id uuid?, previous_id uuid?, reason text?,
--   occurred_at timestamptz?, created_at timestamptz?, change_number int4?, changed_before text?, changed_after text?,
--   changed_by text?, tenant int4, tenant_name text?
-- kind: of the decision, or CHANGED. A decision has what stands from event_id on, a change its reason and what stands from
-- change_number on. tenant: of the account; tenant_name: NULL for the default one.

-- name: ends
-- args: lanes int4[]
-- row: lane int4, seq int8, nth int4
-- Where the lanes end now.
SELECT l.lane, d.seq, coalesce((SELECT nth FROM account_changes WHERE lane = l.lane AND applied_seq = d.seq
                                ORDER BY nth DESC LIMIT 1), 0) AS nth
FROM unnest($1::integer[]) AS l (lane)
     CROSS JOIN LATERAL (SELECT coalesce((SELECT seq FROM decisions WHERE lane = l.lane ORDER BY seq DESC LIMIT 1), 0)
                                    AS seq OFFSET 0) d
ORDER BY l.lane

-- name: read
-- args: lanes int4[], seqs int8[], nths int4[], rows_max int8, bytes_max int8
-- row: told
-- What follows the positions in their lanes: rows_max divided by the lanes in which there is something, at least one row
-- of each, and no more than fit into bytes_max. The lanes are merged by time; where the times of a lane do not rise, its
-- order counts.
WITH lane AS MATERIALIZED (
    SELECT p.lane, p.seq, p.nth
    FROM unnest($1::integer[], $2::bigint[], $3::integer[]) AS p (lane, seq, nth)
    WHERE (SELECT seq FROM decisions WHERE lane = p.lane AND seq > p.seq ORDER BY seq LIMIT 1) IS NOT NULL
       OR (SELECT (applied_seq, nth) > (p.seq, p.nth) FROM account_changes WHERE lane = p.lane
           ORDER BY applied_seq DESC, nth DESC LIMIT 1)
), share AS MATERIALIZED (
    SELECT greatest($4::bigint / greatest(count(*), 1), 1) AS rows FROM lane
), told AS MATERIALIZED (
    SELECT t.*, max(t.told_at) OVER (PARTITION BY t.lane ORDER BY t.seq, t.nth) AS merged_at
    FROM lane l CROSS JOIN share CROSS JOIN LATERAL (
        (SELECT lane, seq, 0 AS nth, processed_at AS told_at, account_id, kind, amount_cents AS net_cents,
                balance_after_cents, held_after_cents, failure_code, failure_reason, dead_letter_id, transaction_id,
                NULL::integer AS change_number, NULL::text AS changed_before, NULL::text AS changed_after,
                NULL::text AS changed_by, NULL::text AS change_reason,
                NULL::integer AS changed_tenant
         FROM decisions WHERE lane = l.lane AND seq > l.seq ORDER BY seq LIMIT share.rows)
        UNION ALL
        (SELECT lane, applied_seq, nth, changed_at, account_id, 'CHANGED', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                number, before::text, after::text, changed_by, reason,
                (SELECT tenant FROM account_settings WHERE id = account_id)
         FROM account_changes WHERE lane = l.lane AND (applied_seq, nth) > (l.seq, l.nth)
         ORDER BY applied_seq, nth LIMIT share.rows)
        ORDER BY seq, nth LIMIT share.rows) t
)
SELECT {told}
FROM (SELECT told.*, event_id, is_first, first_account_id, amount_cents, currency, type, idempotency_key, legs, reference,
             metadata, parent_id, previous_id, coalesce(reason, change_reason) AS reason, occurred_at, created_at,
             coalesce(tenant, changed_tenant) AS tenant,
             (SELECT name FROM tenants WHERE id = nullif(coalesce(tenant, changed_tenant), 0)) AS tenant_name,
             sum(coalesce(octet_length(legs), 0) + coalesce(octet_length(metadata), 0)
                 + coalesce(octet_length(changed_before), 0) + coalesce(octet_length(changed_after), 0))
                 OVER (ORDER BY merged_at, lane, seq, nth ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
      FROM told LEFT JOIN LATERAL asked_at(told.lane, told.seq) ON told.nth = 0) sized
WHERE coalesce(bytes_before, 0) <= $5::bigint
ORDER BY merged_at, lane, seq, nth

-- name: read_account
-- args: account_id uuid, seq int8, nth int4, rows_max int8, bytes_max int8, tenant int4
-- row: told
-- The same of one account, whose lane the position is in.
WITH told AS MATERIALIZED (
    (SELECT lane, seq, 0 AS nth, processed_at AS told_at, account_id, kind, amount_cents AS net_cents,
            balance_after_cents, held_after_cents, failure_code, failure_reason, dead_letter_id, transaction_id,
            NULL::integer AS change_number, NULL::text AS changed_before, NULL::text AS changed_after,
            NULL::text AS changed_by, NULL::text AS change_reason,
            NULL::integer AS changed_tenant
     FROM decisions WHERE account_id = own_account($1::uuid, $6::integer) AND seq > $2::bigint ORDER BY seq LIMIT $4::bigint)
    UNION ALL
    (SELECT lane, applied_seq, nth, changed_at, account_id, 'CHANGED', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            number, before::text, after::text, changed_by, reason,
            (SELECT tenant FROM account_settings WHERE id = account_id)
     FROM account_changes WHERE account_id = own_account($1, $6) AND (applied_seq, nth) > ($2, $3::integer)
     ORDER BY applied_seq, nth LIMIT $4)
    ORDER BY seq, nth LIMIT $4
)
SELECT {told}
FROM (SELECT told.*, event_id, is_first, first_account_id, amount_cents, currency, type, idempotency_key, legs, reference,
             metadata, parent_id, previous_id, coalesce(reason, change_reason) AS reason, occurred_at, created_at,
             coalesce(tenant, changed_tenant) AS tenant,
             (SELECT name FROM tenants WHERE id = nullif(coalesce(tenant, changed_tenant), 0)) AS tenant_name,
             sum(coalesce(octet_length(legs), 0) + coalesce(octet_length(metadata), 0)
                 + coalesce(octet_length(changed_before), 0) + coalesce(octet_length(changed_after), 0))
                 OVER (ORDER BY seq, nth ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
      FROM told LEFT JOIN LATERAL asked_at(told.lane, told.seq) ON told.nth = 0) sized
WHERE coalesce(bytes_before, 0) <= $5::bigint
ORDER BY seq, nth

-- name: has_few_accounts
-- args: tenant int4, accounts_max int8
-- row: few bool
SELECT count(*) <= $2::bigint AS few
FROM (SELECT FROM account_settings WHERE tenant = $1::integer ORDER BY id LIMIT $2::bigint + 1) found

-- name: read_tenant
-- args: lanes int4[], seqs int8[], nths int4[], rows_max int8, bytes_max int8, tenant int4, accounts_max int8
-- row: told
-- The same of a tenant that has no more than accounts_max accounts: account by account, so that the outcomes of others are
-- not passed over. Each account has its share of rows_max. What lies in a lane beyond the end of an account that may have
-- more is left to the next call.
WITH account AS MATERIALIZED (
    SELECT a.id, p.lane, p.seq, p.nth
    FROM (SELECT id, lane FROM account_settings WHERE tenant = $6::integer ORDER BY id LIMIT $7::bigint) a
         JOIN unnest($1::integer[], $2::bigint[], $3::integer[]) AS p (lane, seq, nth) ON p.lane = a.lane
), share AS MATERIALIZED (
    SELECT greatest($4::bigint / greatest(count(*), 1), 1) AS rows FROM account
), read AS MATERIALIZED (
    SELECT t.*, ARRAY[t.seq, t.nth] AS at, row_number() OVER (PARTITION BY t.account_id ORDER BY t.seq, t.nth) AS of_account
    FROM account a CROSS JOIN share CROSS JOIN LATERAL (
        (SELECT lane, seq, 0 AS nth, processed_at AS told_at, account_id, kind, amount_cents AS net_cents,
                balance_after_cents, held_after_cents, failure_code, failure_reason, dead_letter_id, transaction_id,
                NULL::integer AS change_number, NULL::text AS changed_before, NULL::text AS changed_after,
                NULL::text AS changed_by, NULL::text AS change_reason
         FROM decisions WHERE account_id = a.id AND seq > a.seq ORDER BY seq LIMIT share.rows)
        UNION ALL
        (SELECT lane, applied_seq, nth, changed_at, account_id, 'CHANGED', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                number, before::text, after::text, changed_by, reason
         FROM account_changes WHERE account_id = a.id AND (applied_seq, nth) > (a.seq, a.nth)
         ORDER BY applied_seq, nth LIMIT share.rows)
        ORDER BY seq, nth LIMIT share.rows) t
), cut AS MATERIALIZED (
    SELECT r.lane, min(r.at) AS at FROM read r JOIN share ON r.of_account = share.rows GROUP BY r.lane
), told AS MATERIALIZED (
    SELECT r.*, max(r.told_at) OVER (PARTITION BY r.lane ORDER BY r.seq, r.nth) AS merged_at
    FROM read r LEFT JOIN cut c ON c.lane = r.lane WHERE c.at IS NULL OR r.at <= c.at
)
SELECT {told}
FROM (SELECT told.*, event_id, is_first, first_account_id, amount_cents, currency, type, idempotency_key, legs, reference,
             metadata, parent_id, previous_id, coalesce(reason, change_reason) AS reason, occurred_at, created_at,
             $6::integer AS tenant, (SELECT name FROM tenants WHERE id = nullif($6, 0)) AS tenant_name,
             sum(coalesce(octet_length(legs), 0) + coalesce(octet_length(metadata), 0)
                 + coalesce(octet_length(changed_before), 0) + coalesce(octet_length(changed_after), 0))
                 OVER (ORDER BY merged_at, told.lane, seq, nth ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
      FROM told LEFT JOIN LATERAL asked_at(told.lane, told.seq) ON told.nth = 0) sized
WHERE coalesce(bytes_before, 0) <= $5::bigint
ORDER BY merged_at, lane, seq, nth

-- The topic of outcomes ----------------------------------------------------------------------------------------------

-- name: leases
-- args: owner text
-- row: lane int4, epoch int8, told_seq int8?, told_nth int4?
-- The lanes that this publisher holds, and how far the topic has each. NULL: the topic was never told of the lane.
SELECT p.lane, p.epoch, o.told_seq, o.told_nth
FROM lane_publish p LEFT JOIN lane_outcomes o ON o.lane = p.lane
WHERE p.owner = $1 ORDER BY p.lane

-- name: note_told
-- args: owner text, lanes int4[], epochs int8[], seqs int8[], nths int4[]
-- Of lanes that are no longer held under that epoch nothing is written.
INSERT INTO lane_outcomes AS known (lane, told_seq, told_nth)
SELECT n.lane, n.seq, n.nth
FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::integer[]) AS n (lane, epoch, seq, nth)
     JOIN lane_publish p ON p.lane = n.lane AND p.owner = $1 AND p.epoch = n.epoch
ON CONFLICT (lane) DO UPDATE SET told_seq = excluded.told_seq, told_nth = excluded.told_nth

-- name: lag
-- row: outcomes int8, oldest_age_ms int8
-- Decisions that the topic does not have, of all lanes that it was ever told of.
SELECT coalesce(sum(greatest(e.seq - o.told_seq, 0)), 0)::bigint AS outcomes,
       coalesce((extract(epoch FROM clock_timestamp() - min(d.processed_at)) * 1000)::bigint, 0) AS oldest_age_ms
FROM lane_outcomes o
     CROSS JOIN LATERAL (SELECT coalesce((SELECT seq FROM decisions WHERE lane = o.lane ORDER BY seq DESC LIMIT 1), 0)
                             AS seq OFFSET 0) e
     LEFT JOIN LATERAL (SELECT processed_at FROM decisions WHERE lane = o.lane AND seq = o.told_seq + 1 LIMIT 1) d ON true
