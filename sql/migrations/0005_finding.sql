-- Finding: what a lane had accepted, and had decided, at a time; and what of a lane belongs to dead letters.
-- compatible-from: 4
--
-- Payments pay nothing for it: times are found by bisecting a lane, whose seqs have no gaps, and the two indexes hold only
-- what dead letters touch.

-- The greatest seq of the lane that was decided before this moment; 0 when none was. Times of decisions rise with the
-- seq. Where they do not, because the clock of the database was set back or a worker began its transaction earlier than
-- the one before it, a moment within the overlap stands for one of the places that it could stand for.
CREATE FUNCTION decided_before(of_lane integer, moment timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    before bigint := 0;  -- the last seq known to lie before
    beyond bigint := 1 + coalesce((SELECT seq FROM decisions WHERE lane = of_lane ORDER BY seq DESC LIMIT 1), 0);
    middle bigint;
BEGIN
    IF moment = 'infinity' THEN RETURN beyond - 1; END IF;
    WHILE beyond - before > 1 LOOP
        middle := (before + beyond) / 2;
        IF (SELECT processed_at FROM decisions WHERE lane = of_lane AND seq = middle) < moment
        THEN before := middle; ELSE beyond := middle; END IF;
    END LOOP;
    RETURN before;
END $$;

-- The same of what was accepted: places that were given before this moment. Intake takes the time under the lane's lock.
CREATE FUNCTION accepted_before(of_lane integer, moment timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    before bigint := 0;
    beyond bigint := 1 + greatest((SELECT seq FROM accepted WHERE lane = of_lane ORDER BY seq DESC LIMIT 1),
                                  (SELECT seq FROM places WHERE lane = of_lane ORDER BY seq DESC LIMIT 1), 0);
    middle bigint;
BEGIN
    IF moment = 'infinity' THEN RETURN beyond - 1; END IF;
    WHILE beyond - before > 1 LOOP
        middle := (before + beyond) / 2;
        IF coalesce((SELECT created_at FROM accepted WHERE lane = of_lane AND seq = middle),
                    (SELECT created_at FROM places WHERE lane = of_lane AND seq = middle)) < moment
        THEN before := middle; ELSE beyond := middle; END IF;
    END LOOP;
    RETURN before;
END $$;

-- Whether a transaction is one that a list asks for; what is NULL is not asked.
CREATE FUNCTION asked_for(type text, currency text, reference text, key text, created_at timestamptz,
                          asked_type text, asked_currency text, asked_reference text, asked_key text,
                          created_after timestamptz, created_before timestamptz)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (asked_type IS NULL OR type = asked_type) AND (asked_currency IS NULL OR currency = asked_currency)
           AND (asked_reference IS NULL OR reference IS NOT DISTINCT FROM asked_reference)
           AND (asked_key IS NULL OR key = asked_key)
           AND (created_after IS NULL OR created_at >= created_after)
           AND (created_before IS NULL OR created_at < created_before)
$$;

-- Lists of what waits: the places of letters in a lane, and the parked places of an account.
CREATE INDEX places_of_letters_by_lane ON places (lane, seq) WHERE dead_letter_id IS NOT NULL;
CREATE INDEX decisions_parked_by_account ON decisions (account_id, seq) WHERE kind = 'PARKED';
