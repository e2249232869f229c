"""The client against a real server: LEDGERLINE_URL, behind the proxy with faults: FLAKY_URL."""
import os
import sys
import pathlib
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from ledgerline import Client, LedgerlineError

URL, FLAKY = os.environ["LEDGERLINE_URL"], os.environ["FLAKY_URL"]


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.client = Client(URL)
        self.name = f"py-{uuid.uuid4()}"
        self.account = self.client.create_account({"currency": "EUR", "reference": self.name})

    def credit(self, client, amount=100, **more):
        return client.create_transaction({"account_id": self.account["id"], "type": "CREDIT", "amount_cents": amount,
                                          "currency": "EUR", **more}, wait=10)

    def balance(self):
        return self.client.get_account(self.account["id"])["balance_cents"]

    def test_money_moves(self):
        self.assertEqual(self.credit(self.client)["status"], "PROCESSED")
        other = self.client.ensure_account(self.name + "-other", {"currency": "EUR"})
        paid = self.client.create_transfer({"legs": [{"from_reference": self.name, "to_account_id": other["id"],
                                                      "amount_cents": 40, "currency": "EUR"}]}, wait=10)
        self.assertEqual(paid["status"], "PROCESSED")
        hold = self.client.create_hold({"account_id": self.account["id"], "amount_cents": 50, "currency": "EUR"}, wait=10)
        self.assertEqual(self.client.capture(hold["id"], {"amount_cents": 20}, wait=10)["status"], "PROCESSED")
        self.assertEqual(self.client.reverse(paid["id"], wait=10)["status"], "PROCESSED")
        self.assertEqual(self.balance(), 80)
        self.assertEqual(self.client.balance(self.account["id"])["balance_cents"], 80)
        self.assertEqual(self.client.find_account(self.name)["id"], self.account["id"])

    def test_what_is_unavailable_is_tried_again(self):
        self.assertEqual(self.credit(Client(FLAKY + "/unavailable"))["status"], "PROCESSED")
        self.assertEqual(Client(FLAKY + "/unavailable").get_account(self.account["id"])["balance_cents"], 100)

    def test_what_may_have_happened_happens_once(self):
        for number, fault in enumerate(("unknown", "cut"), 1):
            posted = self.credit(Client(f"{FLAKY}/{fault}"))
            self.assertTrue(posted.replayed, fault)
            self.assertEqual(self.balance(), 100 * number)

    def test_a_call_without_a_key_is_not_repeated(self):
        with self.assertRaises(LedgerlineError) as refused:
            Client(FLAKY + "/unavailable").change_account(self.account["id"], {"reason": self.name, "max_balance_cents": 9})
        self.assertEqual(refused.exception.code, "overloaded")

    def test_a_key_is_used_once(self):
        first = self.credit(self.client, idempotency_key="k")
        again = self.credit(self.client, idempotency_key="k")
        self.assertEqual((first["id"], first.replayed, again.replayed), (again["id"], False, True))
        with self.assertRaises(LedgerlineError) as refused:
            self.credit(self.client, amount=7, idempotency_key="k")
        self.assertEqual((refused.exception.status, refused.exception.code), (422, "idempotency_key_reused"))

    def test_lists_go_over_pages(self):
        items = [{"account_id": self.account["id"], "type": "CREDIT", "amount_cents": n + 1, "currency": "EUR"}
                 for n in range(25)]
        results = self.client.create_transactions(items)
        self.assertEqual({result["status"] for result in results}, {201})
        listed = self.client.transactions(account_id=self.account["id"], limit=10)
        self.assertEqual([each["amount_cents"] for each in listed], list(range(25, 0, -1)))

    def test_errors_say_what_is_wrong(self):
        with self.assertRaises(LedgerlineError) as wrong:
            self.client.create_account({"currency": "EURO"})
        self.assertEqual((wrong.exception.status, wrong.exception.code, wrong.exception.field),
                         (400, "invalid_field", "currency"))
        with self.assertRaises(LedgerlineError) as poor:
            self.client.create_transaction({"account_id": self.account["id"], "type": "DEBIT", "amount_cents": 1,
                                            "currency": "EUR"}, wait=10, strict=True)
        self.assertEqual((poor.exception.status, poor.exception.code), (402, "insufficient_balance"))
        self.assertEqual(poor.exception.problem["transaction"]["status"], "FAILED")
        with self.assertRaises(LedgerlineError) as away:
            Client("http://127.0.0.1:1", tries=1).get_account("x")
        self.assertEqual(away.exception.code, "unreachable")


if __name__ == "__main__":
    unittest.main()
