-- Keys with scopes and limits, and the audit: who did what.
-- compatible-from: 7
--
-- Binaries of level 6 know of no keys but those in a file, and record nothing in the audit, so none may run beside this
-- schema.

CREATE TABLE api_keys (
    id                       uuid PRIMARY KEY,
    name                     text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    scopes                   text[] NOT NULL CHECK (cardinality(scopes) > 0),
    amount_cents_max         bigint CHECK (amount_cents_max > 0),  -- of one movement; NULL: any
    may_overdraw             boolean NOT NULL,  -- give accounts a floor below 0
    may_credit_external      boolean NOT NULL,  -- bring money in from the outside world
    requests_per_second      integer CHECK (requests_per_second > 0),
    transactions_per_second  integer CHECK (transactions_per_second > 0),
    networks                 text[] NOT NULL,  -- from which it may be used; empty: from everywhere
    expires_at               timestamptz,
    created_at               timestamptz NOT NULL,
    revoked_at               timestamptz
);
CREATE UNIQUE INDEX api_keys_by_name ON api_keys (name) WHERE revoked_at IS NULL;
CREATE TRIGGER not_deleted BEFORE DELETE ON api_keys FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON api_keys EXECUTE FUNCTION refuse_change();

-- What callers send is known by its keyed hash only. While a key rotates it has two secrets: the older one ends.
CREATE TABLE api_key_secrets (
    key_id        uuid NOT NULL REFERENCES api_keys,
    number        integer NOT NULL CHECK (number > 0),
    salt          bytea NOT NULL CHECK (octet_length(salt) = 32),  -- the key of the hash, of this secret alone
    hash          bytea NOT NULL CHECK (octet_length(hash) = 32),  -- BLAKE2b-256
    created_at    timestamptz NOT NULL,
    ends_at       timestamptz,
    last_used_at  timestamptz,  -- to the minute
    PRIMARY KEY (key_id, number)
);

-- The end of each chain. Who appends locks it until the commit.
CREATE TABLE audit_chains (
    chain   integer PRIMARY KEY,
    number  bigint NOT NULL,
    hash    bytea NOT NULL
) WITH (fillfactor = 50);
INSERT INTO audit_chains (chain, number, hash) SELECT chain, 0, '' FROM generate_series(0, 47) AS chain;

-- What was changed, by whom, and who was not let in. Each row's hash covers the row and the hash before it in its chain,
-- so that no row can be changed, inserted or left out without breaking the chain. An account's rows are in the chain of
-- its lane's number; all others are in chain 0.
CREATE TABLE audit (
    chain       integer NOT NULL REFERENCES audit_chains,
    number      bigint NOT NULL CHECK (number > 0),  -- 1, 2, 3, ... without gaps
    id          uuid NOT NULL UNIQUE,  -- rises with the time
    at          timestamptz NOT NULL,
    action      text NOT NULL,
    subject     text NOT NULL,  -- the id of what was changed, or what was asked for
    key_id      text,  -- NULL: no key was needed, or none was known
    operator    text,
    peer        text NOT NULL,  -- the address the request came from
    request_id  text NOT NULL,
    reason      text,
    before      jsonb,
    after       jsonb,
    hash        bytea NOT NULL,
    PRIMARY KEY (chain, number)
);
CREATE INDEX audit_by_subject ON audit (subject, id);
CREATE INDEX audit_by_key ON audit (key_id, id) WHERE key_id IS NOT NULL;
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON audit EXECUTE FUNCTION refuse_change();

-- What a row's hash covers besides the hash before it. jsonb prints equal values alike.
CREATE FUNCTION audit_text(entry audit) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('chain', entry.chain, 'number', entry.number, 'id', entry.id,
                              'at', (extract(epoch FROM entry.at) * 1000000)::bigint, 'action', entry.action,
                              'subject', entry.subject, 'key_id', entry.key_id, 'operator', entry.operator,
                              'peer', entry.peer, 'request_id', entry.request_id, 'reason', entry.reason,
                              'before', entry.before, 'after', entry.after)::text
$$;

-- Appends a row to its chain: everything of it is given except number, time and hash. Locks the chain last of all locks
-- of the transaction.
CREATE FUNCTION append_audit(entry audit) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    last audit_chains;
BEGIN
    SELECT * INTO STRICT last FROM audit_chains WHERE chain = entry.chain FOR NO KEY UPDATE;
    entry.number := last.number + 1;
    entry.at := clock_timestamp();
    entry.hash := sha256(last.hash || convert_to(audit_text(entry), 'UTF8'));
    INSERT INTO audit SELECT entry.*;
    UPDATE audit_chains SET number = entry.number, hash = entry.hash WHERE chain = entry.chain;
    RETURN entry.number;
END $$;
