-- What a lane waits for in another one, and dead letters that reach their topic by lanes.
-- compatible-from: 10

-- The next place of another lane in which the event at this lane's next place has one that is not next there. It is
-- decided first: a transaction moves in all its lanes at once. reason: why that lane is halted. One row, or none when the
-- event is next in all its lanes; a halted lane before others, then the lowest.
CREATE FUNCTION lane_wait(of_lane integer, next_seq bigint)
    RETURNS TABLE (lane integer, seq bigint, event_id uuid, reason text) LANGUAGE sql STABLE AS $$
    SELECT n.lane, n.seq, n.event_id, h.code || ': ' || h.reason
    FROM (SELECT transaction_id, dead_letter_id FROM lane_places
          WHERE lane = of_lane AND seq = next_seq AND places > 1 LIMIT 1) e
         CROSS JOIN LATERAL (SELECT p.lane, min(p.seq) AS seq FROM event_places(e.transaction_id, e.dead_letter_id) p
                             WHERE p.lane <> of_lane GROUP BY p.lane) o
         CROSS JOIN LATERAL (SELECT p.lane, p.seq, p.event_id FROM lane_places p
                             WHERE p.lane = o.lane
                               AND p.seq = 1 + coalesce((SELECT d.seq FROM decisions d WHERE d.lane = o.lane
                                                         ORDER BY d.seq DESC LIMIT 1), 0) LIMIT 1) n
         LEFT JOIN standing_halts h ON h.lane = o.lane AND h.stage = 'apply'
    WHERE o.seq > n.seq
    ORDER BY h.reason IS NULL, o.lane LIMIT 1 $$;

-- Whose owner puts a dead letter on its topic. A foreign one has no lane.
CREATE FUNCTION lane_of_letter(lane integer, partition integer) RETURNS integer
    LANGUAGE sql IMMUTABLE AS $$ SELECT abs(coalesce(lane, partition)) % 48 $$;
-- For the publishers' feed: an owner finds the letters of its lanes among those of all others.
CREATE INDEX dead_letters_unannounced_by_lane ON dead_letters (lane_of_letter(lane, partition), id)
    WHERE announced_at IS NULL;
DROP INDEX dead_letters_unannounced;
