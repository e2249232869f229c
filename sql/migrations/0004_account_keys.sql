-- Idempotency keys of POST /v1/accounts.
-- compatible-from: 1

-- One row a key that made an account; written in the transaction that makes it, and kept as long as the account. The key
-- is the only scope: it is the whole installation's.
CREATE TABLE account_keys (
    idempotency_key  text PRIMARY KEY CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
    -- Deferred: the key is taken first, so that a second request with it waits for the first one.
    account_id       uuid NOT NULL UNIQUE REFERENCES accounts DEFERRABLE INITIALLY DEFERRED,
    -- What was asked for, to tell another request with the same key: currency, reference, min_balance_cents, metadata.
    request          jsonb NOT NULL,
    created_at       timestamptz NOT NULL
);
COMMENT ON TABLE account_keys IS 'Idempotency keys of account creation. Never changed.';
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON account_keys FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON account_keys EXECUTE FUNCTION refuse_change();
