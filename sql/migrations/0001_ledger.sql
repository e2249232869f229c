-- The ledger: accounts, the transactions accepted for them, the place of each transaction in the lane of every account
-- that it touches, and what was decided at each place.
-- compatible-from: 1
--
-- A payment only adds rows. Nothing on its path is updated, so a snapshot that is held open costs nothing. The status of
-- a transaction and the balance of an account are derived from these rows by the views at the end of this file.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are immutable', TG_TABLE_NAME USING ERRCODE = 'object_not_in_prerequisite_state';
END $$;

-- Fails the transaction unless a condition holds that the statement before could not check: what it inserted is
-- complete.
CREATE FUNCTION demand(is_so boolean, what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF is_so IS NOT TRUE THEN RAISE EXCEPTION '%', what USING ERRCODE = 'LL001'; END IF;
    RETURN true;
END $$;

-- Lanes ------------------------------------------------------------------------------------------------------------
--
-- A lane is a dense sequence of places 1, 2, 3, ... Its last seq is the greatest in accepted and places, its applied seq
-- the greatest in decisions. Each is read by one probe of an index, in a statement that begins after the lane's lock
-- was taken.

CREATE TABLE lane_intake (
    lane  integer PRIMARY KEY CHECK (lane >= 0)
);
COMMENT ON TABLE lane_intake IS 'A row is locked until commit by whoever numbers places of its lane. Rows never change.';

CREATE TABLE lane_apply (
    lane  integer PRIMARY KEY CHECK (lane >= 0)
);
COMMENT ON TABLE lane_apply IS 'A row is locked until commit by whoever decides places of its lane. Rows never change.';

CREATE TABLE lane_publish (
    lane              integer PRIMARY KEY CHECK (lane >= 0),
    published_seq     bigint NOT NULL DEFAULT 0 CHECK (published_seq >= 0),
    owner             text,
    epoch             bigint NOT NULL DEFAULT 0,
    publish_attempts  integer NOT NULL DEFAULT 0,
    last_error        text
);
COMMENT ON TABLE lane_publish IS 'How far the bus has a lane, and who publishes it.';
COMMENT ON COLUMN lane_publish.published_seq IS 'A hint, written at most once a second: everything up to it was acknowledged.';
COMMENT ON COLUMN lane_publish.epoch IS 'Every write of the owner names it. It rises when the owner changes and with each rewind.';

INSERT INTO lane_intake (lane) SELECT generate_series(0, 47);
INSERT INTO lane_apply (lane) SELECT lane FROM lane_intake;
INSERT INTO lane_publish (lane) SELECT lane FROM lane_intake;

-- The lane of an account, for ever: the last two bytes of its id, which are random, modulo the number of lanes.
CREATE FUNCTION lane_of(account_id uuid) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (get_byte(uuid_send(account_id), 14) * 256 + get_byte(uuid_send(account_id), 15)) % 48;

-- Publisher processes that are alive. A lane's lease is that of its owner, so that renewing leases writes one row.
CREATE TABLE publishers (
    owner       text PRIMARY KEY,
    expires_at  timestamptz NOT NULL
);

-- What halts a stage of a lane: one row while it is halted. Written by the stage itself.
CREATE TABLE lane_halts (
    lane       integer NOT NULL REFERENCES lane_intake,
    stage      text NOT NULL CHECK (stage IN ('publish', 'apply')),
    seq        bigint NOT NULL CHECK (seq >= 1),  -- of the place that the stage does not get past
    code       text NOT NULL,
    reason     text NOT NULL,
    halted_at  timestamptz NOT NULL,
    PRIMARY KEY (lane, stage)
);

-- Accounts ---------------------------------------------------------------------------------------------------------

-- An account without its balance, which is that of its latest decision (view accounts).
CREATE TABLE account_settings (
    id                 uuid PRIMARY KEY,
    lane               integer NOT NULL,
    currency           text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    min_balance_cents  bigint NOT NULL DEFAULT 0,
    status             text NOT NULL DEFAULT 'ACTIVE' CHECK (status IN ('ACTIVE', 'SUSPENDED')),
    reference          text UNIQUE CHECK (char_length(reference) BETWEEN 1 AND 255),
    metadata           jsonb CHECK (jsonb_typeof(metadata) = 'object'),
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    CONSTRAINT account_settings_lane CHECK (lane = lane_of(id)),
    CONSTRAINT account_settings_floor_range CHECK (min_balance_cents BETWEEN -1000000000000000 AND 0)
);
CREATE INDEX account_settings_suspended ON account_settings (id) WHERE status = 'SUSPENDED';
-- Intake and apply rely on an account that exists to exist for ever: no foreign key points here, since each would cost
-- every payment a look-up.
CREATE TRIGGER not_deleted BEFORE DELETE ON account_settings FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON account_settings EXECUTE FUNCTION refuse_change();

-- One row a change of an account's settings, written under the lane's apply lock: decisions of the lane up to
-- applied_seq were made before it, all others after it.
CREATE TABLE account_changes (
    account_id   uuid NOT NULL REFERENCES account_settings,
    number       integer NOT NULL CHECK (number >= 1),  -- of the account's changes
    lane         integer NOT NULL,
    applied_seq  bigint NOT NULL,
    before       jsonb NOT NULL,
    after        jsonb NOT NULL,
    changed_at   timestamptz NOT NULL,
    request_id   text NOT NULL,
    PRIMARY KEY (account_id, number)
);

-- Idempotency keys of POST /v1/accounts, kept as long as the account. The key is the only scope.
CREATE TABLE account_keys (
    idempotency_key  text PRIMARY KEY CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
    -- Deferred: the key is taken first, so that a second request with it waits for the first one.
    account_id       uuid NOT NULL UNIQUE REFERENCES account_settings DEFERRABLE INITIALLY DEFERRED,
    -- What was asked for, to tell another request with the same key: currency, reference, min_balance_cents, metadata.
    request          jsonb NOT NULL,
    created_at       timestamptz NOT NULL
);

-- What was accepted ------------------------------------------------------------------------------------------------

-- One row a transaction, with its event and its first place: the place of the first account that its legs name. This
-- is the outbox too. No CHECK looks into metadata or legs: intake has, and each look costs every payment.
CREATE TABLE accepted (
    id               uuid NOT NULL,
    account_id       uuid NOT NULL,
    event_id         uuid NOT NULL,
    seq              bigint NOT NULL CHECK (seq >= 1),
    amount_cents     bigint NOT NULL CHECK (amount_cents >= 1),  -- the sum of the legs
    net_cents        bigint NOT NULL,                            -- the effect on account_id
    created_at       timestamptz NOT NULL,
    lane             integer NOT NULL,
    places           smallint NOT NULL CHECK (places BETWEEN 1 AND 200),  -- how many accounts it touches
    schema_version   smallint NOT NULL,
    currency         text NOT NULL,
    type             text NOT NULL CHECK (type IN ('DEBIT', 'CREDIT', 'TRANSFER')),
    idempotency_key  text NOT NULL CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
    -- [{"from_account_id": id, "to_account_id": id, "amount_cents": n, "currency": c}, ...]; from_external or to_external
    -- is true where a side is the outside world. NULL for a DEBIT or CREDIT, whose one leg the other columns tell.
    legs             jsonb,
    reference        text,  -- the caller's own name for it, not unique
    metadata         jsonb,
    traceparent      text,
    CONSTRAINT accepted_id_once PRIMARY KEY (id),
    CONSTRAINT accepted_key_once UNIQUE (account_id, idempotency_key),
    CONSTRAINT accepted_place_once UNIQUE (lane, seq),
    CONSTRAINT accepted_legs CHECK ((type = 'TRANSFER') = (legs IS NOT NULL) AND (type = 'TRANSFER' OR places = 1))
) WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
        autovacuum_freeze_min_age = 0);

