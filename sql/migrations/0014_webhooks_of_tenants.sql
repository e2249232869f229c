-- Webhooks belong to tenants: each is told of the accounts of its own, and nobody else sees it.
-- compatible-from: 14
--
-- Notifiers from before tell every endpoint of every account, so none may run beside this schema. What is there belongs
-- to the default tenant.

ALTER TABLE webhooks
    ADD COLUMN tenant integer NOT NULL DEFAULT 0 REFERENCES tenants,
    DROP CONSTRAINT webhooks_url_key,
    ADD CONSTRAINT webhooks_url_once UNIQUE (tenant, url);
CREATE INDEX webhooks_of_tenant ON webhooks (tenant, id);
CREATE TRIGGER tenant_is_final BEFORE UPDATE OF tenant ON webhooks FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The endpoint, if it is the tenant's: what a statement about one endpoint goes by.
CREATE FUNCTION own_webhook(webhook_id uuid, of_tenant integer) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT id FROM webhooks WHERE id = webhook_id AND tenant = of_tenant
$$;

-- An endpoint without its secrets.
CREATE OR REPLACE VIEW webhook_records AS
SELECT w.id, w.url, w.description, to_jsonb(w.events) AS events, to_jsonb(w.account_ids) AS account_ids, w.status,
       w.reason, w.changed_at, w.created_at,
       (SELECT max(ends_at) FROM webhook_secrets WHERE webhook_id = w.id AND ends_at > now()) AS previous_secret_ends_at,
       (SELECT count(*) FROM webhook_deliveries WHERE webhook_id = w.id AND status = 'PENDING') AS pending, w.tenant
FROM webhooks w;
