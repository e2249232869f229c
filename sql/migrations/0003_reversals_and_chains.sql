-- Reversals; transactions that follow another one; the caller's own time of a transaction.
-- compatible-from: 3
--
-- Binaries of level 2 decide without looking at what a transaction follows, so none may run beside this schema. Plain
-- payments get two columns of NULL; no row is rewritten, and no constraint looks at old rows, which all satisfy them.

ALTER TABLE accepted
    ADD COLUMN previous_id uuid,         -- the transaction that it follows: it fails unless that was processed
    ADD COLUMN occurred_at timestamptz,  -- the caller's own time of it; says nothing about the order
    DROP CONSTRAINT accepted_places_check,
    DROP CONSTRAINT accepted_type,
    DROP CONSTRAINT accepted_legs,
    DROP CONSTRAINT accepted_parent,
    -- Those of 100 legs, and of the transaction that it follows.
    ADD CONSTRAINT accepted_places CHECK (places BETWEEN 1 AND 201) NOT VALID,
    ADD CONSTRAINT accepted_type CHECK (type IN ('DEBIT', 'CREDIT', 'TRANSFER', 'HOLD', 'CAPTURE', 'RELEASE',
                                                 'REVERSAL')) NOT VALID,
    ADD CONSTRAINT accepted_legs CHECK ((type IN ('TRANSFER', 'CAPTURE', 'REVERSAL')) = (legs IS NOT NULL)
                                        AND (legs IS NOT NULL OR places = 1 OR previous_id IS NOT NULL)) NOT VALID,
    ADD CONSTRAINT accepted_parent CHECK ((type IN ('CAPTURE', 'RELEASE', 'REVERSAL')) = (parent_id IS NOT NULL))
        NOT VALID;
COMMENT ON COLUMN accepted.parent_id IS 'Of a CAPTURE or RELEASE: the hold. Of a REVERSAL: the transaction that it reverses.';
ALTER TABLE places
    DROP CONSTRAINT places_places_check,
    ADD CONSTRAINT places_places CHECK (places BETWEEN 1 AND 201) NOT VALID;

-- What was reversed of a transaction, step by step: the latest row says how much.
CREATE TABLE reversal_steps (
    reversed_id           uuid NOT NULL,    -- the transaction that is reversed
    seq                   bigint NOT NULL,  -- of the reversal's first place: those of one transaction have it in one lane
    transaction_id        uuid NOT NULL,    -- the REVERSAL
    amount_cents          bigint NOT NULL,  -- of the transaction that is reversed
    reversed_after_cents  bigint NOT NULL,
    CONSTRAINT reversal_steps_once PRIMARY KEY (reversed_id, seq),
    CONSTRAINT reversal_steps_within CHECK (reversed_after_cents BETWEEN 1 AND amount_cents)
) WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
        autovacuum_freeze_min_age = 0);
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON reversal_steps FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON reversal_steps EXECUTE FUNCTION refuse_change();

-- What reverses a transaction, and what follows another one. Whatever does neither pays nothing for them.
CREATE INDEX accepted_reversals ON accepted (parent_id) WHERE type = 'REVERSAL';
CREATE INDEX accepted_followers ON accepted (previous_id) WHERE previous_id IS NOT NULL;

-- The legs of any transaction that moves money, also where the columns tell the only one.
CREATE FUNCTION legs_of(t accepted) RETURNS jsonb LANGUAGE sql IMMUTABLE RETURN
    coalesce(t.legs, CASE t.type
        WHEN 'DEBIT' THEN jsonb_build_array(jsonb_build_object('from_account_id', t.account_id, 'to_external', true,
            'amount_cents', t.amount_cents, 'currency', t.currency))
        WHEN 'CREDIT' THEN jsonb_build_array(jsonb_build_object('from_external', true, 'to_account_id', t.account_id,
            'amount_cents', t.amount_cents, 'currency', t.currency)) END);

-- Who pays whom in which currency, leg by leg, and how much if amounts are asked for. turned: the other way round.
CREATE FUNCTION leg_sides(legs jsonb, turned boolean, amounts boolean) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_agg(jsonb_build_array(leg->CASE WHEN turned THEN 'to_account_id' ELSE 'from_account_id' END,
                                       leg->CASE WHEN turned THEN 'from_account_id' ELSE 'to_account_id' END,
                                       leg->'currency', CASE WHEN amounts THEN leg->'amount_cents' END) ORDER BY n)
    FROM jsonb_array_elements(legs) WITH ORDINALITY AS l (leg, n)
$$;

CREATE OR REPLACE VIEW transaction_states AS
SELECT t.id, t.account_id, t.amount_cents, t.currency, t.type,
       CASE d.kind WHEN 'POSTED' THEN 'PROCESSED' WHEN 'REFUSED' THEN 'FAILED' WHEN 'PARKED' THEN 'PROCESSING'
                   ELSE CASE WHEN p.seq <= c.announced_seq OR p.verdict = 'discard' THEN 'PROCESSING'
                             ELSE 'PENDING' END END AS status,
       t.idempotency_key, d.failure_reason, d.failure_code, t.legs, t.reference, t.metadata, p.lane, p.seq, d.dead_letter_id,
       t.created_at, coalesce(d.processed_at, p.created_at) AS updated_at,
       CASE WHEN t.type IN ('CAPTURE', 'RELEASE') THEN t.parent_id END AS hold_id,
       CASE WHEN t.type = 'REVERSAL' THEN t.parent_id END AS reverses,
       coalesce((SELECT reversed_after_cents FROM reversal_steps WHERE reversed_id = t.id ORDER BY seq DESC LIMIT 1), 0)
           AS reversed_cents,
       CASE WHEN t.type = 'REVERSAL' THEN t.terms->>'reason' END AS reason, t.previous_id, t.occurred_at
FROM accepted t
     LEFT JOIN LATERAL (SELECT seq, verdict, created_at FROM places
                        WHERE transaction_id = t.id AND dead_letter_id IS NOT NULL AND account_id = t.account_id
                        ORDER BY seq DESC LIMIT 1) r ON true
     CROSS JOIN LATERAL (SELECT t.lane, coalesce(r.seq, t.seq) AS seq, r.verdict,
                                coalesce(r.created_at, t.created_at) AS created_at OFFSET 0) p
     LEFT JOIN LATERAL (SELECT kind, failure_code, failure_reason, dead_letter_id, processed_at FROM decisions
                        WHERE lane = p.lane AND seq = p.seq LIMIT 1) d ON true
     LEFT JOIN LATERAL (SELECT announced_seq FROM lane_cursors WHERE lane = p.lane AND d.kind IS NULL LIMIT 1) c ON true;

CREATE OR REPLACE FUNCTION payload_of(t accepted) RETURNS jsonb LANGUAGE sql IMMUTABLE RETURN
    jsonb_strip_nulls(jsonb_build_object('transaction_id', t.id, 'account_id', t.account_id, 'amount_cents',
        t.amount_cents, 'currency', t.currency, 'type', t.type, 'idempotency_key', t.idempotency_key, 'legs', t.legs,
        'reference', t.reference, 'hold_id', CASE WHEN t.type IN ('CAPTURE', 'RELEASE') THEN t.parent_id END,
        'reverses', CASE WHEN t.type = 'REVERSAL' THEN t.parent_id END, 'previous_id', t.previous_id,
        'occurred_at', t.occurred_at))
    || CASE WHEN t.metadata IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('metadata', t.metadata) END;
