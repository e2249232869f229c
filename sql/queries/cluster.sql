-- The private cluster of `ledgerline up` (src/cluster/private_cluster.cpp).

-- name: database_exists
SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'ledgerline')

-- name: create_database
CREATE DATABASE ledgerline
