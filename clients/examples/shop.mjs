// A small shop, in TypeScript's JavaScript: shop.mjs URL NAME. What it prints is in shop.txt. It can be run again: nothing
// happens twice.
import { pathToFileURL } from "node:url";

const { Client, LedgerlineError } = await import(pathToFileURL(process.env.LEDGERLINE_CLIENT));

class Shop {
  constructor(url, name) {
    this.client = new Client({ url });
    this.name = name;
  }

  reference(one) {
    return `${this.name}-${one}`;
  }

  async open() {
    for (const one of ["customer", "till", "fees"])
      await this.client.ensureAccount(this.reference(one), { currency: "EUR" });
    return this;
  }

  leg(source, target, amount_cents) {
    const side = source === "outside" ? { from_external: true } : { from_reference: this.reference(source) };
    return { ...side, to_reference: this.reference(target), amount_cents, currency: "EUR" };
  }

  topUp(number, cents) {
    const legs = [this.leg("outside", "customer", cents)];
    return this.client.createTransfer({ legs, idempotency_key: this.reference(`top-up-${number}`) }, { wait: 30 });
  }

  // The customer pays, and the fee is taken, or neither. The key is the order's: it is paid once.
  sell(number, cents, fee) {
    const legs = [this.leg("customer", "till", cents), this.leg("till", "fees", fee)];
    const order = { legs, idempotency_key: this.reference(`order-${number}`), reference: `order ${number}` };
    return this.client.createTransfer(order, { wait: 30, strict: true });
  }

  reserve(number, amount_cents) {
    const hold = {
      account_reference: this.reference("customer"), to_reference: this.reference("till"), amount_cents,
      currency: "EUR", idempotency_key: this.reference(`order-${number}`),
    };
    return this.client.createHold(hold, { wait: 30, strict: true });
  }

  // What was not sent after all goes back to the customer.
  ship(number, hold, amount_cents) {
    const capture = { amount_cents, final: true, idempotency_key: this.reference(`order-${number}-shipped`) };
    return this.client.capture(hold.id, capture, { wait: 30, strict: true });
  }

  refund(number, paid, amount_cents) {
    const reversal = { amount_cents, reason: "it broke", idempotency_key: this.reference(`order-${number}-refund`) };
    return this.client.reverse(paid.id, reversal, { wait: 30, strict: true });
  }

  async balance(one) {
    return (await this.client.findAccount(this.reference(one))).balance_cents;
  }
}

const shop = await new Shop(...process.argv.slice(2)).open();
console.log("top-up:", (await shop.topUp(1, 5000)).status);
console.log("order 1:", (await shop.sell(1, 3000, 150)).status);
try {
  await shop.sell(2, 4000, 200);
} catch (refused) {
  if (!(refused instanceof LedgerlineError)) throw refused;
  console.log("order 2:", refused.code);
}
const hold = await shop.reserve(3, 2000);
const shipped = await shop.ship(3, hold, 1500);
console.log("order 3:", shipped.status);
console.log("refund:", (await shop.refund(3, shipped, 500)).status);
console.log("order 1 again, replayed:", (await shop.sell(1, 3000, 150)).replayed);
for (const one of ["customer", "till", "fees"]) console.log(`${one}:`, await shop.balance(one));
const customer = await shop.client.findAccount(shop.reference("customer"));
const amounts = [];
for await (const entry of shop.client.entries(customer.id, { order: "asc" })) amounts.push(entry.net_cents);
console.log("statement:", ...amounts);
