"""The console, all of it: each page in both themes and at both widths, each action, and what goes wrong."""

import json
import os
import re
import shutil
import signal
import threading
import unittest

import console
import ledger as ledgers
import servers

MANY = 3000
PAGE_ROWS = 50

DISABLED = "return [...document.querySelectorAll('button')].find((one) => one.innerText === arguments[0]).disabled"


class Pages(console.ConsoleTest):
    """What each page shows."""

    @classmethod
    def fill(cls, ledger):
        cls.alice = ledger.account("alice", metadata={"tier": "gold"})
        cls.bob = ledger.account("bob")
        cls.yen = ledger.account("yen", "JPY")
        cls.dinar = ledger.account("dinar", "BHD")
        cls.forint = ledger.account("forint", "HUF")
        cls.salary = ledger.pay(cls.alice, "CREDIT", 123456789, reference="salary")["id"]
        ledger.pay(cls.yen, "CREDIT", 1234567, "JPY")
        ledger.pay(cls.dinar, "CREDIT", 1234567, "BHD")
        ledger.pay(cls.forint, "CREDIT", 1234567, "HUF")
        cls.refused = ledger.pay(cls.bob, "DEBIT", 5000)["id"]
        leg = {"from_reference": "alice", "to_reference": "bob", "amount_cents": 2500, "currency": "EUR"}
        legs = [leg, {**leg, "amount_cents": 199}]
        cls.transfer = ledger.post("/v1/transfers", {"idempotency_key": "rent", "legs": legs})["id"]
        cls.held = ledger.hold(cls.alice, 100000)["id"]
        cls.parked = ledger.park("poisoned", 3)
        cls.webhook = ledger.post("/v1/webhooks", {"url": "https://shop.example/hooks", "events": ["transaction.failed"]},
                                  wait=False)["id"]
        ledger.key("shop", "accounts:read", "transactions:write", amount_cents_max=100_000, networks=["127.0.0.0/8"])

    PLACES = {
        "overview": ("", "Overview", "Events per second", "insufficient_balance", "1,000.00\u00a0EUR"),
        "accounts": ("accounts", "alice", "1,234,540.90\u00a0EUR", "1,234,567\u00a0JPY", "1,234.567\u00a0BHD",
                     "12,345.67\u00a0HUF"),
        "account": ("accounts/{alice}", "Statement", "1,233,540.90\u00a0EUR", "+1,234,567.89\u00a0EUR", "\u221226.99\u00a0EUR"),
        "transactions": ("transactions", "salary", "dead letter", "insufficient_balance"),
        "transaction": ("transactions/{refused}", "Timeline", "Accepted", "FAILED", "insufficient_balance"),
        "transfer": ("transactions/{transfer}", "Legs", "25.00\u00a0EUR", "1.99\u00a0EUR", "PROCESSED"),
        "holds": ("holds", "1,000.00\u00a0EUR", "OPEN", "Capture …"),
        "dead-letters": ("dead-letters", "PARKED", "23514", "Replay all that match …"),
        "dead-letter": ("dead-letters/{letter}", "poisoned by the test", "Payload", "ce_id", "Nobody has decided yet."),
        "lanes": ("lanes", "Publisher", "47"),
        "keys": ("keys", "shop", "transactions:write", "at most 100,000 minor units; no money from outside",
                 "from 127.0.0.0/8", "ACTIVE", "Rotate …"),
        "webhooks": ("webhooks", "shop.example", "transaction.failed", "ENABLED"),
        "webhook": ("webhooks/{webhook}", "shop.example", "Deliveries", "Send a ping", "Rotate …"),
        "audit": ("audit", "key_created", "account_created", "127.0.0.1"),
    }

    def check_page(self, name, width, dark):
        place, *texts = self.PLACES[name]
        letter = self.ledger.letters("PARKED", self.parked)[0]["id"]
        place = place.format(alice=self.alice, refused=self.refused, transfer=self.transfer, letter=letter,
                             webhook=self.webhook)
        self.browser.look(width, dark=dark)
        self.enter(place, *texts)
        self.check(f"{name}-{'dark' if dark else 'light'}-{width}")

    def test_each_page_in_both_themes_and_widths(self):
        for name in self.PLACES:
            for width in (1280, 390):
                for dark in (False, True):
                    with self.subTest(page=name, width=width, dark=dark):
                        self.check_page(name, width, dark)

    def test_dialogs_and_the_log_in_in_both_themes_and_widths(self):
        self.enter("holds", "OPEN")
        self.allow_changes()
        for width, dark in ((1280, False), (390, True), (390, False), (1280, True)):
            theme = "dark" if dark else "light"
            with self.subTest(width=width, dark=dark):
                self.browser.look(width, dark=dark)
                self.enter("holds", "OPEN")
                self.browser.button("Capture …")
                self.browser.see("Capture the hold")
                self.check(f"capture-{theme}-{width}")
                self.enter("dead-letters", "PARKED")
                self.browser.button("Discard all that match …")
                self.browser.see("This cannot be undone.", "30.03\u00a0EUR")
                self.check(f"bulk-{theme}-{width}")
                self.enter("keys", "shop")
                self.browser.button("New key …")
                self.browser.see("what it may do")
                self.check(f"new-key-{theme}-{width}")
                self.enter("webhooks", "shop.example")
                self.browser.button("New webhook …")
                self.browser.see("none means all")
                self.check(f"new-webhook-{theme}-{width}")
        self.browser.key("Escape")
        self.browser.button("Log out")
        for width, dark in ((1280, False), (390, True)):
            self.browser.look(width, dark=dark)
            self.browser.see("API key")
            self.check(f"log-in-{'dark' if dark else 'light'}-{width}")

    def test_the_theme_can_be_chosen(self):
        colour = "return getComputedStyle(document.body).backgroundColor"
        self.enter("", "Overview")
        light = self.browser.run(colour)
        self.browser.press("//header//select/option[.='Dark']")
        dark = self.browser.run(colour)
        self.assertNotEqual(light, dark)
        self.enter("", "Overview")
        self.assertEqual(self.browser.run(colour), dark)
        self.browser.press("//header//select/option[.='System theme']")
        self.assertEqual(self.browser.run(colour), light)

    def test_accounts_are_found_by_reference_and_by_id(self):
        self.enter("accounts", "alice", "bob")
        self.browser.fill("Reference or id", "bob")
        self.browser.button("Search")
        self.browser.gone("alice")
        self.browser.see("26.99\u00a0EUR")
        self.browser.fill("Reference or id", self.yen)
        self.browser.button("Search")
        self.browser.see("Statement", "1,234,567\u00a0JPY")
        self.enter("accounts", "alice")
        self.browser.fill("Reference or id", "nobody")
        self.browser.button("Search")
        self.browser.see("No account matches.")
        self.enter("accounts/no-id", "The id in the path must be a UUID", "invalid_id")

    def test_transactions_are_filtered_and_lead_to_their_accounts(self):
        self.enter("transactions", "salary")
        self.browser.choose("Status", "FAILED")
        self.browser.button("Apply")
        self.browser.gone("salary")
        self.browser.see("insufficient_balance")
        self.browser.fill("Account id", self.alice)
        self.browser.button("Apply")
        self.browser.see("No transaction matches.")
        self.browser.link("Clear")
        self.browser.see("salary")
        self.browser.fill("Transaction id", self.salary)
        self.browser.button("Open")
        self.browser.see("Timeline", "ms later", "Balance 1,234,567.89\u00a0EUR")

    def test_a_transaction_leads_to_its_trace(self):
        self.enter(f"transactions/{self.salary}", "Timeline")
        trace = self.ledger.get(f"/v1/transactions/{self.salary}/trace")["events"][0]["trace_id"]
        self.browser.see(trace)
        self.browser.press("//summary[.='Where traces are shown']")
        self.browser.fill("Address with {trace_id}", "http://localhost:16686/trace/{trace_id}")
        link = self.browser.run("return [...document.querySelectorAll('.timeline a')].map((one) => one.href)")
        self.assertEqual(link, [f"http://localhost:16686/trace/{trace}"])
        self.browser.fill("Address with {trace_id}", "javascript:alert('{trace_id}')")
        self.assertEqual(self.browser.run("return document.querySelectorAll('.timeline a').length"), 0)

    def test_the_payload_is_shown_as_it_came_too(self):
        self.enter("dead-letters", "23514")
        self.browser.choose("Class", "permanent")
        self.browser.button("Apply")
        self.browser.see("23514")
        self.browser.choose("Class", "foreign")
        self.browser.button("Apply")
        self.browser.see("No dead letter matches.")
        letter = self.ledger.letters("PARKED", self.parked)[0]
        self.enter(f"dead-letters/{letter['id']}", '"amount_cents": 1002')
        self.browser.press("//label[contains(., 'As it came')]/input")
        self.browser.see(letter["payload"])

    def test_the_keyboard_is_enough(self):
        self.enter("accounts", "alice")
        self.enter("accounts", "alice")  # from the beginning, without the focus of a log-in
        seen = []
        for _ in range(40):
            self.browser.key("Tab")
            seen.append(self.browser.focused())
            outline = self.browser.run("return getComputedStyle(document.activeElement).outlineStyle")
            self.assertEqual(outline, "solid", seen[-1])
            if seen[-1] == "Search":
                break
        for name in ("Skip to the page", "Overview", "Dead letters", "Allow changes", "Log out", "Search"):
            self.assertIn(name, seen)
        self.allow_changes()
        self.enter(f"accounts/{self.alice}", "Suspend …")
        self.browser.run("[...document.querySelectorAll('button')].find((one) => one.innerText.startsWith('Suspend')).focus()")
        self.browser.key("Enter")
        self.browser.see("Suspend the account")
        inside = "return document.querySelector('dialog').contains(document.activeElement)"
        self.assertTrue(self.browser.run(inside))
        self.browser.key("Escape")
        self.browser.gone("Suspend the account")
        self.assertEqual(self.browser.focused(), "Suspend …")


