-- What the API reads and writes, apart from accepting transactions (src/api).
--
-- Pages are read newest first: the rows before a position, which is the greatest possible id for the first page. The
-- page itself is read from an index; whatever else belongs to its rows is looked up row by row (LATERAL ... LIMIT 1),
-- so that the cost depends on the length of the page, not on the size of the tables. A page of large rows ends early: a
-- row is returned if those before its predecessor hold no more than the page's bytes, so that there is always one row
-- beyond the page if one exists.
--
-- tenant: whose the call is. What belongs to another one is as if it were not there. A tenant's lists say
-- "(tenant, id) < (tenant, before) AND tenant >= tenant" and "ORDER BY tenant DESC, id DESC": no index but the tenant's
-- own gives that order, so that the rows of others are never passed over.

-- record: account
-- columns: id uuid, reference text?, currency text, balance_cents int8, held_cents int8,
--   available_cents int8, min_balance_cents int8, max_balance_cents int8?, status text,
--   metadata jsonb?, lane int4, created_at timestamptz, updated_at timestamptz
-- An account. metadata: an object.

-- record: transaction
-- columns: id uuid, account_id uuid, amount_cents int8, currency text, type text, status text, idempotency_key text,
--   legs jsonb?, reference text?, metadata jsonb?, hold_id uuid?, reverses uuid?, reversed_cents int8, reason text?,
--   previous_id uuid?, occurred_at timestamptz?, failure_code text?, failure_reason text?, dead_letter_id uuid?,
--   lane int4, seq int8, created_at timestamptz, updated_at timestamptz
-- A transaction. account_id: the first that it touches. legs: of a transfer, capture or reversal, an array. metadata: an
-- object. reversed_cents: by all reversals of it. lane, seq: the place of the event that decided it or will decide it.

-- record: hold
-- columns: id uuid, account_id uuid, to_account_id uuid?, amount_cents int8, currency text, status text, state text,
--   captured_cents int8, released_cents int8, expires_at timestamptz, idempotency_key text, reference text?,
--   metadata jsonb?, failure_code text?, failure_reason text?, created_at timestamptz
-- A hold. status: of its transaction.

-- record: lane
-- columns: lane int4, last_seq int8, published_seq int8, applied_seq int8, owner text?, lease_expires_at timestamptz?,
--   oldest_waiting_age_ms int8?, publish_attempts int4, last_error text?, failing_seq int8?, attempts int4,
--   publish_halt_seq int8?, publish_halt_code text?, publish_halt_reason text?, publish_halted_at timestamptz?,
--   apply_halt_seq int8?, apply_halt_code text?, apply_halt_reason text?, apply_halted_at timestamptz?,
--   wait_lane int4?, wait_seq int8?, wait_event_id uuid?, wait_reason text?
-- A lane. oldest_waiting_age_ms: of the event after applied_seq. A stage that is not halted has no halt columns, and a lane
-- that waits for no other one no wait columns.

-- name: ping
-- args: none
SELECT 1

-- Accounts -----------------------------------------------------------------------------------------------------------

-- name: claim_account_key
-- args: idempotency_key text?, account_id uuid, request jsonb, tenant int4
-- Waits for any transaction that is inserting the same key. Does nothing without a key, or when it is taken.
INSERT INTO account_keys (tenant, idempotency_key, account_id, request, created_at)
SELECT $4::integer, $1::text, $2::uuid, $3::jsonb, now() WHERE $1::text IS NOT NULL
ON CONFLICT (tenant, idempotency_key) DO NOTHING

-- name: account_of_key
-- args: idempotency_key text?, request jsonb, tenant int4
-- row: account_id uuid, same_request bool
-- The account that has the key, and whether the same request took it.
SELECT account_id, request = $2::jsonb AS same_request FROM account_keys
WHERE tenant = $3::integer AND idempotency_key = $1::text

-- name: create_account
-- args: id uuid, currency text, reference text?, min_balance_cents int8, metadata jsonb?,
--   idempotency_key text?, max_balance_cents int8?, tenant int4
-- row: account
-- Returns nothing when the id (from an earlier run) or the reference already exists, or the key belongs to another
-- account.
INSERT INTO account_settings (id, tenant, currency, reference, min_balance_cents, max_balance_cents, metadata, lane,
                              created_at, updated_at)
SELECT $1::uuid, $8::integer, $2::text, $3::text, $4::bigint, $7::bigint, $5::jsonb, lane_of($1::uuid), now(), now()
WHERE $6::text IS NULL OR EXISTS (SELECT FROM account_keys
                                  WHERE tenant = $8 AND idempotency_key = $6::text AND account_id = $1::uuid)
ON CONFLICT DO NOTHING
RETURNING id, reference, currency, 0::bigint AS balance_cents, 0::bigint AS held_cents,
          0::bigint AS available_cents, min_balance_cents, max_balance_cents, status, metadata, lane, created_at, updated_at

-- name: account_by_id
-- args: id uuid, tenant int4
-- row: account
SELECT {account}
FROM accounts WHERE id = $1::uuid AND tenant = $2::integer

-- name: account_by_reference
-- args: reference text?, status text?, before uuid, tenant int4
-- row: account
SELECT {account}
FROM accounts
WHERE tenant = $4::integer AND reference = $1::text AND ($2::text IS NULL OR status = $2) AND id < $3::uuid

