"""The alerts in a real Prometheus: what they are about is done to a live installation, they fire, reach an alertmanager, and end
when it is undone. The rules are those of infra/prometheus with shorter windows (monitoring.shorten)."""

import pathlib
import tempfile
import unittest

import monitoring
import servers
import traffic

# The longest window is six hours, so six minutes; the worker looks at a halted lane every 30 s.
FIRES_SECONDS_MAX = 150
ENDS_SECONDS_MAX = 150


class AlertsLiveTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="ledgerline-observe-")
        cls.addClassCleanup(directory.cleanup)
        # The database runs as another user and must get there.
        pathlib.Path(directory.name).chmod(0o755)
        cls.postgres = cls.enterClassContext(servers.Postgres(directory.name))
        words = ["up", "--database-url", cls.postgres.url, "--data-dir", f"{directory.name}/data"]
        cls.ledgerline = cls.enterClassContext(servers.Ledgerline("up", words, directory.name))
        cls.webhook = cls.enterClassContext(servers.Webhook())
        alertmanager = cls.enterClassContext(servers.Alertmanager(directory.name, cls.webhook.port))
        config = monitoring.configure(directory.name, {"up": [cls.ledgerline.port]}, short=True,
                                      alertmanager_port=alertmanager.port)
        cls.prometheus = cls.enterClassContext(servers.Prometheus(directory.name, config))

    def setUp(self):
        self.expect_end()

    def expect_fires(self, name, **labels):
        def fires():
            return any(found == name and labels.items() <= its.items() for found, its in self.prometheus.firing())
        servers.eventually(fires, FIRES_SECONDS_MAX, lambda: f"{name} {labels} fires; these do: {self.prometheus.firing()}")

    def expect_end(self):
        servers.eventually(lambda: not self.prometheus.firing(), ENDS_SECONDS_MAX,
                           lambda: f"no alert fires; these do: {self.prometheus.firing()}")

    def expect_received(self, status, name):
        servers.eventually(lambda: (status, name) in self.webhook.received, FIRES_SECONDS_MAX,
                           lambda: f"{status} {name} at the webhook: {self.webhook.received}")

    def account(self):
        return traffic.open_account(self.ledgerline.url)

    def test_a_process_that_is_killed(self):
        self.ledgerline.kill()
        for role in ("api", "publisher", "worker"):
            self.expect_fires("RoleAbsent", missing=role)
        self.expect_received("firing", "RoleAbsent")
        self.ledgerline.start()
        self.expect_end()
        self.expect_received("resolved", "RoleAbsent")

    def test_a_database_that_is_away_and_requests_that_fail(self):
        with traffic.Traffic(self.ledgerline.url):
            self.postgres.stop()
            self.expect_fires("DatabaseUnreachable", role="up")
            self.expect_fires("ApiErrorBudgetBurn", pace="fast")
            self.postgres.start()
        self.expect_end()

    def test_poison_is_buried_and_decided_about(self):
        account = self.account()
        self.postgres.sql(traffic.POISON.format(account=account, code=traffic.PERMANENT))
        self.addCleanup(self.postgres.sql, "DROP FUNCTION IF EXISTS test_poison() CASCADE")
        parked = traffic.post(self.ledgerline.url, traffic.transaction(account), wait_seconds=10)
        self.assertTrue(parked["dead_letter_id"])
        self.expect_fires("DeadLettersGrow")
        self.expect_fires("DeadLettersWait")
        self.postgres.sql(traffic.CURE)
        status, text = servers.call(f"{self.ledgerline.url}/v1/dead-letters/{parked['dead_letter_id']}/replay", method="POST")
        self.assertEqual(status, 200, text)
        self.expect_end()

    def test_a_lane_whose_events_fail_for_an_unknown_reason(self):
        account = self.account()
        self.postgres.sql(traffic.POISON.format(account=account, code=traffic.UNKNOWN))
        self.addCleanup(self.postgres.sql, "DROP FUNCTION IF EXISTS test_poison() CASCADE")
        for _ in range(4):
            traffic.post(self.ledgerline.url, traffic.transaction(account))
        self.expect_fires("LaneStuck", reason="halted")
        self.expect_fires("OldestEventOld")
        self.postgres.sql(traffic.CURE)
        letters = servers.get_json(self.ledgerline.url + "/v1/dead-letters?state=PARKED")["dead_letters"]
        for letter in letters:
            servers.call(f"{self.ledgerline.url}/v1/dead-letters/{letter['id']}/discard", method="POST")
        self.expect_end()


if __name__ == "__main__":
    unittest.main()
