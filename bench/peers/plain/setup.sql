-- A payment as most services begin: a row, and the account's balance beside it.
CREATE SCHEMA plain;
CREATE TABLE plain.accounts (
    id             integer PRIMARY KEY,
    balance_cents  bigint NOT NULL CHECK (balance_cents >= 0)
);
CREATE TABLE plain.payments (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id       integer NOT NULL REFERENCES plain.accounts,
    amount_cents     bigint NOT NULL,
    idempotency_key  text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account_id, idempotency_key)
);
INSERT INTO plain.accounts SELECT id, 1000000000000 FROM generate_series(1, 10000) id;
VACUUM ANALYZE plain.accounts;
