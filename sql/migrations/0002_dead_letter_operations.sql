-- Dead letters as operators work with them: announced on a topic, found by what is wrong with them, decided on record.
-- compatible-from: 1

-- When the letter was acknowledged on the topic of dead letters. Letters from before this migration, and those of the
-- in-process bus, which has no such topic, are NULL: the first publisher on Kafka announces them.
ALTER TABLE dead_letters ADD COLUMN announced_at timestamptz;
CREATE INDEX dead_letters_unannounced ON dead_letters (id) WHERE announced_at IS NULL;

-- Lists are newest first, and each filter that can be rare among many letters has an index in that order.
CREATE INDEX dead_letters_newest ON dead_letters (last_failed_at, id);
CREATE INDEX dead_letters_by_account ON dead_letters (account_id, last_failed_at, id);
CREATE INDEX dead_letters_by_class ON dead_letters (error_class, last_failed_at, id);
CREATE INDEX dead_letters_by_code ON dead_letters (error_code, last_failed_at, id);

-- One row a decision, written in the transaction that changes the letter's state. A letter is decided once at most, and
-- binaries of level 1 decide without a row.
CREATE TABLE dead_letter_decisions (
    dead_letter_id   uuid PRIMARY KEY REFERENCES dead_letters,
    decision         text NOT NULL CHECK (decision IN ('REPLAYED', 'DISCARDED')),
    decided_at       timestamptz NOT NULL,
    decided_by       text NOT NULL,
    -- The name that the caller gave, and the fingerprint of the key it was let in with: NULL where there was none.
    operator         text CHECK (char_length(operator) BETWEEN 1 AND 100),
    key_fingerprint  text,
    -- The same for all decisions of one bulk command.
    bulk_id          uuid,
    reason           text CHECK (char_length(reason) BETWEEN 1 AND 500),
    request_id       text NOT NULL
);
COMMENT ON TABLE dead_letter_decisions IS 'Who decided which dead letter, when and why. Never changed.';
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON dead_letter_decisions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON dead_letter_decisions EXECUTE FUNCTION refuse_change();
