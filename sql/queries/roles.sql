-- The statements of startup (src/roles).

-- name: count_lanes
-- row: lanes int8
SELECT count(*) AS lanes FROM lane_intake
