-- The statements of startup (src/roles).

-- name: count_lanes
SELECT count(*) FROM lane_intake
