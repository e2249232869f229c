-- Double entry by a function, in the way of pgledger: it locks both accounts in the order of their ids, changes both
-- balances, and writes a transfer and two entries with the balances before and after. Ids are uuids here, and amounts
-- integers, which costs less than pgledger's ULIDs in text and numerics.
CREATE SCHEMA double_entry;
CREATE TABLE double_entry.accounts (
    id              integer PRIMARY KEY,
    balance         bigint NOT NULL DEFAULT 0,
    version         bigint NOT NULL DEFAULT 0,
    allow_negative  boolean NOT NULL DEFAULT true,
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE double_entry.transfers (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    from_account  integer NOT NULL REFERENCES double_entry.accounts,
    to_account    integer NOT NULL REFERENCES double_entry.accounts,
    amount        bigint NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CHECK (amount > 0 AND from_account <> to_account)
);
CREATE INDEX ON double_entry.transfers (from_account);
CREATE INDEX ON double_entry.transfers (to_account);
CREATE TABLE double_entry.entries (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account           integer NOT NULL REFERENCES double_entry.accounts,
    transfer          uuid NOT NULL REFERENCES double_entry.transfers,
    amount            bigint NOT NULL,
    previous_balance  bigint NOT NULL,
    current_balance   bigint NOT NULL,
    account_version   bigint NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON double_entry.entries (account);
CREATE INDEX ON double_entry.entries (transfer);
INSERT INTO double_entry.accounts (id) SELECT generate_series(1, 10000);
VACUUM ANALYZE double_entry.accounts;

CREATE FUNCTION double_entry.change(changed integer, by_amount bigint) RETURNS double_entry.accounts LANGUAGE plpgsql AS $$
DECLARE
    after double_entry.accounts;
BEGIN
    UPDATE double_entry.accounts SET balance = balance + by_amount, version = version + 1, updated_at = now()
    WHERE id = changed RETURNING * INTO after;
    IF after.balance < 0 AND NOT after.allow_negative THEN RAISE EXCEPTION 'account % has too little', changed; END IF;
    RETURN after;
END $$;

CREATE FUNCTION double_entry.transfer(payer integer, payee integer, moved bigint) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    one      double_entry.accounts;
    other    double_entry.accounts;
    written  uuid;
BEGIN
    PERFORM id FROM double_entry.accounts WHERE id IN (payer, payee) ORDER BY id FOR UPDATE;
    one := double_entry.change(payer, -moved);
    other := double_entry.change(payee, moved);
    INSERT INTO double_entry.transfers (from_account, to_account, amount) VALUES (payer, payee, moved)
    RETURNING id INTO written;
    INSERT INTO double_entry.entries (account, transfer, amount, previous_balance, current_balance, account_version)
    VALUES (payer, written, -moved, one.balance + moved, one.balance, one.version),
           (payee, written, moved, other.balance - moved, other.balance, other.version);
    RETURN written;
END $$;