class Actions(console.ConsoleTest):
    """What changes something, and who may."""

    keys = (ledgers.KEY, ledgers.OTHER_KEY)

    @classmethod
    def fill(cls, ledger):
        cls.alice = ledger.account("alice")
        ledger.pay(cls.alice, "CREDIT", 1_000_000)

    def fetch(self, method, path, headers=None, body=None):
        """What a script on the page gets: [status, text]."""
        return self.browser.run(
            "const [method, path, headers, body] = arguments;"
            "return fetch(path, {method, headers, body}).then(async (answer) => [answer.status, await answer.text()])",
            method, self.ledger.url + path, {"Content-Type": "application/json", **(headers or {})}, body)

    def test_a_wrong_key_is_refused_and_the_cookie_is_kept_from_scripts(self):
        self.open("")
        self.browser.see("API key")
        self.assertEqual(self.fetch("GET", "/v1/accounts")[0], 401)
        self.browser.fill("API key", "a-wrong-key-of-some-length")
        self.browser.button("Log in")
        self.browser.see("This API key is not known.", "forbidden")
        self.assertEqual(self.browser.cookies(), [])
        self.log_in()
        (cookie,) = self.browser.cookies()
        attributes = [cookie[name] for name in ("httpOnly", "sameSite", "secure", "path")]
        self.assertEqual(attributes, [True, "Strict", False, "/"])
        self.assertEqual(self.browser.run("return document.cookie"), "")
        kept = self.browser.run("return JSON.stringify([{...localStorage}, {...sessionStorage}])")
        self.assertNotIn(ledgers.KEY, kept)
        self.assertNotIn(cookie["value"], kept)
        log = self.ledger.server.log()
        self.assertNotIn(ledgers.KEY, log)
        self.assertNotIn(cookie["value"].rsplit(".", 1)[1], log)
        self.browser.button("Log out")
        self.browser.see("API key")
        self.assertEqual(self.browser.cookies(), [])
        self.assertEqual(self.fetch("GET", "/v1/accounts")[0], 401)

    def test_only_a_session_that_allows_changes_and_sends_its_token_changes_something(self):
        self.enter(f"accounts/{self.alice}", "Statement")
        path, body = f"/v1/accounts/{self.alice}", '{"status":"SUSPENDED"}'
        session = json.loads(self.fetch("GET", "/console/session")[1])
        self.assertFalse(session["may_change"])
        self.assertTrue(self.browser.run(DISABLED, "Suspend …"))
        status, text = self.fetch("PATCH", path, body=body)
        self.assertEqual(status, 403)
        self.assertIn("X-CSRF-Token", text)
        status, text = self.fetch("PATCH", path, {"X-CSRF-Token": session["token"]}, body)
        self.assertEqual(status, 403)
        self.assertIn("only reads", text)
        self.allow_changes()
        self.assertFalse(self.browser.run(DISABLED, "Suspend …"))
        self.assertEqual(self.fetch("PATCH", path, {"X-CSRF-Token": session["token"]}, body)[0], 403, "the token of before")
        self.assertEqual(self.fetch("DELETE", "/console/session")[0], 403)
        self.assertEqual(self.ledger.get(path)["status"], "ACTIVE")
        self.browser.button("Allow changes")
        self.browser.see("read-only")
        self.assertTrue(self.browser.run(DISABLED, "Suspend …"))

    def test_an_account_is_suspended_and_activated(self):
        self.enter(f"accounts/{self.alice}", "ACTIVE")
        self.allow_changes()
        self.browser.button("Suspend …")
        self.browser.see("Nothing more is posted to alice")
        self.browser.button("Cancel")
        self.browser.button("Suspend …")
        self.browser.button("Suspend", "//dialog")
        self.browser.see("SUSPENDED", "Activate …")
        self.assertEqual(self.ledger.get(f"/v1/accounts/{self.alice}")["status"], "SUSPENDED")
        self.browser.button("Activate …")
        self.browser.button("Activate", "//dialog")
        self.browser.gone("SUSPENDED")
        self.assertEqual(self.ledger.get(f"/v1/accounts/{self.alice}")["status"], "ACTIVE")

    def test_holds_are_captured_and_released(self):
        first, second = self.ledger.hold(self.alice, 100_000)["id"], self.ledger.hold(self.alice, 50_000)["id"]
        self.enter(f"holds?account_id={self.alice}", "1,000.00\u00a0EUR")
        self.allow_changes()
        self.browser.button("Capture …", "//tr[contains(., '1,000.00')]")
        for wrong, says in (("1000.01", "at most the rest"), ("1.234", "at most 2 decimals"),
                            ("1,5", "Amount must be a number"), ("0", "greater than 0")):
            self.browser.fill("Amount in EUR", wrong)
            self.browser.see(says)
        self.browser.fill("Amount in EUR", "400.50")
        self.browser.press("//label[contains(., 'Release what is left')]/input")
        self.browser.see("keeps on hold 599.50\u00a0EUR")
        self.browser.button("Capture", "//dialog")
        self.browser.see("Capture: PROCESSED.", "599.50\u00a0EUR")
        hold = self.ledger.get(f"/v1/holds/{first}")
        self.assertEqual((hold["captured_cents"], hold["state"]), (40050, "OPEN"))
        self.browser.button("Release …", "//tr[contains(., '500.00')]")
        self.browser.see("Gives 500.00\u00a0EUR back")
        self.browser.button("Release", "//dialog")
        self.browser.see("Release: PROCESSED.")
        self.assertEqual(self.ledger.get(f"/v1/holds/{second}")["state"], "RELEASED")
        self.browser.choose("State", "OPEN")
        self.browser.button("Apply")
        servers.eventually(lambda: len(rows := self.browser.rows()) == 1 and "599.50\u00a0EUR" in rows[0],
                           console.WAIT_SECONDS_MAX, "one open hold")

    def test_a_transaction_is_reversed_in_part_and_then_the_rest(self):
        paid = self.ledger.pay(self.alice, "CREDIT", 30_000)["id"]
        self.enter(f"transactions/{paid}", "PROCESSED")
        self.allow_changes()
        self.browser.button("Reverse …")
        self.browser.fill("Amount in EUR", "300.01")
        self.browser.see("at most what is left to reverse, 300.00\u00a0EUR")
        self.browser.fill("Amount in EUR", "100.50")
        self.browser.fill("Reason", "sent twice")
        self.browser.button("Reverse", "//dialog")
        self.browser.see("PROCESSED.", "Reversed", "100.50\u00a0EUR")
        self.browser.button("Reverse …")
        self.browser.see("At most 199.50\u00a0EUR")
        self.browser.button("Reverse", "//dialog")
        self.browser.see("300.00\u00a0EUR")
        self.browser.gone("Reverse …")
        self.assertEqual(self.ledger.get(f"/v1/transactions/{paid}")["reversed_cents"], 30_000)
        self.browser.press("//p[contains(., 'Reversal')]//a")
        self.browser.see("REVERSAL", "Reverses", "Legs")

    def test_one_dead_letter_is_decided(self):
        account = self.ledger.park("one-letter", 2)
        replayed, discarded = (letter["id"] for letter in self.ledger.letters("PARKED", account))
        self.enter(f"dead-letters/{replayed}", "Replay …")
        self.allow_changes()
        self.browser.button("Replay …")
        self.browser.fill("Your name, for the audit", "Ada Lovelace")
        self.browser.fill("Reason, for the audit", "the check is fixed")
        self.browser.button("Replay", "//dialog")
        self.browser.see("REPLAYED", "Ada Lovelace", "the check is fixed")
        self.enter(f"dead-letters/{discarded}", "Discard …")
        self.browser.button("Discard …")
        self.browser.see("Its transaction becomes FAILED permanently.")
        self.browser.button("Discard", "//dialog")
        self.browser.see("DISCARDED")
        self.assertEqual(len(self.ledger.letters("PARKED", account)), 0)

    def test_many_dead_letters_are_replayed(self):
        other, account = self.ledger.park("not-replayed", 2), self.ledger.park("many-replayed", 7)
        self.enter(f"dead-letters?account_id={account}", "23514")
        self.allow_changes()
        self.browser.button("Replay all that match …")
        self.browser.see("7 dead letters in state PARKED match.", "7 dead letters would be replayed", "70.21\u00a0EUR",
                         "The oldest 5")
        self.assertEqual(len(self.ledger.letters("PARKED", account)), 7, "a dry run changes nothing")
        self.browser.button("Replay 7 dead letters")
        self.browser.see("7 of 7 dead letters replayed.")
        letters = self.ledger.letters("REPLAYED", account)
        self.assertEqual(len(letters), 7)
        self.assertEqual(len(self.ledger.letters("PARKED", other)), 2)
        bulks = {decision["bulk_id"] for one in letters for decision in self.ledger.get(f"/v1/dead-letters/{one['id']}")["audit"]}
        self.assertEqual(len(bulks), 1)
        self.assertNotIn(None, bulks)
        self.browser.button("Close")
        servers.eventually(lambda: self.ledger.get(f"/v1/accounts/{account}")["balance_cents"] == 7021,
                           console.WAIT_SECONDS_MAX, "all applied")

    def test_many_dead_letters_are_discarded_only_after_their_number_was_typed(self):
        account = self.ledger.park("many-discarded", 4)
        self.enter(f"dead-letters?account_id={account}&state=PARKED", "23514")
        self.allow_changes()
        self.browser.button("Discard all that match …")
        self.browser.see("4 dead letters would be discarded", "its transaction FAILED", "This cannot be undone.")
        self.assertTrue(self.browser.run(DISABLED, "Discard 4 dead letters"))
        self.browser.fill("Type 4 to confirm", "5")
        self.assertTrue(self.browser.run(DISABLED, "Discard 4 dead letters"))
        self.browser.fill("Type 4 to confirm", "4")
        self.browser.button("Discard 4 dead letters")
        self.browser.see("4 of 4 dead letters discarded.")
        self.assertEqual(len(self.ledger.letters("DISCARDED", account)), 4)
        self.browser.button("Close")
        self.browser.see("No dead letter matches.")

    def may(self, key):
        """Whether the API knows it."""
        return self.ledger.call("GET", "/v1/accounts", headers={"X-API-Key": key})[0] == 200

    def secret(self):
        return self.browser.run("return document.querySelector('.secret code')?.innerText")

    def test_a_key_is_made_rotated_and_revoked(self):
        self.enter("keys", "Who may call")
        self.assertTrue(self.browser.run(DISABLED, "New key …"))
        self.allow_changes()
        self.browser.button("New key …")
        self.browser.fill("Name", "payouts")
        self.browser.button("Create", "//dialog")
        self.browser.see("scopes must", "invalid_field")
        self.browser.press("//label[normalize-space()='accounts:read']/input")
        self.browser.fill("Largest amount, minor units", "5000")
        self.browser.fill("Networks", "127.0.0.0/8, ::1")
        self.browser.button("Create", "//dialog")
        self.browser.see("The secret of payouts is shown only now.", "at most 5,000 minor units", "from 127.0.0.0/8, ::1")
        self.check("made-key")
        first = self.secret()
        self.assertRegex(first, "^llk_[0-9a-f]{32}_[0-9a-f]{64}$")
        servers.eventually(lambda: self.may(first), console.WAIT_SECONDS_MAX, "the new key is taken")
        kept = self.browser.run("return location.href + JSON.stringify([{...localStorage}, {...sessionStorage}])")
        self.assertNotIn(first, kept)
        self.browser.button("I have kept it")
        self.browser.gone(first)
        self.browser.button("Rotate …", "//tr[contains(., 'payouts')]")
        self.browser.fill("Hours for the old secret", "0")
        self.browser.fill("Reason", "the laptop was lost")
        self.browser.button("Rotate", "//dialog")
        self.browser.see("The secret of payouts is shown only now.")
        second = self.secret()
        self.assertNotEqual(first, second)
        servers.eventually(lambda: self.may(second) and not self.may(first), console.WAIT_SECONDS_MAX, "only the second")
        self.browser.button("Revoke …", "//tr[contains(., 'payouts')]")
        self.browser.see("is refused within 5 seconds")
        self.browser.button("Revoke", "//dialog")
        self.browser.see("REVOKED")
        servers.eventually(lambda: not self.may(second), console.WAIT_SECONDS_MAX, "no more")
        self.enter("audit", "key_rotated", "the laptop was lost", "key_revoked")

    def test_the_secret_stays_when_a_key_ends_its_own_session(self):
        key = self.ledger.key("chief", "admin")
        self.open("keys")
        self.log_in(key["key"])
        self.browser.see("chief")
        self.allow_changes()
        self.browser.button("Rotate …", "//tr[contains(., 'chief')]")
        self.browser.see("It is the key of this session, which ends.")
        self.browser.button("Rotate", "//dialog")
        self.browser.see("The secret of chief is shown only now.", "The session has ended. Log in again.")
        self.log_in(self.secret())
        self.browser.see("chief", "old secret:")

    def test_the_audit_says_what_was_before_and_after(self):
        account = self.ledger.account("watched", min_balance_cents=0)
        self.ledger.call("PATCH", f"/v1/accounts/{account}", {"min_balance_cents": -700, "reason": "a good customer"})
        self.enter("audit", "account_changed")
        self.browser.fill("Subject", account)
        self.browser.button("Apply")
        servers.eventually(lambda: len(self.browser.rows()) == 2, console.WAIT_SECONDS_MAX, "made and changed")
        self.browser.press("//tr[contains(., 'account_changed')]//summary[normalize-space()='min_balance_cents']")
        self.browser.see("min_balance_cents: 0 \u2192 -700", "a good customer")
        key_id = self.ledger.get("/v1/audit?limit=1")["audit"][0]["key_id"]
        self.enter(f"audit?key_id={key_id}", "account_created")
        self.enter(f"audit?key_id={key_id}&subject={account}", "key_id must not be given together with subject.")

    def test_a_webhook_is_made_tried_disabled_and_deleted(self):
        with servers.Webhook() as receiver:
            self.enter("webhooks", "Who is told of outcomes")
            self.allow_changes()
            self.browser.button("New webhook …")
            self.browser.fill("Address", "http://10.1.2.3/hooks")
            self.browser.button("Create", "//dialog")
            self.browser.see("invalid_field")
            self.browser.fill("Address", f"http://127.0.0.1:{receiver.port}/hooks")
            self.browser.press("//label[normalize-space()='hold.expired']/input")
            self.browser.button("Create", "//dialog")
            self.browser.see("is shown only now", "hold.expired", "ENABLED")
            self.assertRegex(self.secret(), "^whsec_")
            self.browser.button("I have kept it")
            self.browser.press(f"//a[contains(., '{receiver.port}')]")
            self.browser.see("Nothing was sent.")
            self.browser.button("Send a ping")
            self.browser.see("ping")
            servers.eventually(lambda: receiver.bodies, console.WAIT_SECONDS_MAX, "the ping")
            self.reload_until("DELIVERED", "200")
            self.browser.button("Send again")
            servers.eventually(lambda: len(receiver.bodies) == 2, console.WAIT_SECONDS_MAX, "the ping again")
            self.browser.button("Rotate …")
            self.browser.button("Rotate", "//dialog")
            self.browser.see("is shown only now")
            self.browser.button("Disable …")
            self.browser.button("Disable", "//dialog")
            self.browser.see("DISABLED", "Disabled: an operator disabled it.")
            self.browser.button("Enable …")
            self.browser.button("Enable", "//dialog")
            self.browser.gone("DISABLED")
            self.browser.choose("Status", "FAILED")
            self.browser.see("Nothing was sent.")
            self.browser.button("Delete …")
            self.browser.button("Delete", "//dialog")
            self.browser.see("There are no webhooks.")
        self.enter("audit", "webhook_created")

    def reload_until(self, *texts):
        def look():
            self.browser.button("Reload")
            return all(text in self.browser.text() for text in texts)
        servers.eventually(look, console.WAIT_SECONDS_MAX, lambda: f"{texts} in {self.browser.text()[:1500]}")

    def seen_with(self, place, *scopes):
        """What somebody sees whose key has only these."""
        self.browser.collect()
        self.browser.answers.clear()
        self.open(place)
        self.log_in(self.ledger.key("-".join(scopes) + place[:20], *scopes)["key"])
        self.browser.see("Log out")

    def places(self):
        return self.browser.run("return [...document.querySelectorAll('nav[aria-label=Pages] a')].map((one) => one.innerText)")

    def assert_nothing_was_refused(self):
        self.browser.collect()
        self.assertEqual([one for one in self.browser.answers if one[1] == 403], [])

    def test_a_key_that_reads_accounts_sees_those_and_nothing_else(self):
        self.seen_with(f"accounts/{self.alice}", "accounts:read")
        self.browser.see("Statement", "read-only")
        self.assertEqual(self.places(), ["Overview", "Accounts"])
        text = self.browser.text()
        for hidden in ("Allow changes", "Suspend …", "Activate …", "Its transactions"):
            self.assertNotIn(hidden, text)
        self.assertEqual(self.browser.run("return document.querySelectorAll('main a').length"), 0)
        self.browser.link("Overview")
        self.browser.see("by this process since it began")
        for hidden in ("Waiting", "Dead letters", "Money on hold", "Latest refusals"):
            self.assertNotIn(hidden, self.browser.text())
        self.assert_nothing_was_refused()
        self.open("keys")
        self.browser.see("Not for this key", "This page needs a key with the scope admin.")
        self.assertEqual(self.fetch("GET", "/v1/keys")[0], 403)

    def test_a_key_that_only_looks_at_dead_letters_decides_on_none(self):
        account = self.ledger.park("looked-at", 2)
        letter = self.ledger.letters("PARKED", account)[0]["id"]
        self.seen_with(f"dead-letters/{letter}", "dead-letters:read", "holds:write")
        self.browser.see("Payload", "Allow changes")
        self.assertEqual(self.places(), ["Overview", "Dead letters"])
        self.assertNotIn("Discard …", self.browser.text())
        self.open("dead-letters")
        self.browser.see("23514")
        self.assertNotIn("Replay all that match …", self.browser.text())
        self.assert_nothing_was_refused()

    def test_a_session_ends_with_its_key(self):
        self.enter("accounts", "alice")
        self.browser.button("Log out")
        self.log_in(ledgers.OTHER_KEY)
        self.enter("lanes", "Publisher")
        self.ledger.write_keys(ledgers.KEY)
        self.ledger.server._process.send_signal(signal.SIGHUP)
        try:
            self.browser.see("The session has ended. Log in again.")
            self.log_in()
            self.browser.see("Publisher")
        finally:
            self.ledger.write_keys(*self.keys)
            self.ledger.server._process.send_signal(signal.SIGHUP)


