\set payer random(1, 10000)
\set payee 1 + (:payer + random(0, 9998)) % 10000
\set amount random(1000, 9999)
SELECT double_entry.transfer(:payer, :payee, :amount);
