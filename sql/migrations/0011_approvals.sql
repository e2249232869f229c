-- What one caller asked for and another one must approve.
-- compatible-from: 10

CREATE TABLE approvals (
    id                  uuid PRIMARY KEY,  -- rises with the time
    tenant              integer NOT NULL REFERENCES tenants,
    action              text NOT NULL,
    subject             text NOT NULL,  -- the id of what is to be changed
    request             jsonb,  -- the body of the call
    state               text NOT NULL CHECK (state IN ('PENDING', 'APPROVED', 'REJECTED')),
    requested_by        text NOT NULL,  -- as key_id in the audit
    requested_operator  text,
    created_at          timestamptz NOT NULL,
    expires_at          timestamptz NOT NULL,  -- not approved and executed by then: it never will be
    decided_by          text,
    decided_operator    text,
    decided_at          timestamptz,
    reason              text,
    executed_at         timestamptz,
    CHECK ((state = 'PENDING') = (decided_by IS NULL)),
    CHECK (state <> 'APPROVED' OR decided_by <> requested_by)
);
CREATE INDEX approvals_of_tenant ON approvals (tenant, id);
-- Those that expired stay here: what waits is at its end.
CREATE INDEX approvals_pending ON approvals (tenant, expires_at) WHERE state = 'PENDING';
CREATE INDEX approvals_pending_by_subject ON approvals (subject, action) WHERE state = 'PENDING';
CREATE TRIGGER not_deleted BEFORE DELETE ON approvals FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON approvals EXECUTE FUNCTION refuse_change();
