-- The outbox as it is often built: a payment goes through three commits, and each step rewrites the rows of the one before.
CREATE SCHEMA outbox;
CREATE TABLE outbox.accounts (
    id             integer PRIMARY KEY,
    balance_cents  bigint NOT NULL CHECK (balance_cents >= 0)
);
CREATE TABLE outbox.payments (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id       integer NOT NULL REFERENCES outbox.accounts,
    amount_cents     bigint NOT NULL,
    idempotency_key  text NOT NULL,
    status           text NOT NULL DEFAULT 'PENDING',
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account_id, idempotency_key)
);
CREATE INDEX ON outbox.payments (status, created_at);
CREATE TABLE outbox.events (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    payment_id  uuid NOT NULL REFERENCES outbox.payments,
    payload     jsonb NOT NULL,
    status      text NOT NULL DEFAULT 'PENDING',
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON outbox.events (created_at) WHERE status = 'PENDING';
CREATE TABLE outbox.processed_events (
    event_id      uuid PRIMARY KEY,
    processed_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO outbox.accounts SELECT id, 1000000000000 FROM generate_series(1, 10000) id;
VACUUM ANALYZE outbox.accounts;
