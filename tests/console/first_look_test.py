"""The console in short: it opens, a wrong key is refused, a right one shows the ledger, and a change goes through."""

import unittest

import console


class FirstLook(console.ConsoleTest):
    @classmethod
    def fill(cls, ledger):
        cls.alice = ledger.account("alice")
        ledger.pay(cls.alice, "CREDIT", 123456789)

    def test_from_the_key_to_a_change(self):
        browser = self.browser
        browser.look(1280)
        self.open("")
        browser.fill("API key", "a-wrong-key-of-some-length")
        browser.button("Log in")
        browser.see("This API key is not known.")
        self.log_in()
        browser.see("Overview", "Events per second", "Waiting by lane", "read-only")
        self.check("first-look")
        self.open(f"accounts/{self.alice}")
        browser.see("1,234,567.89\u00a0EUR", "Statement", "ACTIVE")
        browser.button("Allow changes")
        browser.see("changes allowed")
        browser.button("Suspend …")
        browser.button("Suspend", "//dialog")
        browser.see("SUSPENDED")
        self.assertEqual(self.ledger.get(f"/v1/accounts/{self.alice}")["status"], "SUSPENDED")


if __name__ == "__main__":
    unittest.main()
