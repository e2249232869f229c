-- Webhooks: where outcomes are sent, how far each endpoint was told, and what became of what was sent.
-- compatible-from: 7

CREATE TABLE webhooks (
    id           uuid PRIMARY KEY,
    url          text NOT NULL UNIQUE CHECK (char_length(url) BETWEEN 1 AND 2000),
    events       text[] NOT NULL,  -- the types that are sent; empty: all
    account_ids  uuid[] NOT NULL,  -- the accounts whose events are sent; empty: all
    description  text CHECK (char_length(description) BETWEEN 1 AND 500),
    status       text NOT NULL CHECK (status IN ('ENABLED', 'DISABLED')),
    reason       text,  -- why it is disabled: by_operator, gone or failing
    changed_at   timestamptz NOT NULL,  -- of the status
    created_at   timestamptz NOT NULL,
    CHECK ((status = 'DISABLED') = (reason IS NOT NULL))
);

-- What signs the messages: it must be readable to sign, so it is no hash. While a secret rotates both sign.
CREATE TABLE webhook_secrets (
    webhook_id  uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    number      integer NOT NULL CHECK (number > 0),
    secret      bytea NOT NULL CHECK (octet_length(secret) = 32),
    created_at  timestamptz NOT NULL,
    ends_at     timestamptz,
    PRIMARY KEY (webhook_id, number)
);

-- Notifier processes that are alive. An endpoint's lease is that of its owner.
CREATE TABLE notifiers (
    owner       text PRIMARY KEY,
    expires_at  timestamptz NOT NULL
);

CREATE TABLE webhook_progress (
    webhook_id  uuid PRIMARY KEY REFERENCES webhooks ON DELETE CASCADE,
    owner       text,
    epoch       bigint NOT NULL,
    position    text NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE webhook_progress IS 'Who sends to an endpoint, and how far it was told in every lane. Written at most once a second.';
COMMENT ON COLUMN webhook_progress.epoch IS 'Every write of the owner names it. It rises when the owner changes.';
COMMENT ON COLUMN webhook_progress.position IS 'A cursor of the feed: all before it was delivered, does not concern the endpoint, or is a pending delivery.';

-- What was sent, and what is to be sent again. The event itself is not here: it is read from the ledger again by its
-- place, unless it is none of the ledger.
CREATE TABLE webhook_deliveries (
    id                uuid PRIMARY KEY,  -- rises with the time
    webhook_id        uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    event_id          text NOT NULL,  -- the same whenever it is sent
    event_type        text NOT NULL,
    account_id        uuid,
    lane              integer,  -- with seq and nth: the event's place
    seq               bigint,
    nth               integer,
    body              text,     -- of an event without a place
    tries_max         integer,  -- NULL: until the endpoint is disabled, in the order of its account
    status            text NOT NULL CHECK (status IN ('PENDING', 'DELIVERED', 'FAILED')),
    attempts          integer NOT NULL,
    tries             jsonb NOT NULL,  -- the latest ones: at, status, duration_ms, error
    first_attempt_at  timestamptz,
    next_attempt_at   timestamptz,
    created_at        timestamptz NOT NULL,
    CHECK ((lane IS NULL) = (seq IS NULL) AND (lane IS NULL) = (nth IS NULL) AND (lane IS NULL) = (body IS NOT NULL))
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook_id, id);
-- What is to be sent: few rows, however many were sent.
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (webhook_id, lane, seq, nth) WHERE status = 'PENDING';

-- An endpoint without its secrets.
CREATE VIEW webhook_records AS
SELECT w.id, w.url, w.description, to_jsonb(w.events) AS events, to_jsonb(w.account_ids) AS account_ids, w.status,
       w.reason, w.changed_at, w.created_at,
       (SELECT max(ends_at) FROM webhook_secrets WHERE webhook_id = w.id AND ends_at > now()) AS previous_secret_ends_at,
       (SELECT count(*) FROM webhook_deliveries WHERE webhook_id = w.id AND status = 'PENDING') AS pending
FROM webhooks w;

-- What the audit has of one.
CREATE FUNCTION webhook_facts(of_webhook uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('url', url, 'events', events, 'account_ids', account_ids, 'description', description,
                              'status', status, 'reason', reason,
                              'secret', (SELECT max(number) FROM webhook_secrets WHERE webhook_id = of_webhook))
    FROM webhooks WHERE id = of_webhook
$$;

-- The rights of each process, as before, with those on the tables above, and a role for notifiers.
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
                    lane_places, places, transaction_states, webhook_deliveries, webhook_records, webhook_secrets,
                    webhooks
       TO ledgerline_api;
    GRANT INSERT ON accepted, account_changes, account_keys, account_settings, api_key_secrets, api_keys, audit,
                    dead_letter_decisions, places, webhook_deliveries, webhook_progress, webhook_secrets, webhooks
       TO ledgerline_api;
    GRANT UPDATE ON account_settings, api_key_secrets, api_keys, audit_chains, dead_letters, lane_apply, lane_intake,
                    webhook_deliveries, webhook_secrets, webhooks
       TO ledgerline_api;
    GRANT DELETE ON webhook_secrets, webhooks TO ledgerline_api;

    -- publisher: publishes, announces dead letters, tells outcomes, and accepts releases of holds.
    GRANT SELECT ON accepted, account_changes, account_settings, dead_letters, decisions, due_holds, lane_halts,
                    lane_outcomes, lane_places, lane_publish, places, publishers
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
    GRANT SELECT ON accepted, account_changes, audit_chains, decisions, notifiers, places, webhook_deliveries,
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