class Tenants(console.ConsoleTest):
    """Whose things are shown, and who may choose."""

    @classmethod
    def fill(cls, ledger):
        ledger.account("own-cash")
        cls.acme = {"X-Tenant": "acme"}
        assert ledger.call("PUT", "/v1/tenants/acme")[0] == 201
        status, cls.cash = ledger.call("POST", "/v1/accounts", {"currency": "EUR", "reference": "acme-cash"}, cls.acme)
        assert status == 201, cls.cash
        status, made = ledger.call("POST", "/v1/keys", {"name": "till", "scopes": ["admin"]}, cls.acme)
        assert status == 201, made
        cls.key = made["key"]

    def status_of_cash(self):
        return self.ledger.call("GET", f"/v1/accounts/{self.cash['id']}", headers=self.acme)[1]["status"]

    def test_an_operator_chooses_the_tenant_and_acts_in_it(self):
        self.enter(f"accounts/{self.cash['id']}", "There is no account")
        self.browser.choose("Tenant", "acme")
        self.browser.see("by this process since it began")  # the overview
        self.browser.link("Accounts")
        self.browser.see("acme-cash")
        self.assertNotIn("own-cash", self.browser.text())
        self.check("tenant")
        self.browser.look(390)
        self.check("tenant-390")
        self.browser.look(1280)
        self.browser.link("acme-cash")
        self.allow_changes()
        self.browser.button("Suspend …")
        self.browser.button("Suspend", "//dialog")
        self.browser.see("SUSPENDED")
        self.assertEqual(self.status_of_cash(), "SUSPENDED")
        self.browser.link("Keys")
        self.browser.see("till")
        # Back again, and after a reload nobody acts elsewhere by chance.
        self.browser.choose("Tenant", "default")
        self.browser.link("Accounts")
        self.browser.see("own-cash")
        self.assertNotIn("acme-cash", self.browser.text())
        self.browser.choose("Tenant", "acme")
        self.enter("accounts", "own-cash")

    def test_a_key_of_a_tenant_sees_whose_it_is_and_has_no_choice(self):
        self.open("accounts")
        self.log_in(self.key)
        self.browser.see("Tenant acme", "acme-cash")
        self.assertNotIn("own-cash", self.browser.text())
        self.assertEqual(self.browser.run("return document.querySelectorAll('#tenant').length"), 0)
        places = self.browser.run("return [...document.querySelectorAll('nav[aria-label=Pages] a')].map((one) => one.innerText)")
        self.assertIn("Webhooks", places)
        self.assertNotIn("Lanes", places)


