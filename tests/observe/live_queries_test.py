"""Every query of every dashboard and every rule, asked of a real Prometheus that scrapes Ledgerline under load: in one process, and
as roles on Kafka."""

import json
import unittest

import definitions as defined
import installations
import monitoring
import servers
import traffic

ROUNDS = 60
SECONDS_MAX = 120

# What an expression contains that gives nothing on a healthy installation, and why.
MEANT_TO_BE_EMPTY = {"absent(": "gives nothing while what it looks for is there",
                     'route="readyz",status="503"': "a healthy role tells nobody that it is not ready"}
EMBEDDED_MEANT_TO_BE_EMPTY = MEANT_TO_BE_EMPTY | dict.fromkeys(
    ["kafka_reachable", "kafka_consumer_lag_messages", "kafka_request_latency_seconds", "kafka_messages_queued",
     "kafka_requests_waiting", "kafka_partitions_unavailable"],
    "a process without Kafka has no Kafka client that could tell")


class Queries:
    """The tests. Subclasses say of which installation."""

    meant_to_be_empty = MEANT_TO_BE_EMPTY

    @classmethod
    def setUpClass(cls):
        installation = cls.enterClassContext(cls.make_installation())
        config = monitoring.configure(installation.directory, installation.targets)
        cls.prometheus = cls.enterClassContext(servers.Prometheus(installation.directory, config))
        with traffic.Traffic(installation.api.url) as load:
            servers.eventually(lambda: load.rounds >= ROUNDS, SECONDS_MAX, lambda: f"{load.rounds} of {ROUNDS} rounds")
            servers.eventually(lambda: cls.prometheus.query("api:http_errors:ratio_rate6h"), SECONDS_MAX, "rules evaluated")

    def check(self, where, expression):
        samples = self.prometheus.query(expression)
        if any(part in expression for part in self.meant_to_be_empty):
            self.assertEqual(samples, [], f"{where} gives data, and is meant to be empty: {expression}")
        else:
            self.assertNotEqual(samples, [], f"{where} gives no data: {expression}")

    def test_every_panel_shows_something(self):
        for name, board in defined.dashboards().items():
            for title, expression in defined.panel_queries(board):
                with self.subTest(f"{name}: {title}"):
                    self.check(f"{name}: {title}", defined.substitute(expression, monitoring.RATE_INTERVAL))

    def test_every_variable_of_a_dashboard_has_values(self):
        for name, board in defined.dashboards().items():
            for variable in board["templating"]["list"]:
                series, label = variable["definition"].removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
                with self.subTest(f"{name}: {variable['name']}"):
                    self.assertNotEqual(self.prometheus.query(f"count by ({label}) ({series})"), [])

    def test_every_rule_measures_something(self):
        for rule in self.prometheus.rules():
            with self.subTest(rule["name"]):
                self.assertEqual(rule["health"], "ok", json.dumps(rule))
                self.check(rule["name"], monitoring.all_values(rule["query"]))

    def test_no_alert_fires(self):
        self.assertEqual(self.prometheus.firing(), [])


class EmbeddedQueriesTest(Queries, unittest.TestCase):
    meant_to_be_empty = EMBEDDED_MEANT_TO_BE_EMPTY

    @staticmethod
    def make_installation():
        return installations.Embedded(private_cluster=True)


class RolesQueriesTest(Queries, unittest.TestCase):
    @staticmethod
    def make_installation():
        return installations.Roles()


if __name__ == "__main__":
    unittest.main()
