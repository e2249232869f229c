-- What a tenant may do in a second, all its keys together.
-- compatible-from: 10

-- NULL: no limit. A tenant without a row has none.
CREATE TABLE tenant_limits (
    tenant                   integer PRIMARY KEY REFERENCES tenants,
    requests_per_second      integer CHECK (requests_per_second > 0),
    transactions_per_second  integer CHECK (transactions_per_second > 0),
    request_kib_per_second   integer CHECK (request_kib_per_second > 0),
    waiters_max              integer CHECK (waiters_max > 0),
    shared                   boolean NOT NULL DEFAULT false  -- of all instances together
);

-- The instances that live: each has an even part of the limits that are shared.
CREATE TABLE limit_leases (
    instance  uuid PRIMARY KEY,
    seen_at   timestamptz NOT NULL
);
