-- What starting up asks (src/app).

-- name: count_lanes
SELECT count(*) FROM lane_intake