class FourEyes(console.ConsoleTest):
    """Where another key must approve what changes something for good."""

    keys = (ledgers.KEY, ledgers.OTHER_KEY)
    options = ("--require-approval", "discard,suspend,close")

    @classmethod
    def fill(cls, ledger):
        cls.alice = ledger.account("alice")

    def as_other(self, place, *texts):
        self.browser.button("Log out")
        self.open(place)
        self.log_in(ledgers.OTHER_KEY)
        self.allow_changes()
        self.browser.see(*texts)

    def status(self):
        return self.ledger.get(f"/v1/accounts/{self.alice}")["status"]

    def test_an_account_is_suspended_by_two(self):
        self.enter(f"accounts/{self.alice}", "ACTIVE")
        self.allow_changes()
        self.browser.button("Suspend …")
        self.browser.button("Suspend", "//dialog")
        self.browser.see("Nothing is changed yet: another key must approve it until", "ACTIVE")
        self.assertEqual(self.status(), "ACTIVE")
        self.browser.link("See the approvals")
        self.browser.see("Suspend the account", "PENDING", "Take back …")
        self.assertNotIn("Approve …", self.browser.text())
        self.check("approvals")
        self.as_other("approvals?state=PENDING", "Approve …", "Reject …")
        self.browser.button("Approve …")
        self.browser.see("It is done at once")
        self.browser.fill("Reason", "seen")
        self.browser.button("Approve", "//dialog")
        self.browser.see("Nothing waits for an approval.")
        self.assertEqual(self.status(), "SUSPENDED")
        self.browser.link("Clear")
        self.browser.see("APPROVED")
        self.ledger.call("PATCH", f"/v1/accounts/{self.alice}", {"status": "ACTIVE"})

    def test_what_is_taken_back_is_not_done(self):
        self.ledger.call("PATCH", f"/v1/accounts/{self.alice}", {"status": "CLOSED"})
        self.enter("approvals?state=PENDING", "Close the account", "Take back …")
        self.allow_changes()
        self.browser.button("Take back …")
        self.browser.button("Reject", "//dialog")
        self.browser.gone("Close the account")
        self.assertEqual(self.status(), "ACTIVE")

    def test_dead_letters_are_discarded_by_two(self):
        account = self.ledger.park("two-letters", 3)
        one, *_ = (letter["id"] for letter in self.ledger.letters("PARKED", account))
        self.enter(f"dead-letters/{one}", "Discard …")
        self.allow_changes()
        self.browser.button("Discard …")
        self.browser.button("Discard", "//dialog")
        self.browser.see("Nothing is changed yet", "PARKED")
        self.open(f"dead-letters?account_id={account}&state=PARKED")
        self.browser.button("Discard all that match …")
        self.browser.fill("Type 3 to confirm", "3")
        self.browser.button("Discard 3 dead letters")
        self.browser.see("0 of 3 dead letters discarded. Another key must approve 2.", "1 refused.")
        self.assertEqual(len(self.ledger.letters("PARKED", account)), 3)
        self.browser.button("Close")
        self.as_other("approvals?state=PENDING", "Discard the dead letter")
        self.browser.button("Approve …")
        self.browser.button("Approve", "//dialog")
        servers.eventually(lambda: len(self.ledger.letters("DISCARDED", account)) == 1, console.WAIT_SECONDS_MAX, "discarded")

    def test_a_key_without_the_scopes_does_not_see_them(self):
        self.open("approvals")
        self.log_in(self.ledger.key("reads", "accounts:read")["key"])
        self.browser.see("Not for this key", "accounts:write or dead-letters:decide")