-- name: accounts_page
-- args: before uuid, rows_max int8, bytes_max int8, tenant int4
-- row: account
SELECT {account}
FROM (SELECT {a.account}, sum(octet_length(a.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT id FROM account_settings WHERE (tenant, id) < ($4::integer, $1::uuid) AND tenant >= $4
            ORDER BY tenant DESC, id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM accounts WHERE id = page.id LIMIT 1) a
      WINDOW earlier AS (ORDER BY a.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: accounts_by_status
-- args: before uuid, rows_max int8, bytes_max int8, status text, tenant int4
-- row: account
SELECT {account}
FROM (SELECT {a.account}, sum(octet_length(a.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT id FROM account_settings WHERE tenant = $5::integer AND id < $1::uuid AND status = $4
            ORDER BY id DESC LIMIT $2::bigint) page
      CROSS JOIN LATERAL (SELECT * FROM accounts WHERE id = page.id LIMIT 1) a
      WINDOW earlier AS (ORDER BY a.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $3::bigint
ORDER BY id DESC

-- name: lock_apply_lane_of_account
-- args: id uuid, tenant int4
-- row: lane int4
-- A change to what decisions depend on is made under the lane's apply lock: earlier decisions do not know of it, and
-- all later ones do.
SELECT lane FROM lane_apply WHERE lane = lane_of(own_account($1::uuid, $2::integer)) FOR NO KEY UPDATE

-- name: change_account
-- args: id uuid, status text?, min_balance_cents int8?, sets_ceiling bool, max_balance_cents int8?, sets_metadata bool,
--   metadata jsonb?, reason text?, changed_by text, operator_name text?, key_id text?, request_id text,
--   audit_id uuid, peer text, tenant int4
-- row: obstacle text?, audited int8?
-- Changes what is not NULL, or what is set, and records it with the lane's applied seq; obstacle: why not. Changes nothing
-- when all of it is so already. A statement of its own after the lane is locked. No row when there is no such account.
WITH known AS MATERIALIZED (
    SELECT a.id, a.lane, a.status, a.balance_cents, a.held_cents, a.min_balance_cents, a.max_balance_cents, a.metadata,
           coalesce($2::text, a.status) AS new_status, coalesce($3::bigint, a.min_balance_cents) AS new_min_balance_cents,
           CASE WHEN $4::boolean THEN $5::bigint ELSE a.max_balance_cents END AS new_max_balance_cents,
           CASE WHEN $6::boolean THEN $7::jsonb ELSE a.metadata END AS new_metadata, clock_timestamp() AS changed_at
    FROM accounts a WHERE a.id = $1::uuid AND a.tenant = $15::integer
), wanted AS MATERIALIZED (
    SELECT k.*, c.before, c.after,
           CASE WHEN c.before IS NULL THEN NULL
                WHEN k.status = 'CLOSED' THEN 'closed_is_final'
                WHEN k.new_max_balance_cents < k.new_min_balance_cents THEN 'limits_crossed'
                WHEN k.new_status = 'CLOSED' AND (k.balance_cents <> 0 OR k.held_cents <> 0)
                THEN 'account_not_empty' END AS obstacle
    FROM known k
         CROSS JOIN LATERAL (
             SELECT jsonb_object_agg(name, old) AS before, jsonb_object_agg(name, new) AS after
             FROM (VALUES ('status', to_jsonb(k.status), to_jsonb(k.new_status)),
                          ('min_balance_cents', to_jsonb(k.min_balance_cents), to_jsonb(k.new_min_balance_cents)),
                          ('max_balance_cents', to_jsonb(k.max_balance_cents), to_jsonb(k.new_max_balance_cents)),
                          ('metadata', k.metadata, k.new_metadata)) AS v (name, old, new)
             WHERE old IS DISTINCT FROM new) c
), changed AS (
    UPDATE account_settings s
    SET status = w.new_status, min_balance_cents = w.new_min_balance_cents, max_balance_cents = w.new_max_balance_cents,
        metadata = w.new_metadata, updated_at = w.changed_at
    FROM wanted w WHERE s.id = w.id AND w.obstacle IS NULL AND w.before IS NOT NULL
), recorded AS (
    INSERT INTO account_changes (account_id, number, lane, applied_seq, before, after, changed_at, changed_by, operator,
                                 key_fingerprint, reason, request_id)
    SELECT w.id, 1 + coalesce((SELECT max(number) FROM account_changes WHERE account_id = w.id), 0), w.lane,
           coalesce((SELECT seq FROM decisions WHERE lane = w.lane ORDER BY seq DESC LIMIT 1), 0), w.before, w.after,
           w.changed_at, $9::text, $10::text, $11::text, $8::text, $12::text
    FROM wanted w WHERE w.obstacle IS NULL AND w.before IS NOT NULL
)
SELECT obstacle,
       CASE WHEN obstacle IS NULL AND before IS NOT NULL
            THEN append_audit(ROW(lane, 0, $13::uuid, NULL, 'account_changed', id::text, $11::text, $10::text, $14::text,
                                  $12::text, $8::text, before - 'metadata',
                                  after - 'metadata' || CASE WHEN after ? 'metadata' THEN '{"metadata_changed": true}'
                                                             ELSE '{}' END::jsonb, '', $15)::audit) END AS audited
FROM wanted

-- name: account_changes_page
-- args: account_id uuid, before_number int8, rows_max int8, bytes_max int8, tenant int4
-- row: number int4, before jsonb, after jsonb, reason text?, changed_by text, operator_name text?, key_id text?,
--   request_id text, changed_at timestamptz, lane int4, applied_seq int8
SELECT number, before, after, reason, changed_by, operator AS operator_name, key_fingerprint AS key_id, request_id, changed_at,
       lane, applied_seq
FROM (SELECT c.*, sum(octet_length(c.before::text) + octet_length(c.after::text)) OVER earlier AS bytes_before
      FROM (SELECT * FROM account_changes WHERE account_id = own_account($1::uuid, $5::integer) AND number < $2::bigint
            ORDER BY number DESC LIMIT $3::bigint) c
      WINDOW earlier AS (ORDER BY c.number DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $4::bigint
ORDER BY number DESC

-- name: statement_period
-- args: account_id uuid, from_time timestamptz?, to_time timestamptz?, tenant int4
-- row: currency text, above_seq int8, upto_seq int8, opening_balance_cents int8, closing_balance_cents int8
-- The part of the account's lane that was decided from one time on and before another, and the balances before and after
-- it. Without a time: from the beginning, to what is decided now.
SELECT s.currency, p.above AS above_seq, p.upto AS upto_seq, coalesce(o.balance_after_cents, 0) AS opening_balance_cents,
       coalesce(c.balance_after_cents, 0) AS closing_balance_cents
FROM account_settings s
     CROSS JOIN LATERAL (SELECT CASE WHEN $2::timestamptz IS NULL THEN 0 ELSE decided_before(s.lane, $2) END AS above,
                                decided_before(s.lane, coalesce($3::timestamptz, 'infinity')) AS upto OFFSET 0) p
     LEFT JOIN LATERAL (SELECT balance_after_cents FROM decisions WHERE account_id = s.id AND seq <= p.above
                        ORDER BY seq DESC LIMIT 1) o ON true
     LEFT JOIN LATERAL (SELECT balance_after_cents FROM decisions WHERE account_id = s.id AND seq <= p.upto
                        ORDER BY seq DESC LIMIT 1) c ON true
WHERE s.id = $1::uuid AND s.tenant = $4::integer

-- record: entry
-- columns: transaction_id uuid, seq int8, type text, net_cents int8, balance_after_cents int8, idempotency_key text,
--   reference text?, processed_at timestamptz

-- name: entries_newest
-- args: account_id uuid, above_seq int8, upto_seq int8, rows_max int8, tenant int4
-- row: entry
SELECT {entry}
FROM (SELECT transaction_id, seq, amount_cents AS net_cents, balance_after_cents, processed_at FROM decisions
      WHERE account_id = own_account($1::uuid, $5::integer) AND kind = 'POSTED' AND seq > $2::bigint
        AND seq <= $3::bigint
      ORDER BY seq DESC LIMIT $4::bigint) o
CROSS JOIN LATERAL (SELECT type, idempotency_key, reference FROM accepted WHERE id = o.transaction_id LIMIT 1) t
ORDER BY o.seq DESC

-- name: entries_oldest
-- args: account_id uuid, above_seq int8, upto_seq int8, rows_max int8, tenant int4
-- row: entry
SELECT {entry}
FROM (SELECT transaction_id, seq, amount_cents AS net_cents, balance_after_cents, processed_at FROM decisions
      WHERE account_id = own_account($1::uuid, $5::integer) AND kind = 'POSTED' AND seq > $2::bigint
        AND seq <= $3::bigint
      ORDER BY seq LIMIT $4::bigint) o
CROSS JOIN LATERAL (SELECT type, idempotency_key, reference FROM accepted WHERE id = o.transaction_id LIMIT 1) t
ORDER BY o.seq

-- name: balance_at
-- args: account_id uuid, before timestamptz?, tenant int4
-- row: id uuid, currency text, balance_cents int8, held_cents int8, available_cents int8, last_decided_at timestamptz?
-- After all that was decided before the time; without one, now.
SELECT s.id, s.currency, coalesce(d.balance_after_cents, 0) AS balance_cents, coalesce(d.held_after_cents, 0) AS held_cents,
       coalesce(d.balance_after_cents - d.held_after_cents, 0) AS available_cents, d.processed_at AS last_decided_at
FROM account_settings s
     CROSS JOIN LATERAL (SELECT decided_before(s.lane, coalesce($2::timestamptz, 'infinity')) AS upto OFFSET 0) p
     LEFT JOIN LATERAL (SELECT balance_after_cents, held_after_cents, processed_at FROM decisions
                        WHERE account_id = s.id AND seq <= p.upto ORDER BY seq DESC LIMIT 1) d ON true
WHERE s.id = $1::uuid AND s.tenant = $3::integer

-- name: trial_balance
-- args: tenant int4
-- row: currency text, accounts int8, balance_cents text, held_cents text, external_cents text
-- Decimal digits, because a sum may exceed 64 bits. One snapshot; one probe of an index for each account.
SELECT s.currency, count(*) AS accounts, coalesce(sum(d.balance_after_cents), 0)::text AS balance_cents,
       coalesce(sum(d.held_after_cents), 0)::text AS held_cents,
       (-coalesce(sum(d.balance_after_cents), 0))::text AS external_cents
FROM account_settings s
     LEFT JOIN LATERAL (SELECT balance_after_cents, held_after_cents FROM decisions WHERE account_id = s.id
                        ORDER BY seq DESC LIMIT 1) d ON true
WHERE s.tenant = $1::integer
GROUP BY s.currency ORDER BY s.currency

-- name: accounts_by_references
-- args: references text[], tenant int4
-- row: reference text, id uuid
SELECT reference, id FROM account_settings WHERE tenant = $2::integer AND reference = ANY ($1::text[])

-- Transactions -------------------------------------------------------------------------------------------------------

-- name: transactions_by_id
-- args: ids uuid[], tenant int4
-- row: transaction
SELECT {s.transaction}
FROM (SELECT DISTINCT unnest($1::uuid[]) AS id) page
CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
WHERE s.tenant = $2::integer OR touches_tenant(s.id, $2)
ORDER BY s.id DESC

-- name: transaction_states_by_id
-- args: ids uuid[], tenant int8?
-- row: transaction
-- The same without metadata, for callers that know it or do not need it. tenant: NULL for the watcher, whose ids come from
-- intake.
SELECT {s.transaction - metadata}, NULL::jsonb AS metadata
FROM (SELECT DISTINCT unnest($1::uuid[]) AS id) page
CROSS JOIN LATERAL (SELECT {transaction - metadata}, tenant FROM transaction_states WHERE id = page.id LIMIT 1) s
WHERE $2::bigint IS NULL OR s.tenant = $2 OR touches_tenant(s.id, $2::integer)
ORDER BY s.id DESC

-- Lists in two steps. A scan reads at most scan_max rows in the list's order, from an index, and gives those that fit the
-- filters. If it read so many, it also says where it stopped: there the next page goes on, even if nothing fitted. So the
-- cost of a page is bounded however rare its rows are. The page's transactions are then looked up by their ids.

-- record: scanned_id
-- columns: id uuid?, position uuid, is_last bool
-- id: NULL if the row does not fit. position: for the cursor. is_last: the scan stopped here.

-- record: scanned_place
-- columns: id uuid?, position int8, is_last bool
-- The same with a place as the position: its seq, or seq * 1024 + lane where there are several lanes.

-- name: transactions_of_page
-- args: ids uuid[], status text?, rows_max int8, bytes_max int8, tenant int4
-- row: transaction
-- Those of the transactions that have the status, in the given order.
SELECT {transaction}
FROM (SELECT {s.transaction}, s.nth, sum(octet_length(s.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT s.*, page.nth FROM unnest($1::uuid[]) WITH ORDINALITY AS page (id, nth)
            CROSS JOIN LATERAL (SELECT * FROM transaction_states WHERE id = page.id LIMIT 1) s
            WHERE ($2::text IS NULL OR s.status = $2) AND (s.tenant = $5::integer OR touches_tenant(s.id, $5))
            ORDER BY page.nth LIMIT $3::bigint) s
      WINDOW earlier AS (ORDER BY s.nth ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $4::bigint
ORDER BY nth

-- name: scan_transactions
-- args: before uuid, scan_max int8, type text?, currency text?, reference text?,
--   idempotency_key text?, created_after timestamptz?, created_before timestamptz?, tenant int4, rows_max int8
-- row: scanned_id
-- The default tenant's rows lie among those of all others: of them rows_max are looked for. An id is made when a request
-- arrives, by another clock than created_at: within the hour.
SELECT id, position, is_last
FROM (SELECT CASE WHEN fits THEN id END AS id, id AS position, nth = $2::bigint AS is_last, nth
      FROM (SELECT t.id, t.nth, t.tenant = $9::integer AND
                   asked_for(t.type, t.currency, t.reference, t.idempotency_key, t.created_at, $3::text, $4::text, $5::text,
                             $6::text, $7::timestamptz, $8::timestamptz) AS fits
            FROM (SELECT *, row_number() OVER () AS nth FROM (
                      (SELECT id, type, currency, reference, idempotency_key, created_at, tenant FROM accepted
                       WHERE $9 = 0 AND id < $1::uuid ORDER BY id DESC LIMIT $2::bigint)
                      UNION ALL
                      (SELECT id, type, currency, reference, idempotency_key, created_at, tenant FROM accepted
                       WHERE tenant <> 0 AND (tenant, id) < ($9, least($1, first_id_at($8::timestamptz + interval '1 hour')))
                         AND (tenant, id) >= ($9, coalesce(first_id_at($7::timestamptz - interval '1 hour'),
                                                           '00000000-0000-0000-0000-000000000000'))
                       ORDER BY tenant DESC, id DESC LIMIT $2::bigint)) newest) t) scanned
      WHERE fits OR nth = $2::bigint LIMIT $10::bigint) found
ORDER BY nth

-- name: scan_by_reference
-- args: before uuid, scan_max int8, type text?, currency text?, reference text?,
--   idempotency_key text?, created_after timestamptz?, created_before timestamptz?, tenant int4
-- row: scanned_id
SELECT CASE WHEN fits THEN id END AS id, id AS position, nth = $2::bigint AS is_last
FROM (SELECT t.id, t.nth,
             asked_for(t.type, t.currency, t.reference, t.idempotency_key, t.created_at, $3::text, $4::text, $5::text,
                       $6::text, $7::timestamptz, $8::timestamptz) AS fits
      FROM (SELECT *, row_number() OVER () AS nth FROM (
                SELECT id, type, currency, reference, idempotency_key, created_at FROM accepted
                WHERE tenant = $9::integer AND reference = $5::text AND id < $1::uuid
                ORDER BY id DESC LIMIT $2::bigint) newest) t) scanned
WHERE fits OR nth = $2::bigint ORDER BY nth

-- name: scan_holds
-- args: before uuid, scan_max int8, type text?, currency text?, reference text?,
--   idempotency_key text?, created_after timestamptz?, created_before timestamptz?, tenant int4
-- row: scanned_id
SELECT CASE WHEN fits THEN id END AS id, id AS position, nth = $2::bigint AS is_last
FROM (SELECT t.id, t.nth,
             asked_for(t.type, t.currency, t.reference, t.idempotency_key, t.created_at, $3::text, $4::text, $5::text,
                       $6::text, $7::timestamptz, $8::timestamptz) AS fits
      FROM (SELECT *, row_number() OVER () AS nth FROM (
                SELECT id, type, currency, reference, idempotency_key, created_at FROM accepted
                WHERE type = 'HOLD' AND (tenant, id) < ($9::integer, $1::uuid) AND tenant >= $9
                ORDER BY tenant DESC, id DESC LIMIT $2::bigint) newest) t) scanned
WHERE fits OR nth = $2::bigint ORDER BY nth

-- name: scan_refused
-- args: before uuid, scan_max int8, type text?, currency text?, reference text?,
--   idempotency_key text?, created_after timestamptz?, created_before timestamptz?, tenant int4
-- row: scanned_id
-- What touches several accounts was refused at several places.
SELECT CASE WHEN fits THEN id END AS id, id AS position, nth = $2::bigint AS is_last
FROM (SELECT t.id, t.nth,
             t.tenant = $9::integer AND
             asked_for(t.type, t.currency, t.reference, t.idempotency_key, t.created_at, $3::text, $4::text, $5::text,
                       $6::text, $7::timestamptz, $8::timestamptz) AS fits
      FROM (SELECT a.*, r.nth FROM (
                SELECT id, max(nth) AS nth FROM (
                    SELECT id, row_number() OVER () AS nth FROM (
                        SELECT transaction_id AS id FROM decisions WHERE kind = 'REFUSED' AND transaction_id < $1::uuid
                        ORDER BY transaction_id DESC LIMIT $2::bigint) newest) counted
                GROUP BY id) r
            CROSS JOIN LATERAL (SELECT * FROM accepted WHERE id = r.id LIMIT 1) a) t) scanned
WHERE fits OR nth = $2::bigint ORDER BY nth

-- name: scan_created
-- args: before int8?, scan_max int8, type text?, currency text?, reference text?,
--   idempotency_key text?, created_after timestamptz?, created_before timestamptz?, tenant int4
-- row: scanned_place
-- Between two times, merged by created_at: all lanes are walked backwards at once, each between the seqs that it had at
-- these times. What lies beyond the nearest end of a walk that was cut short is left to the next page.
WITH start AS MATERIALIZED (
    SELECT lane, seq, created_at FROM accepted WHERE lane = ($1::bigint % 1024)::integer AND seq = $1 / 1024
), bounds AS MATERIALIZED (
    SELECT c.lane,
           least(CASE WHEN s.lane IS NULL THEN c.last_seq WHEN s.lane = c.lane THEN s.seq - 1
                      ELSE accepted_before(c.lane, s.created_at + (c.lane < s.lane)::integer * interval '1 microsecond') END,
                 CASE WHEN $8::timestamptz IS NULL THEN c.last_seq ELSE accepted_before(c.lane, $8) END) AS upto,
           CASE WHEN $7::timestamptz IS NULL THEN 0 ELSE accepted_before(c.lane, $7) END AS above
    FROM lane_cursors c LEFT JOIN start s ON true
), share AS MATERIALIZED (
    SELECT greatest($2::bigint / greatest(count(*), 1), 1) AS rows FROM bounds WHERE upto > above
), walked AS MATERIALIZED (
    SELECT b.lane, t.*, row_number() OVER (PARTITION BY b.lane ORDER BY t.seq DESC) AS nth
    FROM bounds b CROSS JOIN share
         CROSS JOIN LATERAL (SELECT seq, id, type, currency, reference, idempotency_key, created_at, tenant FROM accepted
                             WHERE lane = b.lane AND seq > b.above AND seq <= b.upto
                             ORDER BY seq DESC LIMIT share.rows) t
), cut AS MATERIALIZED (
    SELECT w.created_at, w.lane, w.seq FROM walked w JOIN share ON w.nth = share.rows
    ORDER BY w.created_at DESC, w.lane DESC, w.seq DESC LIMIT 1
)
SELECT CASE WHEN fits THEN id END AS id, seq * 1024 + lane AS position, is_last
FROM (SELECT t.id, t.created_at, t.lane, t.seq, coalesce(t.lane = cut.lane AND t.seq = cut.seq, false) AS is_last,
             t.tenant = $9::integer AND
             asked_for(t.type, t.currency, t.reference, t.idempotency_key, t.created_at, $3::text, $4::text, $5::text,
                       $6::text, $7::timestamptz, $8::timestamptz) AS fits
      FROM walked t LEFT JOIN cut ON true
      WHERE cut.lane IS NULL OR (t.created_at, t.lane, t.seq) >= (cut.created_at, cut.lane, cut.seq)) reached
WHERE fits OR is_last ORDER BY created_at DESC, lane DESC, seq DESC

-- name: scan_waiting
-- args: before int8?, scan_max int8, type text?, currency text?, reference text?,
--   idempotency_key text?, created_after timestamptz?, created_before timestamptz?, status text, tenant int4
-- row: scanned_place
-- The same of what waits in the lanes, by the time at which it got its place there: accepted and not decided, or given
-- another place for a dead letter.
WITH start AS MATERIALIZED (
    SELECT lane, seq, created_at FROM accepted WHERE lane = ($1::bigint % 1024)::integer AND seq = $1 / 1024
    UNION ALL
    SELECT lane, seq, created_at FROM places WHERE lane = ($1 % 1024)::integer AND seq = $1 / 1024
), bounds AS MATERIALIZED (
    SELECT c.lane, c.announced_seq, c.applied_seq,
           CASE WHEN s.lane IS NULL THEN c.last_seq WHEN s.lane = c.lane THEN s.seq - 1
                ELSE accepted_before(c.lane, s.created_at + (c.lane < s.lane)::integer * interval '1 microsecond')
           END AS upto
    FROM lane_cursors c LEFT JOIN start s ON true
), streams AS MATERIALIZED (
    SELECT lane, announced_seq, false AS of_letters,
           CASE $9::text WHEN 'PENDING' THEN announced_seq ELSE applied_seq END AS above,
           CASE $9::text WHEN 'PENDING' THEN upto ELSE least(upto, announced_seq) END AS upto FROM bounds
    UNION ALL
    SELECT lane, announced_seq, true, applied_seq, upto FROM bounds
), share AS MATERIALIZED (
    SELECT greatest($2::bigint / greatest(count(*), 1), 1) AS rows FROM streams WHERE upto > above
), walked AS MATERIALIZED (
    SELECT b.lane, w.*, row_number() OVER (PARTITION BY b.lane, b.of_letters ORDER BY w.seq DESC) AS nth
    FROM streams b CROSS JOIN share CROSS JOIN LATERAL (
        (SELECT seq, id, account_id, created_at, true AS waits FROM accepted
         WHERE NOT b.of_letters AND lane = b.lane AND seq > b.above AND seq <= b.upto ORDER BY seq DESC LIMIT share.rows)
        UNION ALL
        (SELECT seq, transaction_id, account_id, created_at,
                (seq <= b.announced_seq OR verdict = 'discard') = ($9::text = 'PROCESSING') FROM places
         WHERE b.of_letters AND lane = b.lane AND seq > b.above AND seq <= b.upto AND dead_letter_id IS NOT NULL
         ORDER BY seq DESC LIMIT share.rows)) w
), cut AS MATERIALIZED (
    SELECT w.created_at, w.lane, w.seq FROM walked w JOIN share ON w.nth = share.rows
    ORDER BY w.created_at DESC, w.lane DESC, w.seq DESC LIMIT 1
)
SELECT CASE WHEN waits AND fits THEN id END AS id, seq * 1024 + lane AS position, is_last
FROM (SELECT w.id, w.created_at, w.lane, w.seq, coalesce(w.lane = cut.lane AND w.seq = cut.seq, false) AS is_last,
             w.waits AND w.account_id = t.account_id AS waits,
             t.tenant = $10::integer AND
             asked_for(t.type, t.currency, t.reference, t.idempotency_key, t.created_at, $3::text, $4::text, $5::text,
                       $6::text, $7::timestamptz, $8::timestamptz) AS fits
      FROM walked w LEFT JOIN cut ON true
           CROSS JOIN LATERAL (SELECT * FROM accepted WHERE id = w.id LIMIT 1) t
      WHERE cut.lane IS NULL OR (w.created_at, w.lane, w.seq) >= (cut.created_at, cut.lane, cut.seq)) reached
WHERE waits AND fits OR is_last ORDER BY created_at DESC, lane DESC, seq DESC

-- name: scan_parked
-- args: before uuid, scan_max int8, type text?, currency text?, reference text?,
--   idempotency_key text?, created_after timestamptz?, created_before timestamptz?, tenant int4
-- row: scanned_id
-- What is parked: before and position are ids of letters.
SELECT CASE WHEN fits THEN id END AS id, position, nth = $2::bigint AS is_last
FROM (SELECT t.id, l.position, l.nth,
             asked_for(t.type, t.currency, t.reference, t.idempotency_key, t.created_at, $3::text, $4::text, $5::text,
                       $6::text, $7::timestamptz, $8::timestamptz) AS fits
      FROM (SELECT *, row_number() OVER () AS nth FROM (
                SELECT id AS position, transaction_id FROM dead_letters
                WHERE state = 'PARKED' AND transaction_id IS NOT NULL AND (tenant, id) < ($9::integer, $1::uuid) AND tenant >= $9
                ORDER BY tenant DESC, id DESC LIMIT $2::bigint) newest) l
           CROSS JOIN LATERAL (SELECT * FROM accepted WHERE id = l.transaction_id LIMIT 1) t) scanned
WHERE fits OR nth = $2::bigint ORDER BY nth

-- name: scan_account
-- args: before int8, scan_max int8, type text?, currency text?, reference text?,
--   idempotency_key text?, created_after timestamptz?, created_before timestamptz?,
--   account_id uuid, lane_scan_max int8, tenant int4
-- row: scanned_place
-- In the order in which they were accepted for the account: that of the places given at intake in its lane. What was
-- decided is found by an index; what waits, by looking through the newest lane_scan_max rows of the lane.
WITH bounds AS MATERIALIZED (
    SELECT a.id AS account_id, lane_of($9::uuid) AS lane,
           least($1::bigint - 1, CASE WHEN $8::timestamptz IS NULL THEN $1 ELSE accepted_before(lane_of($9), $8) END) AS upto,
           CASE WHEN $7::timestamptz IS NULL THEN 0 ELSE accepted_before(lane_of($9), $7) END AS above,
           coalesce((SELECT seq FROM decisions WHERE lane = lane_of($9) ORDER BY seq DESC LIMIT 1), 0) AS applied
    FROM own_account($9, $11::integer) AS a (id) WHERE a.id IS NOT NULL
), waiting AS MATERIALIZED (
    SELECT w.*, row_number() OVER (PARTITION BY w.is_first ORDER BY w.seq DESC) AS nth FROM bounds b CROSS JOIN LATERAL (
        (SELECT true AS is_first, seq, id, account_id, NULL::uuid AS dead_letter_id FROM accepted
         WHERE lane = b.lane AND seq > greatest(b.above, b.applied) AND seq <= b.upto ORDER BY seq DESC LIMIT $10::bigint)
        UNION ALL
        (SELECT false, seq, transaction_id, account_id, dead_letter_id FROM places
         WHERE lane = b.lane AND seq > greatest(b.above, b.applied) AND seq <= b.upto ORDER BY seq DESC LIMIT $10::bigint)) w
), decided AS MATERIALIZED (
    SELECT d.*, row_number() OVER () AS nth FROM bounds b CROSS JOIN LATERAL (
        SELECT seq, transaction_id AS id FROM decisions
        WHERE account_id = b.account_id AND seq > b.above AND seq <= b.upto ORDER BY seq DESC LIMIT $2::bigint) d
), cut AS MATERIALIZED (
    SELECT greatest((SELECT max(seq) FROM waiting WHERE nth = $10::bigint), (SELECT seq FROM decided WHERE nth = $2::bigint),
                    0) AS seq
), scanned AS MATERIALIZED (
    SELECT id, seq FROM waiting WHERE account_id = $9 AND dead_letter_id IS NULL AND seq >= (SELECT seq FROM cut)
    UNION ALL
    SELECT id, seq FROM decided WHERE seq >= (SELECT seq FROM cut) AND seq = first_place_seq(id, $9)
)
SELECT id, position, is_last
FROM (SELECT t.id, s.seq AS position, false AS is_last,
             asked_for(t.type, t.currency, t.reference, t.idempotency_key, t.created_at, $3::text, $4::text, $5::text,
                       $6::text, $7::timestamptz, $8::timestamptz) AS fits
      FROM scanned s CROSS JOIN LATERAL (SELECT * FROM accepted WHERE id = s.id LIMIT 1) t
      UNION ALL
      SELECT NULL, seq, true, true FROM cut WHERE seq > 0) reached
WHERE fits ORDER BY position DESC, is_last

-- name: scan_account_posted
-- args: before int8, scan_max int8, type text?, currency text?, reference text?,
--   idempotency_key text?, created_after timestamptz?, created_before timestamptz?, account_id uuid, tenant int4
-- row: scanned_place
-- In the order in which they were decided.
SELECT CASE WHEN fits THEN id END AS id, seq AS position, nth = $2::bigint AS is_last
FROM (SELECT t.id, d.seq, d.nth,
             asked_for(t.type, t.currency, t.reference, t.idempotency_key, t.created_at, $3::text, $4::text, $5::text,
                       $6::text, $7::timestamptz, $8::timestamptz) AS fits
      FROM (SELECT *, row_number() OVER () AS nth FROM (
                SELECT transaction_id, seq FROM decisions
                WHERE account_id = own_account($9::uuid, $10::integer) AND kind = 'POSTED' AND seq < $1::bigint
                ORDER BY seq DESC LIMIT $2::bigint) newest) d
           CROSS JOIN LATERAL (SELECT * FROM accepted WHERE id = d.transaction_id LIMIT 1) t) scanned
WHERE fits OR nth = $2::bigint ORDER BY nth

-- name: scan_account_refused
-- args: before int8, scan_max int8, type text?, currency text?, reference text?,
--   idempotency_key text?, created_after timestamptz?, created_before timestamptz?, account_id uuid, tenant int4
-- row: scanned_place
-- In the order in which they were decided.
SELECT CASE WHEN fits THEN id END AS id, seq AS position, nth = $2::bigint AS is_last
FROM (SELECT t.id, d.seq, d.nth,
             asked_for(t.type, t.currency, t.reference, t.idempotency_key, t.created_at, $3::text, $4::text, $5::text,
                       $6::text, $7::timestamptz, $8::timestamptz) AS fits
      FROM (SELECT *, row_number() OVER () AS nth FROM (
                SELECT transaction_id, seq FROM decisions
                WHERE account_id = own_account($9::uuid, $10::integer) AND kind = 'REFUSED' AND seq < $1::bigint
                ORDER BY seq DESC LIMIT $2::bigint) newest) d
           CROSS JOIN LATERAL (SELECT * FROM accepted WHERE id = d.transaction_id LIMIT 1) t) scanned
WHERE fits OR nth = $2::bigint ORDER BY nth

-- name: scan_account_waiting
-- args: before int8, scan_max int8, type text?, currency text?, reference text?,
--   idempotency_key text?, created_after timestamptz?, created_before timestamptz?,
--   account_id uuid, status text, tenant int4
-- row: scanned_place
-- scan_max: of the lane, whose rows are looked through. Whether a transaction is announced is said by its first place:
-- of further places all are given.
WITH waiting AS MATERIALIZED (
    SELECT w.*, row_number() OVER (PARTITION BY w.is_first ORDER BY w.seq DESC) AS nth
    FROM lane_cursors c CROSS JOIN LATERAL (
        (SELECT true AS is_first, seq, id, account_id, seq <= c.announced_seq AS is_announced FROM accepted
         WHERE lane = c.lane AND seq > CASE $10::text WHEN 'PENDING' THEN c.announced_seq ELSE c.applied_seq END
           AND seq < $1::bigint AND ($10::text = 'PENDING' OR seq <= c.announced_seq)
         ORDER BY seq DESC LIMIT $2::bigint)
        UNION ALL
        (SELECT false, seq, transaction_id, account_id, seq <= c.announced_seq OR verdict IS NOT DISTINCT FROM 'discard'
         FROM places WHERE lane = c.lane AND seq > c.applied_seq AND seq < $1::bigint
         ORDER BY seq DESC LIMIT $2::bigint)) w
    WHERE c.lane = lane_of(own_account($9::uuid, $11::integer))
), cut AS MATERIALIZED (
    SELECT coalesce(max(seq), 0) AS seq FROM waiting WHERE nth = $2::bigint
)
SELECT id, position, is_last
FROM (SELECT t.id, w.seq AS position, false AS is_last,
             asked_for(t.type, t.currency, t.reference, t.idempotency_key, t.created_at, $3::text, $4::text, $5::text,
                       $6::text, $7::timestamptz, $8::timestamptz) AS fits
      FROM waiting w CROSS JOIN LATERAL (SELECT * FROM accepted WHERE id = w.id LIMIT 1) t
      WHERE w.account_id = $9 AND (NOT w.is_first OR w.is_announced = ($10::text = 'PROCESSING'))
        AND w.seq >= (SELECT seq FROM cut)
      UNION ALL
      SELECT NULL, seq, true, true FROM cut WHERE seq > 0) reached
WHERE fits ORDER BY position DESC, is_last

-- name: scan_account_parked
-- args: before uuid, scan_max int8, type text?, currency text?, reference text?,
--   idempotency_key text?, created_after timestamptz?, created_before timestamptz?, account_id uuid, tenant int4
-- row: scanned_id
-- What is parked: before and position are ids of letters.
SELECT CASE WHEN fits THEN id END AS id, position, nth = $2::bigint AS is_last
FROM (SELECT t.id, l.id AS position, d.nth, l.state = 'PARKED' AND
             asked_for(t.type, t.currency, t.reference, t.idempotency_key, t.created_at, $3::text, $4::text, $5::text,
                       $6::text, $7::timestamptz, $8::timestamptz) AS fits
      FROM (SELECT *, row_number() OVER () AS nth FROM (
                SELECT dead_letter_id, transaction_id FROM decisions
                WHERE account_id = own_account($9::uuid, $10::integer) AND kind = 'PARKED' AND seq < coalesce(
                    (SELECT seq FROM decisions WHERE dead_letter_id = $1::uuid AND account_id = $9), 9223372036854775807)
                ORDER BY seq DESC LIMIT $2::bigint) newest) d
           CROSS JOIN LATERAL (SELECT id, state FROM dead_letters WHERE id = d.dead_letter_id LIMIT 1) l
           CROSS JOIN LATERAL (SELECT * FROM accepted WHERE id = d.transaction_id LIMIT 1) t) scanned
WHERE fits OR nth = $2::bigint ORDER BY nth

-- name: scan_account_key
-- args: before int8, scan_max int8, type text?, currency text?, reference text?,
--   idempotency_key text?, created_after timestamptz?, created_before timestamptz?, account_id uuid, tenant int4
-- row: scanned_place
-- The transaction that has the key of this account. scan_max is not reached.
SELECT id, seq AS position, false AS is_last
FROM (SELECT t.id, t.seq,
             asked_for(t.type, t.currency, t.reference, t.idempotency_key, t.created_at, $3::text, $4::text, $5::text,
                       $6::text, $7::timestamptz, $8::timestamptz) AS fits
      FROM accepted t WHERE tenant = $10::integer AND account_id = $9::uuid AND idempotency_key = $6 AND seq < $1::bigint LIMIT $2::bigint) known
WHERE fits

-- name: account_states
-- args: ids uuid[], tenants int8?[]
-- row: id uuid, currency text, status text, balance_cents int8, held_cents int8, min_balance_cents int8,
--   max_balance_cents int8?
-- Accounts as the decisions so far have left them: one snapshot.
-- tenants: whose each of them must be; NULL: of any tenant.
SELECT a.id, a.currency, a.status, a.balance_cents, a.held_cents, a.min_balance_cents, a.max_balance_cents
FROM unnest($1::uuid[], $2::bigint[]) i (id, tenant)
     CROSS JOIN LATERAL (SELECT * FROM accounts WHERE id = i.id LIMIT 1) a
WHERE a.tenant = coalesce(i.tenant, a.tenant)

-- name: transaction_to_reverse
-- args: id uuid, tenant int4
-- row: account_id uuid, type text, status text, amount_cents int8, currency text, legs jsonb?, reversed_cents int8
SELECT account_id, type, status, amount_cents, currency, legs, reversed_cents FROM transaction_states
WHERE id = $1::uuid AND (tenant = $2::integer OR touches_tenant(id, $2))

-- name: applied_seqs
-- args: lanes int4[], seqs int8[]
-- row: lane int4, applied_seq int8
-- Of the lanes that are decided up to these seqs, at least.
SELECT l.lane, d.seq AS applied_seq
FROM unnest($1::integer[], $2::bigint[]) AS l (lane, seq)
     CROSS JOIN LATERAL (SELECT seq FROM decisions WHERE lane = l.lane AND seq >= l.seq ORDER BY seq DESC LIMIT 1) d
ORDER BY l.lane

-- Dead letters -------------------------------------------------------------------------------------------------------

-- name: lanes
-- row: lane
SELECT c.lane, c.last_seq, c.published_seq, c.applied_seq, c.owner, c.lease_expires_at,
       (extract(epoch FROM clock_timestamp() - e.created_at) * 1000)::bigint AS oldest_waiting_age_ms,
       c.publish_attempts, c.last_error, e.failing_seq, coalesce(e.attempts, 0) AS attempts,
       hp.seq AS publish_halt_seq, hp.code AS publish_halt_code, hp.reason AS publish_halt_reason,
       hp.halted_at AS publish_halted_at,
       ha.seq AS apply_halt_seq, ha.code AS apply_halt_code, ha.reason AS apply_halt_reason,
       ha.halted_at AS apply_halted_at,
       w.lane AS wait_lane, w.seq AS wait_seq, w.event_id AS wait_event_id, w.reason AS wait_reason
FROM lane_cursors c
LEFT JOIN standing_halts hp ON hp.lane = c.lane AND hp.stage = 'publish'
LEFT JOIN standing_halts ha ON ha.lane = c.lane AND ha.stage = 'apply'
LEFT JOIN LATERAL (
    SELECT p.created_at, a.attempts, CASE WHEN a.attempts IS NOT NULL THEN p.seq END AS failing_seq
    FROM lane_places p LEFT JOIN apply_attempts a ON a.event_id = p.event_id
    WHERE p.lane = c.lane AND p.seq = c.applied_seq + 1 LIMIT 1) e ON true
LEFT JOIN LATERAL lane_wait(c.lane, c.applied_seq + 1) w ON true
ORDER BY c.lane

-- Holds --------------------------------------------------------------------------------------------------------------

-- name: payee_of_hold
-- args: id uuid, tenant int8?
-- row: currency text
-- tenant: whose the account must be; NULL: of any tenant.
SELECT currency FROM account_settings WHERE id = $1::uuid AND tenant = coalesce($2::bigint, tenant)

-- name: hold_by_id
-- args: id uuid, tenant int4
-- row: hold
SELECT {hold} FROM holds WHERE id = $1::uuid AND tenant = $2::integer

-- name: hold_to_settle
-- args: id uuid, idempotency_key text, tenant int4
-- row: account_id uuid, to_account_id uuid?, currency text, rest_cents int8, state text, overdue bool,
--   known_cents int8?
-- known_cents: the amount of the transaction that this key has for the hold's account.
SELECT h.account_id, h.to_account_id, h.currency, h.amount_cents - h.captured_cents - h.released_cents AS rest_cents,
       h.state, h.expires_at <= clock_timestamp() AS overdue, k.amount_cents AS known_cents
FROM holds h
     LEFT JOIN LATERAL (SELECT amount_cents FROM accepted WHERE account_id = h.account_id AND idempotency_key = $2::text
                        LIMIT 1) k ON true
WHERE h.id = $1::uuid AND h.tenant = $3::integer

-- name: amount_of_key
-- args: account_id uuid, idempotency_key text, tenant int4
-- row: amount_cents int8
-- Of the transaction that the key has for this account; none when it is unknown.
SELECT amount_cents FROM accepted WHERE tenant = $3::integer AND account_id = $1::uuid AND idempotency_key = $2::text

-- Lists of holds, in two steps as those of transactions.

-- name: scan_holds_by_state
-- args: before uuid, scan_max int8, state text?, tenant int4
-- row: scanned_id
SELECT CASE WHEN fits THEN id END AS id, id AS position, nth = $2::bigint AS is_last
FROM (SELECT h.id, n.nth, $3::text IS NULL OR h.state = $3 AS fits
      FROM (SELECT id, row_number() OVER () AS nth FROM (
                SELECT id FROM accepted WHERE type = 'HOLD' AND (tenant, id) < ($4::integer, $1::uuid) AND tenant >= $4
                ORDER BY tenant DESC, id DESC LIMIT $2::bigint) newest) n
           CROSS JOIN LATERAL (SELECT id, state FROM holds WHERE id = n.id LIMIT 1) h) scanned
WHERE fits OR nth = $2::bigint ORDER BY nth

-- name: scan_account_holds
-- args: before uuid, scan_max int8, state text?, account_id uuid, tenant int4
-- row: scanned_id
SELECT CASE WHEN fits THEN id END AS id, id AS position, nth = $2::bigint AS is_last
FROM (SELECT h.id, n.nth, $3::text IS NULL OR h.state = $3 AS fits
      FROM (SELECT id, row_number() OVER () AS nth FROM (
                SELECT id FROM accepted WHERE type = 'HOLD' AND account_id = own_account($4::uuid, $5::integer) AND id < $1::uuid
                ORDER BY id DESC LIMIT $2::bigint) newest) n
           CROSS JOIN LATERAL (SELECT id, state FROM holds WHERE id = n.id LIMIT 1) h) scanned
WHERE fits OR nth = $2::bigint ORDER BY nth

-- name: holds_of_page
-- args: ids uuid[], state text?, rows_max int8, bytes_max int8, tenant int4
-- row: hold
-- Those of the holds that have the state, in the given order.
SELECT {hold}
FROM (SELECT {h.hold}, h.nth, sum(octet_length(h.metadata::text)) OVER earlier AS bytes_before
      FROM (SELECT h.*, page.nth FROM unnest($1::uuid[]) WITH ORDINALITY AS page (id, nth)
            CROSS JOIN LATERAL (SELECT * FROM holds WHERE id = page.id LIMIT 1) h
            WHERE h.tenant = $5::integer AND ($2::text IS NULL OR h.state = $2)
            ORDER BY page.nth LIMIT $3::bigint) h
      WINDOW earlier AS (ORDER BY h.nth ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)) sized
WHERE coalesce(bytes_before, 0) <= $4::bigint
ORDER BY nth
