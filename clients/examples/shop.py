"""A small shop, in Python: shop.py URL NAME. What it prints is in shop.txt. It can be run again: nothing happens twice."""
import sys

from ledgerline import Client, LedgerlineError


class Shop:
    def __init__(self, url, name):
        self.client, self.name = Client(url), name
        for one in ("customer", "till", "fees"):
            self.client.ensure_account(self.reference(one), {"currency": "EUR"})

    def reference(self, one):
        return f"{self.name}-{one}"

    def leg(self, source, target, cents):
        sides = {"from_external": True} if source == "outside" else {"from_reference": self.reference(source)}
        return {**sides, "to_reference": self.reference(target), "amount_cents": cents, "currency": "EUR"}

    def top_up(self, number, cents):
        legs = [self.leg("outside", "customer", cents)]
        return self.client.create_transfer({"legs": legs, "idempotency_key": self.reference(f"top-up-{number}")}, wait=30)

    def sell(self, number, cents, fee):
        """The customer pays, and the fee is taken, or neither. The key is the order's: it is paid once."""
        legs = [self.leg("customer", "till", cents), self.leg("till", "fees", fee)]
        order = {"legs": legs, "idempotency_key": self.reference(f"order-{number}"), "reference": f"order {number}"}
        return self.client.create_transfer(order, wait=30, strict=True)

    def reserve(self, number, cents):
        hold = {"account_reference": self.reference("customer"), "to_reference": self.reference("till"), "amount_cents": cents,
                "currency": "EUR", "idempotency_key": self.reference(f"order-{number}")}
        return self.client.create_hold(hold, wait=30, strict=True)

    def ship(self, number, hold, cents):
        """What was not sent after all goes back to the customer."""
        capture = {"amount_cents": cents, "final": True, "idempotency_key": self.reference(f"order-{number}-shipped")}
        return self.client.capture(hold["id"], capture, wait=30, strict=True)

    def refund(self, number, paid, cents):
        reversal = {"amount_cents": cents, "reason": "it broke", "idempotency_key": self.reference(f"order-{number}-refund")}
        return self.client.reverse(paid["id"], reversal, wait=30, strict=True)

    def balance(self, one):
        return self.client.find_account(self.reference(one))["balance_cents"]


def main():
    shop = Shop(*sys.argv[1:])
    print("top-up:", shop.top_up(1, 5000)["status"])
    print("order 1:", shop.sell(1, 3000, 150)["status"])
    try:
        shop.sell(2, 4000, 200)
    except LedgerlineError as refused:
        print("order 2:", refused.code)
    hold = shop.reserve(3, 2000)
    shipped = shop.ship(3, hold, 1500)
    print("order 3:", shipped["status"])
    print("refund:", shop.refund(3, shipped, 500)["status"])
    print("order 1 again, replayed:", str(shop.sell(1, 3000, 150).replayed).lower())
    for one in ("customer", "till", "fees"):
        print(f"{one}:", shop.balance(one))
    customer = shop.client.find_account(shop.reference("customer"))
    print("statement:", *(entry["net_cents"] for entry in shop.client.entries(customer["id"], order="asc")))


main()