-- By the caller's name. Payments without one pay nothing for it.
CREATE INDEX accepted_by_reference ON accepted (reference, id) WHERE reference IS NOT NULL;

-- All other places: of the further accounts of a transaction, and those at which a dead letter is replayed or
-- discarded, of all its accounts.
CREATE TABLE places (
    lane            integer NOT NULL,
    seq             bigint NOT NULL CHECK (seq >= 1),
    account_id      uuid NOT NULL,
    net_cents       bigint NOT NULL,
    transaction_id  uuid NOT NULL,
    event_id        uuid NOT NULL,
    places          smallint NOT NULL CHECK (places BETWEEN 1 AND 200),
    -- The letter that is replayed or discarded here, and which of the two. NULL for a place given at intake.
    dead_letter_id  uuid,
    verdict         text CHECK (verdict IN ('replay', 'discard')),
    traceparent     text,  -- of the replay or discard; NULL for a place given at intake, which has that of accepted
    created_at      timestamptz NOT NULL,
    CONSTRAINT places_place_once PRIMARY KEY (lane, seq),
    CONSTRAINT places_verdict CHECK ((verdict IS NULL) = (dead_letter_id IS NULL))
) WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
        autovacuum_freeze_min_age = 0);
-- A transaction has one place for each account, and one more for each letter: also how its places are found.
CREATE UNIQUE INDEX places_once ON places (transaction_id, account_id) WHERE dead_letter_id IS NULL;
CREATE UNIQUE INDEX places_of_letter_once ON places (dead_letter_id, account_id) WHERE dead_letter_id IS NOT NULL;
CREATE INDEX places_of_letters ON places (transaction_id) WHERE dead_letter_id IS NOT NULL;

