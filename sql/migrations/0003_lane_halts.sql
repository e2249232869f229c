-- Lanes that stand still until somebody mends something, for everybody to see.
-- compatible-from: 1

-- One row while a stage of a lane stands halted at an event; it goes with the halt. Written by the stage itself: by the
-- publisher that holds the lane's lease, and by whichever worker applies the lane.
CREATE TABLE lane_halts (
    lane       integer NOT NULL REFERENCES lane_intake,
    stage      text NOT NULL CHECK (stage IN ('publish', 'apply')),
    -- The event that the stage does not get past.
    seq        bigint NOT NULL CHECK (seq >= 1),
    code       text NOT NULL,
    reason     text NOT NULL,
    halted_at  timestamptz NOT NULL,
    PRIMARY KEY (lane, stage)
);
COMMENT ON TABLE lane_halts IS 'What halts a stage of a lane: one row while it stands.';

-- The halts that are true. A stage that dies right after it got past its event leaves a row behind until the next one
-- finds it: such a row says nothing any more.
CREATE VIEW standing_halts AS
SELECT h.lane, h.stage, h.seq, h.code, h.reason, h.halted_at
FROM lane_halts h JOIN lane_cursors c USING (lane)
WHERE h.seq > CASE h.stage WHEN 'publish' THEN c.published_seq ELSE c.applied_seq END;
