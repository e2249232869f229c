-- Holds: what an account has set aside, and the captures and releases that settle it.
-- compatible-from: 2
--
-- Binaries of level 1 decide without looking at what is held, so none may run beside this schema. Plain payments get two
-- columns of NULL in accepted and two of 0 in decisions; no row is rewritten, and no constraint looks at old rows, which
-- all satisfy them.

ALTER TABLE accepted
    ADD COLUMN parent_id uuid,  -- of a CAPTURE or RELEASE: the hold
    -- What a HOLD, CAPTURE or RELEASE asks for beside amount and legs, as it was asked: expires_at or expires_in_s,
    -- to_account_id, final.
    ADD COLUMN terms jsonb,
    DROP CONSTRAINT accepted_type_check,
    DROP CONSTRAINT accepted_legs,
    ADD CONSTRAINT accepted_type CHECK (type IN ('DEBIT', 'CREDIT', 'TRANSFER', 'HOLD', 'CAPTURE', 'RELEASE')) NOT VALID,
    ADD CONSTRAINT accepted_legs CHECK ((type IN ('TRANSFER', 'CAPTURE')) = (legs IS NOT NULL)
                                        AND (legs IS NOT NULL OR places = 1)) NOT VALID,
    ADD CONSTRAINT accepted_parent CHECK ((type IN ('CAPTURE', 'RELEASE')) = (parent_id IS NOT NULL)) NOT VALID;
-- Lists of holds. Whatever is none pays nothing for it.
CREATE INDEX accepted_holds ON accepted (id) WHERE type = 'HOLD';
CREATE INDEX accepted_holds_by_account ON accepted (account_id, id) WHERE type = 'HOLD';

ALTER TABLE decisions
    ADD COLUMN held_delta_cents bigint NOT NULL DEFAULT 0,  -- 0 unless POSTED
    ADD COLUMN held_after_cents bigint NOT NULL DEFAULT 0,  -- of the account
    DROP CONSTRAINT decisions_not_below_floor,
    -- What lowers the available amount may not cross the floor. A capture does not lower it.
    ADD CONSTRAINT decisions_not_below_floor CHECK (kind <> 'POSTED' OR amount_cents - held_delta_cents >= 0
                                                    OR balance_after_cents - held_after_cents >= floor_cents) NOT VALID,
    ADD CONSTRAINT decisions_held CHECK (held_after_cents >= 0) NOT VALID;

-- When a hold expires, by the clock of the database.
CREATE FUNCTION hold_expiry(created_at timestamptz, terms jsonb) RETURNS timestamptz LANGUAGE sql IMMUTABLE RETURN
    CASE WHEN terms ? 'expires_at' THEN timestamptz 'epoch' + (terms->>'expires_at')::bigint * interval '1 microsecond'
         ELSE created_at + (terms->>'expires_in_s')::bigint * interval '1 second' END;

-- What became of a hold, step by step. Its state is its latest step; a hold that was not posted has none.
CREATE TABLE hold_steps (
    hold_id               uuid NOT NULL,
    seq                   bigint NOT NULL,  -- of the deciding place in the lane of the hold's account
    transaction_id        uuid NOT NULL,    -- the HOLD, CAPTURE or RELEASE
    amount_cents          bigint NOT NULL,
    captured_after_cents  bigint NOT NULL,
    released_after_cents  bigint NOT NULL,
    state                 text NOT NULL CHECK (state IN ('OPEN', 'CAPTURED', 'RELEASED', 'EXPIRED')),
    CONSTRAINT hold_steps_once PRIMARY KEY (hold_id, seq),
    CONSTRAINT hold_steps_within CHECK (captured_after_cents >= 0 AND released_after_cents >= 0
                                        AND captured_after_cents + released_after_cents <= amount_cents),
    CONSTRAINT hold_steps_open CHECK ((state = 'OPEN') = (captured_after_cents + released_after_cents < amount_cents))
) WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
        autovacuum_freeze_min_age = 0);
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON hold_steps FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON hold_steps EXECUTE FUNCTION refuse_change();

-- Holds whose expiry is still to come. Written when a hold is posted, deleted when it is settled or its expiry has been
-- accepted.
CREATE TABLE due_holds (
    hold_id     uuid PRIMARY KEY,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX due_holds_by_time ON due_holds (expires_at);

CREATE OR REPLACE VIEW accounts AS
SELECT s.id, s.currency, coalesce(d.balance_after_cents, 0) AS balance_cents, s.min_balance_cents, s.status, s.reference,
       s.metadata, s.lane, s.created_at, greatest(s.updated_at, d.processed_at) AS updated_at,
       coalesce(d.held_after_cents, 0) AS held_cents,
       coalesce(d.balance_after_cents - d.held_after_cents, 0) AS available_cents
FROM account_settings s
     LEFT JOIN LATERAL (SELECT balance_after_cents, held_after_cents, processed_at FROM decisions
                        WHERE account_id = s.id ORDER BY seq DESC LIMIT 1) d ON true;

-- One row a hold. status: of its transaction. state: PENDING until that is decided, FAILED when it was refused.
CREATE VIEW holds AS
SELECT t.id, t.account_id, (t.terms->>'to_account_id')::uuid AS to_account_id, t.amount_cents, t.currency,
       t.idempotency_key, t.reference, t.metadata, x.status,
       coalesce(s.state, CASE x.status WHEN 'FAILED' THEN 'FAILED' ELSE 'PENDING' END) AS state,
       coalesce(s.captured_after_cents, 0) AS captured_cents, coalesce(s.released_after_cents, 0) AS released_cents,
       hold_expiry(t.created_at, t.terms) AS expires_at, x.failure_code, x.failure_reason, t.created_at
FROM accepted t
     CROSS JOIN LATERAL (SELECT status, failure_code, failure_reason FROM transaction_states WHERE id = t.id LIMIT 1) x
     LEFT JOIN LATERAL (SELECT * FROM hold_steps WHERE hold_id = t.id ORDER BY seq DESC LIMIT 1) s ON true
WHERE t.type = 'HOLD';