-- What was decided -------------------------------------------------------------------------------------------------

-- One row a place, written for all places of a transaction in one commit. The primary key makes a second decision at a
-- place impossible, whatever the code does; the keys of accepted and places do the same for a second place.
CREATE TABLE decisions (
    lane                 integer NOT NULL,
    seq                  bigint NOT NULL,
    transaction_id       uuid NOT NULL,
    account_id           uuid NOT NULL,
    amount_cents         bigint NOT NULL,        -- the place's net_cents
    balance_after_cents  bigint NOT NULL,        -- of the account; what it was before, unless POSTED
    floor_cents          bigint NOT NULL,        -- of the account, when this was decided
    processed_at         timestamptz NOT NULL,
    kind                 text NOT NULL CHECK (kind IN ('POSTED', 'REFUSED', 'PARKED')),
    failure_code         text,
    failure_reason       text,
    dead_letter_id       uuid,
    CONSTRAINT decisions_place_once PRIMARY KEY (lane, seq),
    CONSTRAINT decisions_refusal_named CHECK ((kind = 'REFUSED') = (failure_code IS NOT NULL)),
    CONSTRAINT decisions_parked_has_letter CHECK ((kind = 'PARKED') = (dead_letter_id IS NOT NULL)),
    CONSTRAINT decisions_balance_exact CHECK (balance_after_cents BETWEEN -9000000000000000 AND 9000000000000000),
    -- What lowers a balance may not cross the floor.
    CONSTRAINT decisions_not_below_floor CHECK (kind <> 'POSTED' OR amount_cents >= 0
                                                OR balance_after_cents >= floor_cents)
) WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
        autovacuum_freeze_min_age = 0);
-- The balance of an account, by one probe, and its history.
CREATE INDEX decisions_by_account ON decisions (account_id, seq);
-- Lists of what was refused. Payments that are posted pay nothing for them.
CREATE INDEX decisions_refused ON decisions (transaction_id) WHERE kind = 'REFUSED';
CREATE INDEX decisions_refused_by_account ON decisions (account_id, seq) WHERE kind = 'REFUSED';

-- How often an event failed for an unknown reason. Written on failure only, before the next try, so that a crash of the
-- worker does not start the count again; deleted when the event is decided.
CREATE TABLE apply_attempts (
    event_id         uuid PRIMARY KEY,
    attempts         integer NOT NULL CHECK (attempts >= 1),
    first_failed_at  timestamptz NOT NULL
);

