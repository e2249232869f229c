// The client against a real server: LEDGERLINE_URL, behind the proxy with faults: FLAKY_URL.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { Client, LedgerlineError, newKey } = await import(pathToFileURL(process.env.LEDGERLINE_CLIENT));
const url = process.env.LEDGERLINE_URL;
const client = new Client({ url });
const flaky = (fault) => new Client({ url: `${process.env.FLAKY_URL}/${fault}` });

async function begin() {
  const reference = `ts-${newKey()}`;
  const account = await client.createAccount({ currency: "EUR", reference });
  const credit = (by, amount = 100, more = {}) =>
    by.createTransaction({ account_id: account.id, type: "CREDIT", amount_cents: amount, currency: "EUR", ...more }, { wait: 10 });
  const balance = async () => (await client.getAccount(account.id)).balance_cents;
  return { reference, account, credit, balance };
}

async function refused(call) {
  try {
    await call();
  } catch (error) {
    assert.ok(error instanceof LedgerlineError, String(error));
    return error;
  }
  assert.fail("it was not refused");
}

// fetch() refuses the low ports by itself.
function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

test("money moves", async () => {
  const { reference, account, credit, balance } = await begin();
  assert.equal((await credit(client)).status, "PROCESSED");
  const other = await client.ensureAccount(`${reference}-other`, { currency: "EUR" });
  const legs = [{ from_reference: reference, to_account_id: other.id, amount_cents: 40, currency: "EUR" }];
  const paid = await client.createTransfer({ legs }, { wait: 10 });
  assert.equal(paid.status, "PROCESSED");
  const hold = await client.createHold({ account_id: account.id, amount_cents: 50, currency: "EUR" }, { wait: 10 });
  assert.equal((await client.capture(hold.id, { amount_cents: 20 }, { wait: 10 })).status, "PROCESSED");
  assert.equal((await client.reverse(paid.id, {}, { wait: 10 })).status, "PROCESSED");
  assert.equal(await balance(), 80);
  assert.equal((await client.balance(account.id)).balance_cents, 80);
  assert.equal((await client.findAccount(reference)).id, account.id);
});

test("what is unavailable is tried again", async () => {
  const { account, credit } = await begin();
  assert.equal((await credit(flaky("unavailable"))).status, "PROCESSED");
  assert.equal((await flaky("unavailable").getAccount(account.id)).balance_cents, 100);
});

test("what may have happened happens once", async () => {
  const { credit, balance } = await begin();
  let expected = 0;
  for (const fault of ["unknown", "cut"]) {
    assert.equal((await credit(flaky(fault))).replayed, true, fault);
    assert.equal(await balance(), (expected += 100));
  }
});

test("a call without a key is not repeated", async () => {
  const { reference, account } = await begin();
  const error = await refused(() => flaky("unavailable").changeAccount(account.id, { reason: reference, max_balance_cents: 9 }));
  assert.equal(error.code, "overloaded");
});

test("a key is used once", async () => {
  const { credit } = await begin();
  const first = await credit(client, 100, { idempotency_key: "k" });
  const again = await credit(client, 100, { idempotency_key: "k" });
  assert.deepEqual([again.id, first.replayed, again.replayed], [first.id, false, true]);
  assert.ok(!("replayed" in JSON.parse(JSON.stringify(first))));
  const error = await refused(() => credit(client, 7, { idempotency_key: "k" }));
  assert.deepEqual([error.status, error.code], [422, "idempotency_key_reused"]);
});

test("lists go over pages", async () => {
  const { account } = await begin();
  const items = Array.from({ length: 25 }, (_, n) => ({ account_id: account.id, type: "CREDIT", amount_cents: n + 1, currency: "EUR" }));
  for (const result of await client.createTransactions(items)) assert.equal(result.status, 201);
  const amounts = [];
  for await (const each of client.transactions({ account_id: account.id, limit: 10 })) amounts.push(each.amount_cents);
  assert.deepEqual(amounts, items.map((item) => item.amount_cents).reverse());
});

test("errors say what is wrong", async () => {
  const { account } = await begin();
  const wrong = await refused(() => client.createAccount({ currency: "EURO" }));
  assert.deepEqual([wrong.status, wrong.code, wrong.problem.field], [400, "invalid_field", "currency"]);
  const debit = { account_id: account.id, type: "DEBIT", amount_cents: 1, currency: "EUR" };
  const poor = await refused(() => client.createTransaction(debit, { wait: 10, strict: true }));
  assert.deepEqual([poor.status, poor.code, poor.problem.transaction.status], [402, "insufficient_balance", "FAILED"]);
  const nobody = `http://127.0.0.1:${await freePort()}`;
  const away = await refused(() => new Client({ url: nobody, tries: 1 }).getAccount("x"));
  assert.equal(away.code, "unreachable");
});
