"""Every query of every dashboard and every rule, asked of a real Prometheus that scrapes Ledgerline under load."""

import json
import pathlib
import tempfile
import unittest

import definitions as defined
import monitoring
import servers
import traffic

ROUNDS = 60
SECONDS_MAX = 90

# (where, what of the expression) that gives nothing on a healthy installation, and why.
MEANT_TO_BE_EMPTY = {
    ("RoleAbsent", "absent("): "absent() gives nothing while the role is there",
}


def is_meant_to_be_empty(where, expression):
    return any(where == place and part in expression for place, part in MEANT_TO_BE_EMPTY)


class LiveQueriesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The database runs as another user and must get there.
        directory = tempfile.TemporaryDirectory(prefix="ledgerline-observe-")
        cls.addClassCleanup(directory.cleanup)
        pathlib.Path(directory.name).chmod(0o755)
        ledgerline = servers.Ledgerline("up", ["up", "--data-dir", f"{directory.name}/data"], directory.name)
        cls.enterClassContext(ledgerline)
        config = monitoring.configure(directory.name, {"up": [ledgerline.port]})
        cls.prometheus = cls.enterClassContext(servers.Prometheus(directory.name, config))
        cls.load(ledgerline.url)

    @classmethod
    def load(cls, url):
        with traffic.Traffic(url) as load:
            servers.eventually(lambda: load.rounds >= ROUNDS, SECONDS_MAX, lambda: f"{load.rounds} of {ROUNDS} rounds")
            servers.eventually(lambda: cls.prometheus.query("api:http_errors:ratio_rate6h"), SECONDS_MAX, "rules evaluated")

    def check(self, where, expression):
        samples = self.prometheus.query(expression)
        if is_meant_to_be_empty(where, expression):
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


if __name__ == "__main__":
    unittest.main()