-- Dead letters -----------------------------------------------------------------------------------------------------

-- An event that cannot be applied (it has a transaction), or a message that announces no event of ours (foreign: none).
CREATE TABLE dead_letters (
    id                uuid PRIMARY KEY,
    event_id          uuid UNIQUE,
    transaction_id    uuid REFERENCES accepted,
    account_id        uuid,      -- the transaction's first account, with its place
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
    headers           jsonb NOT NULL DEFAULT '[]',  -- an array of [name, value]
    error_class       text NOT NULL CHECK (error_class IN ('permanent', 'unknown', 'foreign')),
    error_code        text NOT NULL,
    error_message     text NOT NULL,
    attempts          integer NOT NULL CHECK (attempts >= 1),
    first_failed_at   timestamptz NOT NULL,
    last_failed_at    timestamptz NOT NULL,
    state             text NOT NULL DEFAULT 'PARKED' CHECK (state IN ('PARKED', 'REPLAYED', 'DISCARDED')),
    decided_at        timestamptz,
    decided_by        text,
    -- When the topic of dead letters acknowledged it. NULL for the in-process bus, which has none: the first publisher
    -- on Kafka announces such letters.
    announced_at      timestamptz,
    CONSTRAINT dead_letters_decided CHECK ((state = 'PARKED') = (decided_at IS NULL)),
    CONSTRAINT dead_letters_foreign CHECK ((error_class = 'foreign') = (transaction_id IS NULL)),
    CONSTRAINT dead_letters_foreign_not_replayed CHECK (transaction_id IS NOT NULL OR state <> 'REPLAYED'),
    CONSTRAINT dead_letters_proven CHECK (transaction_id IS NULL
        OR (event_id IS NOT NULL AND account_id IS NOT NULL AND lane IS NOT NULL AND seq IS NOT NULL))
);
-- A forged message may carry the id of a real event: only proven letters hold event_id, so the two never collide.
CREATE UNIQUE INDEX dead_letters_foreign_once ON dead_letters (topic, partition, "offset", value_sha256)
    WHERE transaction_id IS NULL;
CREATE UNIQUE INDEX dead_letters_place_once ON dead_letters (lane, seq) WHERE transaction_id IS NOT NULL;
CREATE INDEX dead_letters_by_transaction ON dead_letters (transaction_id);
CREATE INDEX dead_letters_parked ON dead_letters (id) WHERE state = 'PARKED';
CREATE INDEX dead_letters_unannounced ON dead_letters (id) WHERE announced_at IS NULL;
-- Lists are newest first, and each filter that can be rare among many letters has an index in that order.
CREATE INDEX dead_letters_newest ON dead_letters (last_failed_at, id);
CREATE INDEX dead_letters_by_account ON dead_letters (account_id, last_failed_at, id);
CREATE INDEX dead_letters_by_class ON dead_letters (error_class, last_failed_at, id);
CREATE INDEX dead_letters_by_code ON dead_letters (error_code, last_failed_at, id);

-- One row a decision of an operator, written in the transaction that changes the letter's state and gives its accounts
-- their places. A letter is decided once at most.
CREATE TABLE dead_letter_decisions (
    dead_letter_id   uuid PRIMARY KEY REFERENCES dead_letters,
    decision         text NOT NULL CHECK (decision IN ('REPLAYED', 'DISCARDED')),
    decided_at       timestamptz NOT NULL,
    decided_by       text NOT NULL,
    -- The name that the caller gave, and the fingerprint of the key it was let in with: NULL where there was none.
    operator         text CHECK (char_length(operator) BETWEEN 1 AND 100),
    key_fingerprint  text,
    bulk_id          uuid,  -- the same for all decisions of one bulk command
    reason           text CHECK (char_length(reason) BETWEEN 1 AND 500),
    request_id       text NOT NULL
);