class Away(console.ConsoleTest):
    """The server goes and comes back."""

    @classmethod
    def fill(cls, ledger):
        cls.alice = ledger.account("alice")
        ledger.pay(cls.alice, "CREDIT", 500)

    def test_the_page_says_that_the_server_is_away_and_goes_on_when_it_is_back(self):
        self.expects_trouble = True
        self.enter("lanes", "Publisher")
        self.ledger.server.kill()
        self.browser.see("Not connected.", "The server does not answer.")
        self.browser.see("Publisher")  # what was seen stays
        self.check("away")
        self.ledger.server.start()
        self.browser.gone("Not connected.")
        self.browser.see("Publisher", "Log out")
        self.browser.link("Accounts")
        self.browser.see("alice", "5.00\u00a0EUR")

    def test_a_page_opened_while_it_is_away_waits_for_it(self):
        self.expects_trouble = True
        self.enter(f"accounts/{self.alice}", "Statement")
        self.ledger.server.kill()
        self.browser.link("Holds")
        self.browser.see("Not connected.")
        self.ledger.server.start()
        self.browser.gone("Not connected.")
        self.browser.see("No hold matches.")


class Many(console.ConsoleTest):
    """Thousands of rows, page by page."""

    @classmethod
    def fill(cls, ledger):
        cls.busy = ledger.account("busy")
        ledger.pay_many(cls.busy, MANY)
        servers.eventually(lambda: ledger.get(f"/v1/accounts/{cls.busy}")["balance_cents"] == MANY * 100, 60, "all applied")

    def rows(self):
        first = "return [...document.querySelectorAll('tbody tr')].map((one) => one.querySelector('code')?.title)"
        return self.browser.run(first)

    def go_through(self, pages):
        """Next, until the last page. Returns the ids in order; each page was loaded by itself."""
        seen = []
        for number in range(1, pages + 1):
            self.browser.see(f"Page {number}")
            new = servers.eventually(lambda: (rows := self.rows()) and rows[0] not in seen and rows,
                                     console.WAIT_SECONDS_MAX, f"page {number}")
            self.assertEqual(len(new), PAGE_ROWS)
            seen += new
            if number < pages:
                self.browser.button("Next")
        return seen

    def test_lists_and_statements_are_paged(self):
        for place, first in ((f"transactions?account_id={self.busy}", "PROCESSED"),
                             (f"accounts/{self.busy}", "3,000.00\u00a0EUR")):
            with self.subTest(place=place):
                self.browser.collect()
                self.browser.requests.clear()
                self.enter(place, first)
                pages = MANY // PAGE_ROWS
                seen = self.go_through(pages)
                self.assertEqual(len(set(seen)), MANY)
                self.assertTrue(self.browser.run(DISABLED, "Next"))
                self.browser.button("Previous")
                self.browser.see(f"Page {pages - 1}")
                self.browser.collect()
                limits = [int(limit) for url in self.browser.requests if "/v1/tenants" not in url
                          for limit in re.findall(r"[?&]limit=(\d+)", url)]
                self.assertGreaterEqual(len(limits), pages)
                self.assertLessEqual(max(limits), 200)


