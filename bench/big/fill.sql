-- One batch of rows as the program would have left them, accepted and decided: rounds of one payment an account, credits
-- and debits by turns. psql sets first_round, rounds and amount. Run while nothing is accepted.
BEGIN;
SELECT count(*) FROM (SELECT FROM lane_intake FOR NO KEY UPDATE) locked;
SELECT count(*) FROM (SELECT FROM lane_apply FOR NO KEY UPDATE) locked;

CREATE TEMP TABLE ends ON COMMIT DROP AS SELECT lane, last_seq FROM lane_cursors;
CREATE TEMP TABLE holders ON COMMIT DROP AS
    SELECT id, lane, currency, balance_cents, min_balance_cents,
           row_number() OVER (PARTITION BY lane ORDER BY id) AS nth, count(*) OVER (PARTITION BY lane) AS of_lane
    FROM accounts;
-- Ids grow with time, as the program's do: 48 bits of milliseconds, then what is random.
CREATE TEMP TABLE filled ON COMMIT DROP AS
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(random, 1, 3) || '8'
            || substr(random, 4, 15))::uuid AS id,
           h.id AS account_id, gen_random_uuid() AS event_id, h.lane, e.last_seq + (r - :first_round) * h.of_lane + h.nth AS seq,
           CASE WHEN r % 2 = 0 THEN :amount ELSE -:amount END AS net_cents,
           h.balance_cents + CASE WHEN r % 2 = 0 THEN :amount ELSE 0 END AS balance_cents,
           h.min_balance_cents, h.currency, 'fill-' || r AS idempotency_key, at
    FROM generate_series(:first_round, :first_round + :rounds - 1) r
         CROSS JOIN holders h JOIN ends e USING (lane)
         CROSS JOIN LATERAL (SELECT now() - make_interval(secs => (:first_round + :rounds - r) * 0.1) AS at,
                                    md5(random()::text || h.id) AS random) made;

INSERT INTO accepted (id, account_id, event_id, seq, amount_cents, net_cents, created_at, lane, places, schema_version,
                      currency, type, idempotency_key)
SELECT id, account_id, event_id, seq, :amount, net_cents, at, lane, 1, 1, currency,
       CASE WHEN net_cents > 0 THEN 'CREDIT' ELSE 'DEBIT' END, idempotency_key
FROM filled;
INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, floor_cents,
                       processed_at, kind)
SELECT lane, seq, id, account_id, net_cents, balance_cents, min_balance_cents, at, 'POSTED' FROM filled ORDER BY lane, seq;
-- A new epoch makes the lanes' publisher take its position from here.
UPDATE lane_publish p SET published_seq = c.last_seq, epoch = p.epoch + 1 FROM lane_cursors c WHERE c.lane = p.lane;
COMMIT;