-- Immutable rows ---------------------------------------------------------------------------------------------------

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['accepted', 'places', 'decisions', 'account_changes', 'account_keys',
                                'dead_letter_decisions', 'lane_intake', 'lane_apply'] LOOP
        EXECUTE format('CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON %I FOR EACH ROW '
                       'EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('CREATE TRIGGER not_truncated BEFORE TRUNCATE ON %I EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;

-- A letter's places follow its parking: no transaction is decided again that was decided for good. Replays are rare, so
-- the look-up costs payments nothing.
CREATE FUNCTION demand_parked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM demand(EXISTS (SELECT FROM decisions WHERE dead_letter_id = NEW.dead_letter_id
                           AND account_id = NEW.account_id AND transaction_id = NEW.transaction_id),
                   'a place of a dead letter needs its parked place');
    RETURN NEW;
END $$;
CREATE INDEX decisions_parked ON decisions (dead_letter_id, account_id) WHERE dead_letter_id IS NOT NULL;
CREATE TRIGGER after_parking BEFORE INSERT ON places FOR EACH ROW WHEN (NEW.dead_letter_id IS NOT NULL)
    EXECUTE FUNCTION demand_parked();

-- Views: the relations under their public names --------------------------------------------------------------------

CREATE VIEW lane_cursors AS
SELECT p.lane, s.last_seq, p.published_seq, s.applied_seq, greatest(p.published_seq, s.applied_seq) AS announced_seq,
       p.owner, p.epoch, o.expires_at AS lease_expires_at, p.publish_attempts, p.last_error
FROM lane_publish p
     CROSS JOIN LATERAL (
         SELECT greatest((SELECT seq FROM accepted WHERE lane = p.lane ORDER BY seq DESC LIMIT 1),
                         (SELECT seq FROM places WHERE lane = p.lane ORDER BY seq DESC LIMIT 1), 0) AS last_seq,
                coalesce((SELECT seq FROM decisions WHERE lane = p.lane ORDER BY seq DESC LIMIT 1), 0) AS applied_seq
     ) s
     LEFT JOIN publishers o ON o.owner = p.owner;

-- The halts that are true. A stage that dies right after it got past its place leaves a row behind until the next one
-- finds it: such a row says nothing any more.
CREATE VIEW standing_halts AS
SELECT h.lane, h.stage, h.seq, h.code, h.reason, h.halted_at
FROM lane_halts h JOIN lane_cursors c USING (lane)
WHERE h.seq > CASE h.stage WHEN 'publish' THEN c.published_seq ELSE c.applied_seq END;

-- Every place of every lane.
CREATE VIEW lane_places AS
SELECT lane, seq, account_id, net_cents, id AS transaction_id, event_id, places, NULL::uuid AS dead_letter_id,
       NULL::text AS verdict, traceparent, created_at FROM accepted
UNION ALL
SELECT lane, seq, account_id, net_cents, transaction_id, event_id, places, dead_letter_id, verdict, traceparent,
       created_at FROM places;

-- The places of one event: those of a transaction that were given at intake, or those of a dead letter. They are decided
-- together.
CREATE FUNCTION event_places(of_transaction uuid, of_letter uuid) RETURNS SETOF lane_places LANGUAGE sql STABLE AS $$
    SELECT lane, seq, account_id, net_cents, id, event_id, places, NULL::uuid, NULL::text, traceparent, created_at
    FROM accepted WHERE id = of_transaction AND of_letter IS NULL
    UNION ALL
    SELECT lane, seq, account_id, net_cents, transaction_id, event_id, places, dead_letter_id, verdict, traceparent,
           created_at
    FROM places WHERE transaction_id = of_transaction AND dead_letter_id IS NULL AND of_letter IS NULL
    UNION ALL
    SELECT lane, seq, account_id, net_cents, transaction_id, event_id, places, dead_letter_id, verdict, traceparent,
           created_at
    FROM places WHERE dead_letter_id = of_letter
$$;

CREATE VIEW accounts AS
SELECT s.id, s.currency, coalesce(d.balance_after_cents, 0) AS balance_cents, s.min_balance_cents, s.status, s.reference,
       s.metadata, s.lane, s.created_at, greatest(s.updated_at, d.processed_at) AS updated_at
FROM account_settings s
     LEFT JOIN LATERAL (SELECT balance_after_cents, processed_at FROM decisions
                        WHERE account_id = s.id ORDER BY seq DESC LIMIT 1) d ON true;

-- One row a transaction. lane and seq are those of the place of its first account that decided it or will decide it.
-- Branches: decided at its first place (2) or at that of a letter (2), waiting at its first place (2), parked (1), waiting
-- at the place of a letter (2). A transaction is in exactly one.
--
-- What waits in a lane is a short range at its end, but the planner takes "seq > cursor" for a third of the table. OFFSET
-- 0 keeps it from turning the look-ups of the lanes into one pass over all rows. The decided branches are planned on
-- their own, without the ORDER BY around them: theirs lets "ORDER BY id DESC LIMIT 50" read 50 rows. Of what is PROCESSED
-- each row is probed for by itself: one pass over both tables would be cheaper for all rows, and dear for fifty.
CREATE VIEW transactions AS
(SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'PROCESSED'::text AS status, t.idempotency_key,
       NULL::text AS failure_reason, NULL::text AS failure_code, t.legs, t.reference, t.metadata, d.lane, d.seq, NULL::uuid AS dead_letter_id, t.created_at, d.processed_at AS updated_at
FROM accepted t
     CROSS JOIN LATERAL (SELECT * FROM decisions WHERE lane = t.lane AND seq = t.seq LIMIT 1) d
WHERE d.kind = 'POSTED' ORDER BY t.id DESC)
UNION ALL
(SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'FAILED', t.idempotency_key,
       d.failure_reason, d.failure_code, t.legs, t.reference, t.metadata, d.lane, d.seq, NULL, t.created_at, d.processed_at
FROM accepted t JOIN decisions d ON d.lane = t.lane AND d.seq = t.seq
WHERE d.kind = 'REFUSED' ORDER BY t.id DESC)
UNION ALL
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'PROCESSED', t.idempotency_key,
       NULL, NULL, t.legs, t.reference, t.metadata, d.lane, d.seq, NULL, t.created_at, d.processed_at
FROM places r JOIN decisions d ON d.lane = r.lane AND d.seq = r.seq
     JOIN accepted t ON t.id = r.transaction_id AND t.account_id = r.account_id
WHERE r.dead_letter_id IS NOT NULL AND d.kind = 'POSTED'
UNION ALL
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'FAILED', t.idempotency_key,
       d.failure_reason, d.failure_code, t.legs, t.reference, t.metadata, d.lane, d.seq, NULL, t.created_at, d.processed_at
FROM places r JOIN decisions d ON d.lane = r.lane AND d.seq = r.seq
     JOIN accepted t ON t.id = r.transaction_id AND t.account_id = r.account_id
WHERE r.dead_letter_id IS NOT NULL AND d.kind = 'REFUSED'
UNION ALL
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'PENDING', t.idempotency_key,
       NULL, NULL, t.legs, t.reference, t.metadata, t.lane, t.seq, NULL, t.created_at, t.created_at
FROM lane_cursors c
     CROSS JOIN LATERAL (SELECT * FROM accepted a WHERE a.lane = c.lane AND a.seq > c.announced_seq OFFSET 0) t
UNION ALL
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'PROCESSING', t.idempotency_key,
       NULL, NULL, t.legs, t.reference, t.metadata, t.lane, t.seq, NULL, t.created_at, t.created_at
FROM lane_cursors c
     CROSS JOIN LATERAL (SELECT * FROM accepted a WHERE a.lane = c.lane AND a.seq > c.applied_seq AND a.seq <= c.announced_seq OFFSET 0) t
UNION ALL
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'PROCESSING', t.idempotency_key,
       NULL, NULL, t.legs, t.reference, t.metadata, l.lane, l.seq, l.id, t.created_at, l.last_failed_at
FROM dead_letters l JOIN accepted t ON t.id = l.transaction_id WHERE l.state = 'PARKED'
UNION ALL
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'PENDING', t.idempotency_key,
       NULL, NULL, t.legs, t.reference, t.metadata, r.lane, r.seq, NULL, t.created_at, r.created_at
FROM lane_cursors c
     CROSS JOIN LATERAL (SELECT * FROM places e WHERE e.lane = c.lane AND e.dead_letter_id IS NOT NULL
                         AND e.seq > c.announced_seq AND e.verdict = 'replay' OFFSET 0) r
     JOIN accepted t ON t.id = r.transaction_id AND t.account_id = r.account_id
UNION ALL
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type, 'PROCESSING', t.idempotency_key,
       NULL, NULL, t.legs, t.reference, t.metadata, r.lane, r.seq, NULL, t.created_at, r.created_at
FROM lane_cursors c
     CROSS JOIN LATERAL (SELECT * FROM places e WHERE e.lane = c.lane AND e.dead_letter_id IS NOT NULL
                         AND e.seq > c.applied_seq AND (e.seq <= c.announced_seq OR e.verdict = 'discard') OFFSET 0) r
     JOIN accepted t ON t.id = r.transaction_id AND t.account_id = r.account_id;

-- The same, one accepted row at a time: for look-ups by id. Each part is one probe of an index; LIMIT 1 keeps the planner
-- from turning many of them into a pass over a whole table.
CREATE VIEW transaction_states AS
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type,
       CASE d.kind WHEN 'POSTED' THEN 'PROCESSED' WHEN 'REFUSED' THEN 'FAILED' WHEN 'PARKED' THEN 'PROCESSING'
                   ELSE CASE WHEN p.seq <= c.announced_seq OR p.verdict = 'discard' THEN 'PROCESSING'
                             ELSE 'PENDING' END END AS status,
       t.idempotency_key, d.failure_reason, d.failure_code, t.legs, t.reference, t.metadata, p.lane, p.seq, d.dead_letter_id,
       t.created_at, coalesce(d.processed_at, p.created_at) AS updated_at
FROM accepted t
     LEFT JOIN LATERAL (SELECT seq, verdict, created_at FROM places
                        WHERE transaction_id = t.id AND dead_letter_id IS NOT NULL AND account_id = t.account_id
                        ORDER BY seq DESC LIMIT 1) r ON true
     CROSS JOIN LATERAL (SELECT t.lane, coalesce(r.seq, t.seq) AS seq, r.verdict,
                                coalesce(r.created_at, t.created_at) AS created_at OFFSET 0) p
     LEFT JOIN LATERAL (SELECT kind, failure_code, failure_reason, dead_letter_id, processed_at FROM decisions
                        WHERE lane = p.lane AND seq = p.seq LIMIT 1) d ON true
     LEFT JOIN LATERAL (SELECT announced_seq FROM lane_cursors WHERE lane = p.lane AND d.kind IS NULL LIMIT 1) c ON true;

-- What is not decided, one row a touched account: what waits in the lanes, and what is parked. What waits in a lane is a
-- short range at its end, but the planner takes "seq > applied" for a third of the table: OFFSET 0 makes it read each
-- lane's range through the index.
CREATE VIEW undecided AS
SELECT t.id, t.account_id, t.lane, true AS is_first,
       CASE WHEN t.seq <= c.announced_seq THEN 'PROCESSING' ELSE 'PENDING' END AS status
FROM lane_cursors c
     CROSS JOIN LATERAL (SELECT id, account_id, lane, seq FROM accepted
                         WHERE lane = c.lane AND seq > c.applied_seq OFFSET 0) t
UNION ALL
SELECT p.transaction_id, p.account_id, p.lane, p.account_id = t.account_id,
       CASE WHEN p.seq <= c.announced_seq OR p.verdict = 'discard' THEN 'PROCESSING' ELSE 'PENDING' END
FROM lane_cursors c
     CROSS JOIN LATERAL (SELECT transaction_id, account_id, lane, seq, verdict FROM places
                         WHERE lane = c.lane AND seq > c.applied_seq OFFSET 0) p
     CROSS JOIN LATERAL (SELECT account_id FROM accepted WHERE id = p.transaction_id LIMIT 1) t
UNION ALL
SELECT l.transaction_id, d.account_id, d.lane, d.account_id = l.account_id, 'PROCESSING'
FROM dead_letters l
     CROSS JOIN LATERAL (SELECT account_id, lane FROM decisions WHERE dead_letter_id = l.id OFFSET 0) d
WHERE l.state = 'PARKED' AND l.transaction_id IS NOT NULL;

-- The seq at which a transaction was accepted for one of its accounts, and the last one that it has there since: where a
-- list by account goes on. Past every seq when there is none.
CREATE FUNCTION first_place_seq(of_transaction uuid, of_account uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT seq FROM accepted WHERE id = of_transaction AND account_id = of_account),
                    (SELECT seq FROM places WHERE transaction_id = of_transaction AND account_id = of_account
                     AND dead_letter_id IS NULL), 9223372036854775807)
