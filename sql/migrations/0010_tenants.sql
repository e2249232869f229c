-- Tenants: whose an account is, and with it everything that belongs to the account.
-- compatible-from: 10
-- earlier-text: 13982d25b0c43bc9cb9be9c7b15d763ae35d5ac43cfbd22e9dd8852fa4f9cac3
--
-- Binaries of level 9 let every key see everything, so none may run beside this schema. What is there belongs to the
-- default tenant, and its payments pay nothing but the column. The earlier text added that with a default.

CREATE TABLE tenants (
    id          integer PRIMARY KEY CHECK (id >= 0),
    name        text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    created_at  timestamptz NOT NULL
);
-- The default tenant: of those who want none, and of whoever operates the installation.
INSERT INTO tenants (id, name, created_at) VALUES (0, 'default', now());
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON tenants FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON tenants EXECUTE FUNCTION refuse_change();

-- Accounts ---------------------------------------------------------------------------------------------------------

ALTER TABLE account_settings
    ADD COLUMN tenant integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT account_settings_tenant FOREIGN KEY (tenant) REFERENCES tenants NOT VALID,
    DROP CONSTRAINT account_settings_reference_key;
CREATE UNIQUE INDEX account_settings_reference_once ON account_settings (tenant, reference) WHERE reference IS NOT NULL;
CREATE INDEX account_settings_of_tenant ON account_settings (tenant, id);
DROP INDEX account_settings_by_status;
CREATE INDEX account_settings_by_status ON account_settings (tenant, status, id);
CREATE TRIGGER tenant_is_final BEFORE UPDATE OF tenant ON account_settings FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The account, if it is the tenant's: what a statement about one account goes by.
CREATE FUNCTION own_account(account_id uuid, of_tenant integer) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT id FROM account_settings WHERE id = account_id AND tenant = of_tenant
$$;

ALTER TABLE account_keys
    ADD COLUMN tenant integer NOT NULL DEFAULT 0,
    DROP CONSTRAINT account_keys_pkey,
    ADD CONSTRAINT account_keys_pkey PRIMARY KEY (tenant, idempotency_key);

-- Transactions -----------------------------------------------------------------------------------------------------

-- Of account_id. Row by row and not by a default: functions and views use the table's row type, and servers from
-- PostgreSQL 15.20 on add no column with a default to such a table.
ALTER TABLE accepted ADD COLUMN tenant integer;
ALTER TABLE accepted ALTER COLUMN tenant SET DEFAULT 0;
ALTER TABLE accepted DISABLE TRIGGER immutable;
UPDATE accepted SET tenant = 0;
ALTER TABLE accepted ENABLE TRIGGER immutable;
ALTER TABLE accepted ALTER COLUMN tenant SET NOT NULL;
ALTER TABLE places ADD COLUMN tenant integer NOT NULL DEFAULT 0;    -- of account_id
-- Lists of a tenant. The default tenant has all rows to itself where there is no other: its lists walk the primary key.
CREATE INDEX accepted_of_tenant ON accepted (tenant, id) WHERE tenant <> 0;
DROP INDEX accepted_by_reference;
CREATE INDEX accepted_by_reference ON accepted (tenant, reference, id) WHERE reference IS NOT NULL;
DROP INDEX accepted_holds;
CREATE INDEX accepted_holds ON accepted (tenant, id) WHERE type = 'HOLD';

-- Whether a transaction touches an account of the tenant besides its first one. A function, so that it is asked only of
-- transactions of others.
CREATE FUNCTION touches_tenant(of_transaction uuid, of_tenant integer) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM places
                   WHERE transaction_id = of_transaction AND dead_letter_id IS NULL AND tenant = of_tenant)
$$;

