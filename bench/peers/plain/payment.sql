\set account random(1, 10000)
\set amount random(1000, 9999) * (2 * random(0, 1) - 1)
BEGIN;
INSERT INTO plain.payments (account_id, amount_cents, idempotency_key) VALUES (:account, :amount, gen_random_uuid()::text);
UPDATE plain.accounts SET balance_cents = balance_cents + :amount WHERE id = :account;
COMMIT;
