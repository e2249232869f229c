"""The alerts in a real Prometheus: what they are about is done to a live installation, they fire, reach an alertmanager, and end
when it is undone. The rules are those of infra/prometheus with shorter windows (monitoring.shorten)."""

import unittest

import installations
import monitoring
import servers
import traffic

# The longest window is six hours, so six minutes; the worker looks at a halted lane every 30 s.
FIRES_SECONDS_MAX = 150
ENDS_SECONDS_MAX = 150


class Alerts(unittest.TestCase):
    """What the tests have in common. Subclasses say of which installation."""

    @classmethod
    def setUpClass(cls):
        cls.installation = cls.enterClassContext(cls.make_installation())
        cls.url = cls.installation.api.url
        cls.webhook = cls.enterClassContext(servers.Webhook())
        alertmanager = cls.enterClassContext(servers.Alertmanager(cls.installation.directory, cls.webhook.port))
        config = monitoring.configure(cls.installation.directory, cls.installation.targets, short=True,
                                      alertmanager_port=alertmanager.port)
        cls.prometheus = cls.enterClassContext(servers.Prometheus(cls.installation.directory, config))

        # An increase is seen only between two scrapes.
        servers.eventually(lambda: cls.prometheus.query("min(count_over_time(dlq_messages_total[1m])) >= 2"),
                           FIRES_SECONDS_MAX, "every target scraped twice")

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

    def poison(self, code):
        """The id of a new account whose every event fails so, until cure() or the end of the test."""
        account = traffic.open_account(self.url)
        self.installation.postgres.sql(traffic.POISON.format(account=account, code=code))
        self.addCleanup(self.discard_letters)
        self.addCleanup(self.cure)
        return account

    def cure(self):
        self.installation.postgres.sql(traffic.CURE)

    def discard_letters(self):
        for letter in servers.get_json(self.url + "/v1/dead-letters?state=PARKED")["dead_letters"]:
            self.decide(letter["id"], "discard")

    def decide(self, letter, decision):
        status, text = servers.call(f"{self.url}/v1/dead-letters/{letter}/{decision}", method="POST")
        self.assertEqual(status, 200, text)


class EmbeddedAlertsTest(Alerts):
    @staticmethod
    def make_installation():
        return installations.Embedded(private_cluster=False)

    def test_a_process_that_is_killed(self):
        self.installation.api.kill()
        for role in ("api", "publisher", "worker"):
            self.expect_fires("RoleAbsent", missing=role)
        self.expect_received("firing", "RoleAbsent")
        self.assertLessEqual(self.webhook.receivers, {("page", "pager"), ("ticket", "tickets")})
        status, page = servers.call(self.prometheus.runbooks()["RoleAbsent"])
        self.assertEqual((status, page.splitlines()[0]), (200, "# RoleAbsent"))
        self.installation.api.start()
        self.expect_end()
        self.expect_received("resolved", "RoleAbsent")

    def test_a_database_that_is_away_and_requests_that_fail(self):
        with traffic.Traffic(self.url):
            self.installation.postgres.stop()
            self.expect_fires("DatabaseUnreachable", role="up")
            self.expect_fires("ApiErrorBudgetBurn", pace="fast")
            self.installation.postgres.start()
        self.expect_end()

    def test_poison_is_parked_and_decided_about(self):
        account = self.poison(traffic.PERMANENT)
        parked = traffic.post(self.url, traffic.transaction(account), wait_seconds=10)
        self.assertTrue(parked["dead_letter_id"])
        self.expect_fires("DeadLettersGrow")
        self.expect_fires("DeadLettersWait")
        self.cure()
        self.decide(parked["dead_letter_id"], "replay")
        self.expect_end()

    def test_a_lane_whose_events_fail_for_an_unknown_reason(self):
        account = self.poison(traffic.UNKNOWN)
        for _ in range(4):
            traffic.post(self.url, traffic.transaction(account))
        self.expect_fires("LaneStuck", reason="halted")
        self.expect_fires("OldestEventOld")
        self.cure()
        self.discard_letters()
        self.expect_end()


class RolesAlertsTest(Alerts):
    @staticmethod
    def make_installation():
        return installations.Roles()

    def test_the_only_worker_is_killed(self):
        self.installation.worker.kill()
        self.expect_fires("RoleAbsent", missing="worker")
        self.assertEqual({name for name, _ in self.prometheus.firing()}, {"RoleAbsent"})
        self.expect_received("firing", "RoleAbsent")
        self.installation.worker.start()
        self.expect_end()

    def test_the_broker_is_stopped(self):
        account = traffic.open_account(self.url)
        self.installation.kafka.stop()
        accepted = traffic.post(self.url, traffic.transaction(account))
        self.assertTrue(accepted, "the API accepts without a broker")
        self.expect_fires("BrokerUnreachable", role="publisher")
        self.expect_fires("BrokerUnreachable", role="worker")
        self.expect_fires("OutboxNotDraining")
        self.installation.kafka.start()
        self.expect_end()

    def test_poison_is_parked_and_given_up(self):
        account = self.poison(traffic.PERMANENT)
        parked = traffic.post(self.url, traffic.transaction(account), wait_seconds=20)
        self.assertTrue(parked["dead_letter_id"])
        self.expect_fires("DeadLettersGrow")
        self.cure()
        self.decide(parked["dead_letter_id"], "discard")
        self.expect_end()


if __name__ == "__main__":
    unittest.main()