-- The smallest id that can be made at this time. NULL of NULL.
CREATE FUNCTION first_id_at(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (lpad(to_hex(greatest((extract(epoch FROM moment) * 1000)::bigint, 0)), 12, '0')
            || '00000000000000000000')::uuid
$$;

-- Dead letters -----------------------------------------------------------------------------------------------------

-- That of the transaction. Foreign messages are of the default tenant.
ALTER TABLE dead_letters ADD COLUMN tenant integer NOT NULL DEFAULT 0;
CREATE FUNCTION set_tenant_of_letter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.tenant := coalesce((SELECT tenant FROM accepted WHERE id = NEW.transaction_id), 0);
    RETURN NEW;
END $$;
CREATE TRIGGER with_tenant BEFORE INSERT ON dead_letters FOR EACH ROW EXECUTE FUNCTION set_tenant_of_letter();
DROP INDEX dead_letters_parked;
CREATE INDEX dead_letters_parked ON dead_letters (tenant, id) WHERE state = 'PARKED';
DROP INDEX dead_letters_newest;
CREATE INDEX dead_letters_newest ON dead_letters (tenant, last_failed_at, id);
DROP INDEX dead_letters_by_class;
CREATE INDEX dead_letters_by_class ON dead_letters (tenant, error_class, last_failed_at, id);
DROP INDEX dead_letters_by_code;
CREATE INDEX dead_letters_by_code ON dead_letters (tenant, error_code, last_failed_at, id);

-- A place of a letter is of its account's tenant.
CREATE OR REPLACE FUNCTION demand_parked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM demand(EXISTS (SELECT FROM decisions WHERE dead_letter_id = NEW.dead_letter_id
                           AND account_id = NEW.account_id AND transaction_id = NEW.transaction_id),
                   'a place of a dead letter needs its parked place');
    NEW.tenant := (SELECT tenant FROM account_settings WHERE id = NEW.account_id);
    RETURN NEW;
END $$;

-- Keys and the audit -----------------------------------------------------------------------------------------------

ALTER TABLE api_keys ADD COLUMN tenant integer NOT NULL DEFAULT 0 REFERENCES tenants;
DROP INDEX api_keys_by_name;
CREATE UNIQUE INDEX api_keys_by_name ON api_keys (tenant, name) WHERE revoked_at IS NULL;
CREATE INDEX api_keys_of_tenant ON api_keys (tenant, id);

ALTER TABLE audit ADD COLUMN tenant integer NOT NULL DEFAULT 0;
CREATE INDEX audit_of_tenant ON audit (tenant, id);
DROP INDEX audit_by_subject;
CREATE INDEX audit_by_subject ON audit (tenant, subject, id);
DROP INDEX audit_by_key;
CREATE INDEX audit_by_key ON audit (tenant, key_id, id) WHERE key_id IS NOT NULL;

-- The hash covers the tenant too. What is of the default tenant reads as it did before there were others.
CREATE OR REPLACE FUNCTION audit_text(entry audit) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT (jsonb_build_object('chain', entry.chain, 'number', entry.number, 'id', entry.id,
                               'at', (extract(epoch FROM entry.at) * 1000000)::bigint, 'action', entry.action,
                               'subject', entry.subject, 'key_id', entry.key_id, 'operator', entry.operator,
                               'peer', entry.peer, 'request_id', entry.request_id, 'reason', entry.reason,
                               'before', entry.before, 'after', entry.after)
            || CASE WHEN entry.tenant = 0 THEN '{}'::jsonb ELSE jsonb_build_object('tenant', entry.tenant) END)::text
$$;

-- Views ------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE VIEW accounts AS
SELECT s.id, s.currency, coalesce(d.balance_after_cents, 0) AS balance_cents, s.min_balance_cents, s.status, s.reference,
       s.metadata, s.lane, s.created_at, greatest(s.updated_at, d.processed_at) AS updated_at,
       coalesce(d.held_after_cents, 0) AS held_cents,
       coalesce(d.balance_after_cents - d.held_after_cents, 0) AS available_cents, s.max_balance_cents, s.tenant
FROM account_settings s
     LEFT JOIN LATERAL (SELECT balance_after_cents, held_after_cents, processed_at FROM decisions
                        WHERE account_id = s.id ORDER BY seq DESC LIMIT 1) d ON true;

CREATE OR REPLACE VIEW transaction_states AS
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type,
       CASE d.kind WHEN 'POSTED' THEN 'PROCESSED' WHEN 'REFUSED' THEN 'FAILED' WHEN 'PARKED' THEN 'PROCESSING'
                   ELSE CASE WHEN p.seq <= c.announced_seq OR p.verdict = 'discard' THEN 'PROCESSING'
                             ELSE 'PENDING' END END AS status,
       t.idempotency_key, d.failure_reason, d.failure_code, t.legs, t.reference, t.metadata, p.lane, p.seq, d.dead_letter_id,
       t.created_at, coalesce(d.processed_at, p.created_at) AS updated_at,
       CASE WHEN t.type IN ('CAPTURE', 'RELEASE') THEN t.parent_id END AS hold_id,
       CASE WHEN t.type = 'REVERSAL' THEN t.parent_id END AS reverses,
       coalesce((SELECT reversed_after_cents FROM reversal_steps WHERE reversed_id = t.id ORDER BY seq DESC LIMIT 1), 0)
           AS reversed_cents,
       CASE WHEN t.type = 'REVERSAL' THEN t.terms->>'reason' END AS reason, t.previous_id, t.occurred_at, t.tenant
FROM accepted t
     LEFT JOIN LATERAL (SELECT seq, verdict, created_at FROM places
                        WHERE transaction_id = t.id AND dead_letter_id IS NOT NULL AND account_id = t.account_id
                        ORDER BY seq DESC LIMIT 1) r ON true
     CROSS JOIN LATERAL (SELECT t.lane, coalesce(r.seq, t.seq) AS seq, r.verdict,
                                coalesce(r.created_at, t.created_at) AS created_at OFFSET 0) p
     LEFT JOIN LATERAL (SELECT kind, failure_code, failure_reason, dead_letter_id, processed_at FROM decisions
                        WHERE lane = p.lane AND seq = p.seq LIMIT 1) d ON true
     LEFT JOIN LATERAL (SELECT announced_seq FROM lane_cursors WHERE lane = p.lane AND d.kind IS NULL LIMIT 1) c ON true;

CREATE OR REPLACE VIEW holds AS
SELECT t.id, t.account_id, (t.terms->>'to_account_id')::uuid AS to_account_id, t.amount_cents, t.currency,
       t.idempotency_key, t.reference, t.metadata, x.status,
       coalesce(s.state, CASE x.status WHEN 'FAILED' THEN 'FAILED' ELSE 'PENDING' END) AS state,
       coalesce(s.captured_after_cents, 0) AS captured_cents, coalesce(s.released_after_cents, 0) AS released_cents,
       hold_expiry(t.created_at, t.terms) AS expires_at, x.failure_code, x.failure_reason, t.created_at, t.tenant
FROM accepted t
     CROSS JOIN LATERAL (SELECT status, failure_code, failure_reason FROM transaction_states WHERE id = t.id LIMIT 1) x
     LEFT JOIN LATERAL (SELECT * FROM hold_steps WHERE hold_id = t.id ORDER BY seq DESC LIMIT 1) s ON true
WHERE t.type = 'HOLD';

-- What was asked for at a place, and the tenant of its account.
DROP FUNCTION asked_at(integer, bigint);
CREATE FUNCTION asked_at(of_lane integer, of_seq bigint)
RETURNS TABLE (event_id uuid, is_first boolean, first_account_id uuid, amount_cents bigint, currency text, type text,
               idempotency_key text, legs text, reference text, metadata text, parent_id uuid, previous_id uuid,
               reason text, occurred_at timestamptz, created_at timestamptz, tenant integer) LANGUAGE sql STABLE AS $$
    SELECT a.event_id, true, a.account_id, a.amount_cents, a.currency, a.type, a.idempotency_key, a.legs::text,
           a.reference, a.metadata::text, a.parent_id, a.previous_id, a.terms->>'reason', a.occurred_at, a.created_at,
           a.tenant
    FROM accepted a WHERE a.lane = of_lane AND a.seq = of_seq
    UNION ALL
    SELECT p.event_id, p.account_id = a.account_id, a.account_id, a.amount_cents, a.currency, a.type,
           a.idempotency_key, a.legs::text, a.reference, a.metadata::text, a.parent_id, a.previous_id,
           a.terms->>'reason', a.occurred_at, a.created_at, p.tenant
    FROM places p CROSS JOIN LATERAL (SELECT * FROM accepted WHERE id = p.transaction_id LIMIT 1) a
    WHERE p.lane = of_lane AND p.seq = of_seq
    LIMIT 1  -- a place is in one of both: the other is not looked for
$$;

-- Rights -----------------------------------------------------------------------------------------------------------

-- As before, with the new table.
CREATE OR REPLACE FUNCTION make_database_roles() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['ledgerline_api', 'ledgerline_publisher', 'ledgerline_worker', 'ledgerline_notifier',
                               'ledgerline_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- made by a migration of another database at this moment
            END;
        END IF;
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', current_schema, name);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema, name);
    END LOOP;

    -- Everybody looks at the cursors and at the level of the schema.
    GRANT SELECT ON schema_migrations, lane_cursors, lane_intake, standing_halts
       TO ledgerline_api, ledgerline_publisher, ledgerline_worker, ledgerline_notifier, ledgerline_reader;

    -- api: accepts, changes accounts and keys, decides on dead letters, and writes the audit.
    GRANT SELECT ON accepted, account_changes, account_keys, account_settings, accounts, api_key_secrets, api_keys,
                    apply_attempts, audit, audit_chains, dead_letter_decisions, dead_letters, decisions, holds, lane_apply,
                    lane_places, places, tenants, transaction_states, webhook_deliveries, webhook_records, webhook_secrets,
                    webhooks
       TO ledgerline_api;
    GRANT INSERT ON accepted, account_changes, account_keys, account_settings, api_key_secrets, api_keys, audit,
                    dead_letter_decisions, places, tenants, webhook_deliveries, webhook_progress, webhook_secrets,
                    webhooks
       TO ledgerline_api;
    GRANT UPDATE ON account_settings, api_key_secrets, api_keys, audit_chains, dead_letters, lane_apply, lane_intake,
                    webhook_deliveries, webhook_secrets, webhooks
       TO ledgerline_api;
    GRANT DELETE ON webhook_secrets, webhooks TO ledgerline_api;

    -- publisher: publishes, announces dead letters, tells outcomes, and accepts releases of holds.
    GRANT SELECT ON accepted, account_changes, account_settings, dead_letters, decisions, due_holds, lane_halts,
                    lane_outcomes, lane_places, lane_publish, places, publishers, tenants
       TO ledgerline_publisher;
    GRANT INSERT ON accepted, lane_halts, lane_outcomes, places, publishers TO ledgerline_publisher;
    GRANT UPDATE ON dead_letters, lane_halts, lane_intake, lane_outcomes, lane_publish, publishers
       TO ledgerline_publisher;
    GRANT DELETE ON due_holds, lane_halts, publishers TO ledgerline_publisher;

    -- worker: decides, and parks what it cannot apply.
    GRANT SELECT ON accepted, account_settings, apply_attempts, dead_letters, decisions, due_holds, hold_steps, lane_apply,
                    lane_halts, lane_places, lane_publish, places, transaction_states
       TO ledgerline_worker;
    GRANT INSERT ON apply_attempts, dead_letters, decisions, due_holds, hold_steps, lane_halts, reversal_steps
       TO ledgerline_worker;
    GRANT UPDATE ON apply_attempts, lane_apply, lane_halts, lane_publish TO ledgerline_worker;
    GRANT DELETE ON apply_attempts, due_holds, lane_halts TO ledgerline_worker;

    -- notifier: reads outcomes, sends them to webhooks, and disables those that fail.
    GRANT SELECT ON accepted, account_changes, account_settings, audit_chains, decisions, notifiers, places, tenants,
                    webhook_deliveries,
                    webhook_progress, webhook_secrets, webhooks
       TO ledgerline_notifier;
    GRANT INSERT ON audit, notifiers, webhook_deliveries TO ledgerline_notifier;
    GRANT UPDATE ON audit_chains, notifiers, webhook_deliveries, webhook_progress, webhooks TO ledgerline_notifier;
    GRANT DELETE ON notifiers, webhook_deliveries TO ledgerline_notifier;

    -- reader: people who look, and verify. It sees no key's hash and no webhook's secret.
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO ledgerline_reader', current_schema);
    REVOKE ALL ON api_key_secrets, webhook_secrets FROM ledgerline_reader;
END $$;

-- Where this user may not make roles, a superuser calls it once.
DO $$
BEGIN
    IF (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) THEN
        PERFORM make_database_roles();
    END IF;
END $$;