$$;
CREATE FUNCTION last_place_seq(of_transaction uuid, of_account uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT max(seq) FROM places WHERE transaction_id = of_transaction AND account_id = of_account
                     AND dead_letter_id IS NOT NULL), first_place_seq(of_transaction, of_account))
$$;

-- One row a posted change of a balance.
CREATE VIEW entries AS
SELECT account_id, seq, lane, transaction_id, amount_cents, balance_after_cents, processed_at
FROM decisions WHERE kind = 'POSTED';

CREATE VIEW refusals AS
SELECT account_id, seq, lane, transaction_id, amount_cents, failure_code, failure_reason, processed_at
FROM decisions WHERE kind = 'REFUSED';

CREATE FUNCTION payload_of(t accepted) RETURNS jsonb LANGUAGE sql IMMUTABLE RETURN
    jsonb_strip_nulls(jsonb_build_object('transaction_id', t.id, 'account_id', t.account_id, 'amount_cents',
        t.amount_cents, 'currency', t.currency, 'type', t.type, 'idempotency_key', t.idempotency_key, 'legs', t.legs,
        'reference', t.reference))
    || CASE WHEN t.metadata IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('metadata', t.metadata) END;

-- One row an event: the first one of a transaction, and one more for each replay and discard.
CREATE VIEW outbox_events AS
SELECT e.event_id AS id, 'transaction'::text AS aggregate_type, t.id AS aggregate_id,
       'transaction.created'::text AS event_type, payload_of(t) AS payload, 'PUBLISHED'::text AS status,
       1 AS publish_attempts, NULL::text AS last_error, e.created_at, e.lane, e.seq
