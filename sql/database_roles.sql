-- What the role of each process may do, with the rights that its statements need and no others. `migrate up` runs this
-- after the migrations, each time. The functions of the same name in migrations are what stood here before.
--
-- Whoever migrates owns the tables and keeps all rights; nothing changes for logins that have rights of their own.

-- Makes the roles, where they are missing, and gives them their rights in this database, and no others. The roles belong
-- to all databases of the server. Whoever calls it must own the tables, and may make roles unless they are there.
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

    -- api: accepts, changes accounts and keys, decides on dead letters, keeps approvals, and
    -- writes the audit.
    GRANT SELECT ON accepted, account_changes, account_keys, account_settings, accounts, api_key_secrets, api_keys,
                    apply_attempts, approvals, audit, audit_chains, dead_letter_decisions, dead_letters, decisions, holds,
                    lane_apply, lane_places, limit_leases, places, tenant_limits, tenants, transaction_states,
                    webhook_deliveries, webhook_records, webhook_secrets, webhooks
       TO ledgerline_api;
    GRANT INSERT ON accepted, account_changes, account_keys, account_settings, api_key_secrets, api_keys, approvals,
                    audit, dead_letter_decisions, limit_leases, places, tenant_limits, tenants, webhook_deliveries,
                    webhook_progress, webhook_secrets, webhooks
       TO ledgerline_api;
    GRANT UPDATE ON account_settings, api_key_secrets, api_keys, approvals, audit_chains, dead_letters, lane_apply,
                    lane_intake, limit_leases, tenant_limits, webhook_deliveries, webhook_secrets, webhooks
       TO ledgerline_api;
    GRANT DELETE ON limit_leases, webhook_secrets, webhooks TO ledgerline_api;

    -- publisher: publishes, announces dead letters, tells outcomes, and accepts releases of holds.
    GRANT SELECT ON accepted, account_changes, account_settings, dead_letters, decisions, due_holds, lane_halts,
                    lane_outcomes, lane_places, lane_publish, places, publishers, tenants
       TO ledgerline_publisher;
    GRANT INSERT ON accepted, lane_halts, lane_outcomes, places, publishers TO ledgerline_publisher;
    GRANT UPDATE ON dead_letters, lane_halts, lane_intake, lane_outcomes, lane_publish, publishers
       TO ledgerline_publisher;
    GRANT DELETE ON due_holds, lane_halts, publishers TO ledgerline_publisher;

    -- worker: decides, and parks what it cannot apply.
    GRANT SELECT ON accepted, account_changes, account_settings, apply_attempts, dead_letters, decisions, due_holds,
                    hold_steps, lane_apply, lane_halts, lane_places, lane_publish, places, transaction_states
       TO ledgerline_worker;
    GRANT INSERT ON apply_attempts, dead_letters, decisions, due_holds, hold_steps, lane_halts, reversal_steps
       TO ledgerline_worker;
    GRANT UPDATE ON apply_attempts, lane_apply, lane_halts, lane_publish TO ledgerline_worker;
    GRANT DELETE ON apply_attempts, due_holds, lane_halts TO ledgerline_worker;

    -- notifier: reads outcomes, sends them to webhooks, and disables those that fail.
    GRANT SELECT ON accepted, account_changes, account_settings, audit_chains, decisions, notifiers, places, tenants,
                    webhook_deliveries, webhook_progress, webhook_secrets, webhooks
       TO ledgerline_notifier;
    GRANT INSERT ON audit, notifiers, webhook_deliveries TO ledgerline_notifier;
    GRANT UPDATE ON audit_chains, notifiers, webhook_deliveries, webhook_progress, webhooks TO ledgerline_notifier;
    GRANT DELETE ON notifiers, webhook_deliveries TO ledgerline_notifier;

    -- reader: people who look, and verify. It sees no key's hash and no webhook's secret.
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO ledgerline_reader', current_schema);
    REVOKE ALL ON api_key_secrets, webhook_secrets FROM ledgerline_reader;
END $$;

-- Where this user may not make roles, a superuser calls it.
DO $$
BEGIN
    IF (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) THEN
        PERFORM make_database_roles();
    END IF;
END $$;
