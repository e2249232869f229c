-- Accounts that live: every setting can change, an account can be closed for good, and it can have a ceiling.
-- compatible-from: 4
--
-- Binaries of level 3 look at neither closed accounts nor ceilings when they decide, so none may run beside this schema.
-- A decision gets one column, NULL without a ceiling; no row is rewritten, and no constraint looks at old rows, which all
-- satisfy them.

ALTER TABLE account_settings
    ADD COLUMN max_balance_cents bigint,  -- the ceiling that no credit may cross; NULL: none
    DROP CONSTRAINT account_settings_status_check,
    DROP CONSTRAINT account_settings_floor_range,
    ADD CONSTRAINT account_settings_status CHECK (status IN ('ACTIVE', 'SUSPENDED', 'CLOSED')) NOT VALID,
    ADD CONSTRAINT account_settings_limits CHECK (
        min_balance_cents BETWEEN -1000000000000000 AND 9000000000000000
        AND (max_balance_cents IS NULL OR max_balance_cents BETWEEN min_balance_cents AND 9000000000000000)) NOT VALID;
-- Lists by status: any of them can be rare among many accounts.
CREATE INDEX account_settings_by_status ON account_settings (status, id);
DROP INDEX account_settings_suspended;

-- before and after hold what changed and nothing else: status, min_balance_cents, max_balance_cents, metadata.
ALTER TABLE account_changes
    ADD COLUMN changed_by text NOT NULL DEFAULT 'unknown',
    -- The name that the caller gave, and the fingerprint of the key it was let in with: NULL where there was none.
    ADD COLUMN operator text CHECK (char_length(operator) BETWEEN 1 AND 100),
    ADD COLUMN key_fingerprint text,
    ADD COLUMN reason text CHECK (char_length(reason) BETWEEN 1 AND 500);
ALTER TABLE account_changes ALTER COLUMN changed_by DROP DEFAULT;

ALTER TABLE decisions
    ADD COLUMN ceiling_cents bigint,  -- of the account, when this was decided; NULL: none
    -- What raises the balance may not cross the ceiling.
    ADD CONSTRAINT decisions_not_above_ceiling CHECK (kind <> 'POSTED' OR amount_cents <= 0 OR ceiling_cents IS NULL
                                                      OR balance_after_cents <= ceiling_cents) NOT VALID;

CREATE OR REPLACE VIEW accounts AS
SELECT s.id, s.currency, coalesce(d.balance_after_cents, 0) AS balance_cents, s.min_balance_cents, s.status, s.reference,
       s.metadata, s.lane, s.created_at, greatest(s.updated_at, d.processed_at) AS updated_at,
       coalesce(d.held_after_cents, 0) AS held_cents,
       coalesce(d.balance_after_cents - d.held_after_cents, 0) AS available_cents, s.max_balance_cents
FROM account_settings s
     LEFT JOIN LATERAL (SELECT balance_after_cents, held_after_cents, processed_at FROM decisions
                        WHERE account_id = s.id ORDER BY seq DESC LIMIT 1) d ON true;
