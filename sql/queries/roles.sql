-- What starting up asks (src/roles).

-- name: count_lanes
SELECT count(*) FROM lane_intake
