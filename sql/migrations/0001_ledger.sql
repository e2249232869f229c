-- The ledger: accounts, what was accepted, what came of it, and the three cursors that move along each lane.
-- compatible-from: 1
--
-- Rows of accepted, replayed_events and outcomes are appended and never changed. What the outside calls the status of a
-- transaction is derived from them and from the cursors (the views at the end of this file).

-- Microseconds since 1970: how the code reads time.
CREATE FUNCTION unix_micros(timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS 'SELECT (extract(epoch FROM $1) * 1000000)::bigint';

-- Lanes and their cursors ------------------------------------------------------------------------------------------
--
-- A lane is a dense sequence of events 1, 2, 3, ... Each stage keeps its own cursor in its own table, so that no stage
-- waits for another one's row lock. Cursors are updated all the time: the padding gives each row a page of its own, and
-- vacuum is eager, so that the tables stay small and the updates stay on their page.

CREATE TABLE lane_intake (
    lane      integer PRIMARY KEY CHECK (lane >= 0),
    last_seq  bigint NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
    padding   text NOT NULL DEFAULT repeat(' ', 500)
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE lane_intake IS 'Intake cursor: the last seq given out in each lane. Locked until commit by whoever numbers new events.';

CREATE TABLE lane_publish (
    lane              integer PRIMARY KEY REFERENCES lane_intake,
    published_seq     bigint NOT NULL DEFAULT 0 CHECK (published_seq >= 0),
    owner             text,
    epoch             bigint NOT NULL DEFAULT 0,
    lease_expires_at  timestamptz,
    publish_attempts  integer NOT NULL DEFAULT 0,
    last_error        text,
    padding           text NOT NULL DEFAULT repeat(' ', 500)
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE lane_publish IS 'Publish cursor and lease. Every write of the owner names its epoch; a rewind by a worker raises the epoch.';

CREATE TABLE lane_apply (
    lane         integer PRIMARY KEY REFERENCES lane_intake,
    applied_seq  bigint NOT NULL DEFAULT 0 CHECK (applied_seq >= 0),
    -- The event after applied_seq that failed for an unknown reason, and how often: survives a crash of the worker.
    failing_seq  bigint,
    attempts     integer NOT NULL DEFAULT 0,
    -- Events in a row that were buried for the same unknown reason. Three would be an outage, so the lane halts instead.
    streak_code  text,
    streak       integer NOT NULL DEFAULT 0,
    first_failed_at timestamptz,
    padding      text NOT NULL DEFAULT repeat(' ', 500)
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE lane_apply IS 'Apply cursor: everything up to applied_seq has an outcome or a dead letter.';

INSERT INTO lane_intake (lane) SELECT generate_series(0, 11);
INSERT INTO lane_publish (lane) SELECT lane FROM lane_intake;
INSERT INTO lane_apply (lane) SELECT lane FROM lane_intake;

-- Publisher processes that are alive, so that lanes can be shared out evenly.
CREATE TABLE publishers (
    owner       text PRIMARY KEY,
    expires_at  timestamptz NOT NULL
);

-- Accounts ---------------------------------------------------------------------------------------------------------

CREATE TABLE accounts (
    id                 uuid PRIMARY KEY,
    currency           text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    balance_cents      bigint NOT NULL DEFAULT 0,
    min_balance_cents  bigint NOT NULL DEFAULT 0,
    status             text NOT NULL DEFAULT 'ACTIVE' CHECK (status IN ('ACTIVE', 'SUSPENDED')),
    reference          text UNIQUE CHECK (char_length(reference) BETWEEN 1 AND 255),
    metadata           jsonb CHECK (jsonb_typeof(metadata) = 'object'),
    lane               integer NOT NULL CHECK (lane >= 0),
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    CONSTRAINT accounts_balance_exact CHECK (balance_cents BETWEEN -9000000000000000 AND 9000000000000000),
    CONSTRAINT accounts_floor_range CHECK (min_balance_cents BETWEEN -1000000000000000 AND 0),
    CONSTRAINT accounts_balance_not_below_floor CHECK (balance_cents >= min_balance_cents)
) WITH (fillfactor = 70);
CREATE INDEX accounts_suspended ON accounts (id) WHERE status = 'SUSPENDED';
COMMENT ON COLUMN accounts.lane IS 'Chosen by hash when the account is created, never changed.';

-- What was accepted ------------------------------------------------------------------------------------------------

-- One row a transaction, with its event: this is the outbox.
CREATE TABLE accepted (
    id               uuid PRIMARY KEY,
    account_id       uuid NOT NULL REFERENCES accounts,
    amount_cents     bigint NOT NULL CHECK (amount_cents BETWEEN 1 AND 1000000000000000),
    currency         text NOT NULL,
    type             text NOT NULL CHECK (type IN ('DEBIT', 'CREDIT')),
    idempotency_key  text NOT NULL CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
    metadata         jsonb CHECK (jsonb_typeof(metadata) = 'object'),
    lane             integer NOT NULL,
    seq              bigint NOT NULL,
    event_id         uuid NOT NULL,
    schema_version   smallint NOT NULL DEFAULT 1,
    traceparent      text,
    created_at       timestamptz NOT NULL,
    CONSTRAINT accepted_key_once UNIQUE (account_id, idempotency_key),
    CONSTRAINT accepted_lane_seq_once UNIQUE (lane, seq)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
CREATE INDEX accepted_by_account ON accepted (account_id, id);

-- One row a replay of a dead letter: the same transaction under a new event, at a new place in its lane.
CREATE TABLE replayed_events (
    lane            integer NOT NULL,
    seq             bigint NOT NULL,
    event_id        uuid NOT NULL UNIQUE,
    transaction_id  uuid NOT NULL REFERENCES accepted,
    schema_version  smallint NOT NULL DEFAULT 1,
    traceparent     text,
    dead_letter_id  uuid NOT NULL UNIQUE,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (lane, seq)
);
CREATE INDEX replayed_events_by_transaction ON replayed_events (transaction_id);

-- What came of it --------------------------------------------------------------------------------------------------

-- One row a decided transaction. The two unique constraints make paying twice impossible, whatever the code does.
-- Foreign keys to accepted are left out on purpose: each would lock, and so rewrite, the accepted row.
CREATE TABLE outcomes (
    lane                 integer NOT NULL,
    seq                  bigint NOT NULL,
    event_id             uuid NOT NULL,
    transaction_id       uuid NOT NULL,
    account_id           uuid NOT NULL,
    outcome              text NOT NULL CHECK (outcome IN ('PROCESSED', 'FAILED')),
    balance_after_cents  bigint,
    failure_code         text,
    failure_reason       text,
    processed_at         timestamptz NOT NULL,
    CONSTRAINT outcomes_lane_seq_once PRIMARY KEY (lane, seq),
    CONSTRAINT outcomes_transaction_once UNIQUE (transaction_id),
    CONSTRAINT outcomes_failure_named CHECK ((outcome = 'FAILED') = (failure_code IS NOT NULL)),
    CONSTRAINT outcomes_entry_has_balance CHECK (outcome = 'FAILED' OR balance_after_cents IS NOT NULL)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
CREATE INDEX outcomes_entries ON outcomes (account_id, seq) WHERE outcome = 'PROCESSED';
CREATE INDEX outcomes_failed ON outcomes (transaction_id) WHERE outcome = 'FAILED';
CREATE INDEX outcomes_failed_by_account ON outcomes (account_id, transaction_id) WHERE outcome = 'FAILED';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are immutable', TG_TABLE_NAME USING ERRCODE = 'object_not_in_prerequisite_state';
END $$;
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON accepted FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON replayed_events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON outcomes FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON accepted EXECUTE FUNCTION refuse_change();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON replayed_events EXECUTE FUNCTION refuse_change();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON outcomes EXECUTE FUNCTION refuse_change();

-- Dead letters -----------------------------------------------------------------------------------------------------

-- An event that cannot be applied (it has a transaction), or a message that announces no event of ours (foreign: none).
CREATE TABLE dead_letters (
    id                uuid PRIMARY KEY,
    event_id          uuid UNIQUE,
    transaction_id    uuid REFERENCES accepted,
    account_id        uuid,
    lane              integer,
    seq               bigint,
    topic             text NOT NULL,
    partition         integer NOT NULL,
    "offset"          bigint NOT NULL,
    message_key       bytea,
    -- The message as it came: text when it is valid UTF-8, otherwise base64.
    payload           text NOT NULL,
    payload_encoding  text NOT NULL CHECK (payload_encoding IN ('utf8', 'base64')),
    value_sha256      bytea NOT NULL,
    -- An array of [name, value].
    headers           jsonb NOT NULL DEFAULT '[]',
    error_class       text NOT NULL CHECK (error_class IN ('permanent', 'unknown', 'foreign')),
    error_code        text NOT NULL,
    error_message     text NOT NULL,
    attempts          integer NOT NULL CHECK (attempts >= 1),
    first_failed_at   timestamptz NOT NULL,
    last_failed_at    timestamptz NOT NULL,
    state             text NOT NULL DEFAULT 'PARKED' CHECK (state IN ('PARKED', 'REPLAYED', 'DISCARDED')),
    decided_at        timestamptz,
    decided_by        text,
    CONSTRAINT dead_letters_decided CHECK ((state = 'PARKED') = (decided_at IS NULL)),
    CONSTRAINT dead_letters_foreign CHECK ((error_class = 'foreign') = (transaction_id IS NULL)),
    CONSTRAINT dead_letters_foreign_not_replayed CHECK (transaction_id IS NOT NULL OR state <> 'REPLAYED'),
    CONSTRAINT dead_letters_proven CHECK (transaction_id IS NULL
        OR (event_id IS NOT NULL AND account_id IS NOT NULL AND lane IS NOT NULL AND seq IS NOT NULL))
);
-- A forged message may carry the id of a real event: only proven letters hold event_id, so the two never collide.
CREATE UNIQUE INDEX dead_letters_foreign_once ON dead_letters (topic, partition, "offset", value_sha256)
    WHERE transaction_id IS NULL;
CREATE INDEX dead_letters_by_transaction ON dead_letters (transaction_id);
CREATE UNIQUE INDEX dead_letters_lane_seq_once ON dead_letters (lane, seq) WHERE transaction_id IS NOT NULL;
CREATE INDEX dead_letters_parked ON dead_letters (id) WHERE state = 'PARKED';

-- Views: the relations under their public names --------------------------------------------------------------------

CREATE VIEW lane_cursors AS
SELECT i.lane, i.last_seq, p.published_seq, a.applied_seq,
       greatest(p.published_seq, a.applied_seq) AS announced_seq,
       p.owner, p.epoch, p.lease_expires_at, p.publish_attempts, p.last_error
FROM lane_intake i JOIN lane_publish p USING (lane) JOIN lane_apply a USING (lane);

-- Every event of every lane.
CREATE VIEW lane_events AS
SELECT lane, seq, event_id, schema_version, id AS transaction_id, traceparent, created_at FROM accepted
UNION ALL
SELECT lane, seq, event_id, schema_version, transaction_id, traceparent, created_at FROM replayed_events;

-- Branches: decided (2), waiting as accepted (2), parked (1), waiting as replayed (2). A transaction is in exactly one.
-- lane and seq are those of the event that decided it or will decide it.
--
-- What waits in a lane is a short range at its end, but the planner takes "seq > cursor" for a third of the table. OFFSET
-- 0 keeps it from turning the look-ups of the lanes into one pass over all rows: it must read each lane's range through
-- the index on (lane, seq). The decided branches are planned on their own, without the ORDER BY around them: theirs lets
-- "ORDER BY id DESC LIMIT 50" read 50 rows.
CREATE VIEW transactions AS
(SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'PROCESSED'::text AS status, t.idempotency_key,
       NULL::text AS failure_reason, NULL::text AS failure_code, t.metadata, o.lane, o.seq, NULL::uuid AS dead_letter_id,
       t.created_at, o.processed_at AS updated_at
FROM outcomes o JOIN accepted t ON t.id = o.transaction_id WHERE o.outcome = 'PROCESSED' ORDER BY t.id DESC)
UNION ALL
(SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'FAILED', t.idempotency_key,
       o.failure_reason, o.failure_code, t.metadata, o.lane, o.seq, NULL, t.created_at, o.processed_at
FROM outcomes o JOIN accepted t ON t.id = o.transaction_id WHERE o.outcome = 'FAILED' ORDER BY t.id DESC)
UNION ALL
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'PENDING', t.idempotency_key,
       NULL, NULL, t.metadata, t.lane, t.seq, NULL, t.created_at, t.created_at
FROM lane_cursors c
     CROSS JOIN LATERAL (SELECT * FROM accepted a
                         WHERE a.lane = c.lane AND a.seq > c.announced_seq AND a.seq <= c.last_seq OFFSET 0) t
UNION ALL
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'PROCESSING', t.idempotency_key,
       NULL, NULL, t.metadata, t.lane, t.seq, NULL, t.created_at, t.created_at
FROM lane_cursors c
     CROSS JOIN LATERAL (SELECT * FROM accepted a
                         WHERE a.lane = c.lane AND a.seq > c.applied_seq AND a.seq <= c.announced_seq OFFSET 0) t
UNION ALL
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'PROCESSING', t.idempotency_key,
       NULL, NULL, t.metadata, d.lane, d.seq, d.id, t.created_at, d.last_failed_at
FROM dead_letters d JOIN accepted t ON t.id = d.transaction_id WHERE d.state = 'PARKED'
UNION ALL
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'PENDING', t.idempotency_key,
       NULL, NULL, t.metadata, r.lane, r.seq, NULL, t.created_at, r.created_at
FROM lane_cursors c
     CROSS JOIN LATERAL (SELECT * FROM replayed_events e
                         WHERE e.lane = c.lane AND e.seq > c.announced_seq AND e.seq <= c.last_seq OFFSET 0) r
     JOIN accepted t ON t.id = r.transaction_id
UNION ALL
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'PROCESSING', t.idempotency_key,
       NULL, NULL, t.metadata, r.lane, r.seq, NULL, t.created_at, r.created_at
FROM lane_cursors c
     CROSS JOIN LATERAL (SELECT * FROM replayed_events e
                         WHERE e.lane = c.lane AND e.seq > c.applied_seq AND e.seq <= c.announced_seq OFFSET 0) r
     JOIN accepted t ON t.id = r.transaction_id;

-- The same, one accepted row at a time: for look-ups by id, where the state of the row is all that is wanted. Each part
-- is one probe of an index; LIMIT 1 keeps the planner from turning many of them into a pass over a whole table.
CREATE VIEW transaction_states AS
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type,
       CASE WHEN o.outcome IS NOT NULL THEN o.outcome
            WHEN coalesce(d.seq, r.seq, t.seq) <= c.announced_seq THEN 'PROCESSING'
            ELSE 'PENDING' END AS status,
       t.idempotency_key, o.failure_reason, o.failure_code, t.metadata, t.lane,
       coalesce(o.seq, d.seq, r.seq, t.seq) AS seq, d.id AS dead_letter_id, t.created_at,
       coalesce(o.processed_at, d.last_failed_at, r.created_at, t.created_at) AS updated_at
FROM accepted t
     LEFT JOIN LATERAL (SELECT outcome, failure_reason, failure_code, seq, processed_at FROM outcomes
                        WHERE transaction_id = t.id LIMIT 1) o ON true
     LEFT JOIN LATERAL (SELECT id, seq, last_failed_at FROM dead_letters
                        WHERE transaction_id = t.id AND state = 'PARKED' LIMIT 1) d ON true
     LEFT JOIN LATERAL (SELECT seq, created_at FROM replayed_events
                        WHERE transaction_id = t.id ORDER BY seq DESC LIMIT 1) r ON true
     LEFT JOIN LATERAL (SELECT announced_seq FROM lane_cursors WHERE lane = t.lane LIMIT 1) c ON true;

CREATE VIEW outbox_events AS
SELECT e.event_id AS id, 'transaction'::text AS aggregate_type, t.id AS aggregate_id,
       'transaction.created'::text AS event_type,
       jsonb_build_object('transaction_id', t.id, 'account_id', t.account_id, 'amount_cents', t.amount_cents,
           'currency', t.currency, 'type', t.type, 'idempotency_key', t.idempotency_key)
       || CASE WHEN t.metadata IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('metadata', t.metadata) END AS payload,
       'PUBLISHED'::text AS status, 1 AS publish_attempts, NULL::text AS last_error, e.created_at, e.lane, e.seq
FROM lane_cursors c JOIN lane_events e ON e.lane = c.lane AND e.seq <= c.announced_seq
     JOIN accepted t ON t.id = e.transaction_id
UNION ALL
SELECT e.event_id, 'transaction', t.id, 'transaction.created',
       jsonb_build_object('transaction_id', t.id, 'account_id', t.account_id, 'amount_cents', t.amount_cents,
           'currency', t.currency, 'type', t.type, 'idempotency_key', t.idempotency_key)
       || CASE WHEN t.metadata IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('metadata', t.metadata) END,
       'PENDING', c.publish_attempts, c.last_error, e.created_at, e.lane, e.seq
FROM lane_cursors c
     CROSS JOIN LATERAL (SELECT * FROM lane_events l
                         WHERE l.lane = c.lane AND l.seq > c.announced_seq AND l.seq <= c.last_seq OFFSET 0) e
     CROSS JOIN LATERAL (SELECT * FROM accepted a WHERE a.id = e.transaction_id OFFSET 0) t;

CREATE VIEW processed_events AS
SELECT event_id, transaction_id, processed_at, outcome, balance_after_cents, failure_code, lane, seq FROM outcomes;
