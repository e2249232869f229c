-- The private cluster of `ledgerline up` (src/cluster/private_cluster.cpp).

-- name: database_exists
-- row: found bool
SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'ledgerline') AS found

-- name: create_database
-- args: none
CREATE DATABASE ledgerline