FROM lane_cursors c JOIN lane_places e ON e.lane = c.lane AND e.seq <= c.announced_seq
     JOIN accepted t ON t.id = e.transaction_id AND t.account_id = e.account_id
UNION ALL
SELECT e.event_id, 'transaction', t.id, 'transaction.created', payload_of(t), 'PENDING', c.publish_attempts,
       c.last_error, e.created_at, e.lane, e.seq
FROM lane_cursors c
     CROSS JOIN LATERAL (SELECT * FROM lane_places l WHERE l.lane = c.lane AND l.seq > c.announced_seq OFFSET 0) e
     CROSS JOIN LATERAL (SELECT * FROM accepted a
                         WHERE a.id = e.transaction_id AND a.account_id = e.account_id OFFSET 0) t;

CREATE VIEW processed_events AS
SELECT e.event_id, e.transaction_id, d.processed_at,
       CASE d.kind WHEN 'POSTED' THEN 'PROCESSED' ELSE 'FAILED' END AS outcome, d.balance_after_cents, d.failure_code,
       d.lane, d.seq
FROM lane_places e
     CROSS JOIN LATERAL (SELECT * FROM decisions WHERE lane = e.lane AND seq = e.seq LIMIT 1) d
     JOIN accepted t ON t.id = e.transaction_id AND t.account_id = e.account_id
WHERE d.kind <> 'PARKED';
