-- Telling outcomes: the order of what happens in a lane beside its decisions, and how far Kafka was told of each lane.
-- compatible-from: 4
--
-- Decisions are rows in the order of their lanes, so they are the outbox of outcomes: payments pay nothing for it.

-- The changes that were made between two decisions of a lane, in their order: 1, 2, 3, ...
ALTER TABLE account_changes ADD COLUMN nth integer CHECK (nth >= 1);
ALTER TABLE account_changes DISABLE TRIGGER immutable;
UPDATE account_changes c SET nth = n.nth
FROM (SELECT account_id, number,
             row_number() OVER (PARTITION BY lane, applied_seq ORDER BY changed_at, account_id, number) AS nth
      FROM account_changes) n
WHERE c.account_id = n.account_id AND c.number = n.number;
ALTER TABLE account_changes ENABLE TRIGGER immutable;
ALTER TABLE account_changes ALTER COLUMN nth SET NOT NULL;
CREATE UNIQUE INDEX account_changes_in_lane ON account_changes (lane, applied_seq, nth);
CREATE INDEX account_changes_of_account ON account_changes (account_id, applied_seq, nth);

-- Changes of a lane are made one at a time, under its apply lock.
CREATE FUNCTION number_account_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.nth := 1 + coalesce((SELECT max(nth) FROM account_changes
                             WHERE lane = NEW.lane AND applied_seq = NEW.applied_seq), 0);
    RETURN NEW;
END $$;
CREATE TRIGGER numbered BEFORE INSERT ON account_changes FOR EACH ROW EXECUTE FUNCTION number_account_change();

-- No row: the topic of outcomes was never told of the lane.
CREATE TABLE lane_outcomes (
    lane      integer PRIMARY KEY REFERENCES lane_publish,
    told_seq  bigint NOT NULL CHECK (told_seq >= 0),
    told_nth  integer NOT NULL CHECK (told_nth >= 0)
);
COMMENT ON TABLE lane_outcomes IS 'How far the topic of outcomes has a lane. A hint, written at most once a second.';

-- What was asked for at a place, with the transaction: what the outcome of the place tells beside its decision. legs: as
-- in accepted.
CREATE FUNCTION asked_at(of_lane integer, of_seq bigint)
RETURNS TABLE (event_id uuid, is_first boolean, first_account_id uuid, amount_cents bigint, currency text, type text,
               idempotency_key text, legs text, reference text, metadata text, parent_id uuid, previous_id uuid,
               reason text, occurred_at timestamptz, created_at timestamptz) LANGUAGE sql STABLE AS $$
    SELECT a.event_id, true, a.account_id, a.amount_cents, a.currency, a.type, a.idempotency_key, a.legs::text,
           a.reference, a.metadata::text, a.parent_id, a.previous_id, a.terms->>'reason', a.occurred_at, a.created_at
    FROM accepted a WHERE a.lane = of_lane AND a.seq = of_seq
    UNION ALL
    SELECT p.event_id, p.account_id = a.account_id, a.account_id, a.amount_cents, a.currency, a.type,
           a.idempotency_key, a.legs::text, a.reference, a.metadata::text, a.parent_id, a.previous_id,
           a.terms->>'reason', a.occurred_at, a.created_at
    FROM places p CROSS JOIN LATERAL (SELECT * FROM accepted WHERE id = p.transaction_id LIMIT 1) a
    WHERE p.lane = of_lane AND p.seq = of_seq
    LIMIT 1  -- a place is in one of both: the other is not looked for
$$;
