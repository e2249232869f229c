"""What the tests of the console have in common: one server, one browser, and what must hold for all that was seen."""

import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "observe"))

import browser as browsers  # noqa: E402
import checks  # noqa: E402
import ledger as ledgers  # noqa: E402

WAIT_SECONDS_MAX = browsers.WAIT_SECONDS_MAX
SHOTS = pathlib.Path(os.environ.get("LEDGERLINE_SHOTS", "build/console-shots"))


class ConsoleTest(unittest.TestCase):
    keys = (ledgers.KEY,)
    options = ()  # of the server

    @classmethod
    def fill(cls, ledger):
        """What the tests of a class look at."""

    @classmethod
    def setUpClass(cls):
        cls.ledger = cls.enterClassContext(ledgers.Ledger(cls.keys, cls.options))
        cls.fill(cls.ledger)
        cls.browser = cls.enterClassContext(browsers.Browser())

    def setUp(self):
        self.browser.look(1280)
        self.browser.forget_session()
        self.expects_trouble = False

    def tearDown(self):
        """Nothing but this server was asked, and the browser had nothing to complain about but refusals."""
        self.browser.collect()
        requests, self.browser.requests = self.browser.requests, []
        messages, self.browser.messages = self.browser.messages, []
        foreign = [url for url in requests if not url.startswith((self.ledger.url + "/", "data:", "chrome:", "about:"))]
        self.assertEqual(foreign, [])
        self.assertEqual([url for url in requests if any(key in url for key in (ledgers.KEY, ledgers.OTHER_KEY))], [])
        refusals = ("status of 4", "status of 503", "ERR_") if self.expects_trouble else ("status of 4",)
        self.assertEqual([one for one in messages if not any(known in one for known in ("DEBUG", *refusals))], [])

    def open(self, place):
        self.browser.open("about:blank")
        self.browser.open(f"{self.ledger.url}/console#/{place}")

    def log_in(self, key=ledgers.KEY):
        self.browser.fill("API key", key)
        self.browser.button("Log in")
        self.browser.see("Log out")

    def enter(self, place, *texts):
        """Opens a page as somebody who is logged in."""
        self.open(place)
        self.browser.see("Times are in UTC.")  # once it is known who is there
        if self.browser.run("return document.querySelector('h1')?.innerText === 'Log in'"):
            self.log_in()
        self.browser.see(*texts)

    def allow_changes(self):
        if "changes allowed" not in self.browser.text():
            self.browser.button("Allow changes")
            self.browser.see("changes allowed")

    def check(self, name):
        """What holds for every page, and a picture of it."""
        self.browser.shoot(SHOTS / f"{name}.png")
        self.assertEqual(checks.problems(self.browser), [], name)
