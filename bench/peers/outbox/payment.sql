\set account random(1, 10000)
\set amount random(1000, 9999) * (2 * random(0, 1) - 1)
-- The API: the payment and its event.
BEGIN;
INSERT INTO outbox.payments (account_id, amount_cents, idempotency_key)
VALUES (:account, :amount, gen_random_uuid()::text) RETURNING id AS payment \gset
INSERT INTO outbox.events (payment_id, payload)
VALUES (:payment, jsonb_build_object('account_id', :account::integer, 'amount_cents', :amount::bigint))
RETURNING id AS event \gset
COMMIT;
-- The publisher, after the broker has acknowledged the event.
UPDATE outbox.events SET status = 'PUBLISHED' WHERE id = :event;
-- The worker, which skips an event that it has seen.
BEGIN;
INSERT INTO outbox.processed_events (event_id) VALUES (:event);
UPDATE outbox.accounts SET balance_cents = balance_cents + :amount WHERE id = :account;
UPDATE outbox.payments SET status = 'PROCESSED', updated_at = now() WHERE id = :payment;
COMMIT;