class Open(console.ConsoleTest):
    """A server without keys: the console is as open as its API."""

    keys = ()

    @classmethod
    def fill(cls, ledger):
        cls.alice = ledger.account("alice")

    def test_no_key_is_asked_for_and_changes_still_have_to_be_allowed(self):
        self.open(f"accounts/{self.alice}")
        self.browser.see("No key needed", "read-only", "Statement")
        self.assertEqual(self.browser.cookies(), [])
        self.allow_changes()
        self.browser.button("Suspend …")
        self.browser.button("Suspend", "//dialog")
        self.browser.see("SUSPENDED")


class First(console.ConsoleTest):
    """The first key closes a server that was open."""

    keys = ()

    def test_the_first_key_is_made_here(self):
        self.open("keys")
        self.browser.see("No key needed", "There are no keys.")
        self.allow_changes()
        self.browser.button("New key …")
        self.browser.fill("Name", "first")
        self.browser.press("//label[normalize-space()='admin']/input")
        self.browser.button("Create", "//dialog")
        self.browser.see("The secret of first is shown only now.", "API key")
        self.log_in(self.browser.run("return document.querySelector('.secret code').innerText"))
        self.browser.see("first", "Log out")


class Picture(console.ConsoleTest):
    """The overview of a busy server, as the README shows it."""

    @classmethod
    def fill(cls, ledger):
        cls.currencies = ("EUR", "EUR", "USD", "JPY", "EUR", "CHF")
        cls.accounts = [ledger.account(f"merchant-{n}", currency) for n, currency in enumerate(cls.currencies)]
        for account, currency in zip(cls.accounts, cls.currencies):
            ledger.pay(account, "CREDIT", 5_000_000, currency)
        ledger.hold(cls.accounts[0], 1_249_900)
        ledger.hold(cls.accounts[1], 89_950)
        ledger.pay(cls.accounts[1], "DEBIT", 90_000_000)
        ledger.pay(cls.accounts[2], "DEBIT", 75_000_000, "USD")
        ledger.park("merchant-broken", 3)

    def traffic(self, stop):
        round_number = 0
        while not stop.is_set():
            round_number += 1
            items = [{"account_id": account, "type": "CREDIT", "amount_cents": 100 + n, "currency": currency,
                      "idempotency_key": f"{round_number}-{n}"}
                     for n in range(20 + 10 * (round_number % 7)) for account, currency in zip(self.accounts, self.currencies)]
            self.ledger.post("/v1/transactions/batch", {"transactions": items}, wait=False)
            stop.wait(0.2)

    def test_a_busy_overview(self):
        stop = threading.Event()
        sender = threading.Thread(target=self.traffic, args=(stop,))
        sender.start()
        try:
            self.browser.look(1280, 840)
            self.enter("", "Overview")
            drawn = "return document.querySelector('canvas')?.getAttribute('aria-label') ?? ''"
            servers.eventually(lambda: re.search("Now: [1-9]", self.browser.run(drawn)), console.WAIT_SECONDS_MAX, "rates")
            stop.wait(40)
            self.check("busy-overview")
        finally:
            stop.set()
            sender.join()
        if os.environ.get("LEDGERLINE_UPDATE_GOLDEN"):
            shutil.copy(console.SHOTS / "busy-overview.png", servers.ROOT / "docs/images/console.png")


if __name__ == "__main__":
    unittest.main()
