"""infra/ and docs/runbooks as files: what they promise each other. Needs promtool, and no server."""

import collections
import re
import shutil
import subprocess
import tempfile
import unittest

import definitions as defined


def promtool(*arguments):
    if not shutil.which("promtool"):
        raise AssertionError("promtool is missing: run scripts/bootstrap")
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


class PrometheusTest(unittest.TestCase):
    def test_the_configuration_is_valid_with_each_list_of_targets(self):
        lists = list(defined.PROMETHEUS.glob("targets.*.yml"))
        self.assertTrue(lists)
        for targets in lists:
            with self.subTest(targets.name), tempfile.TemporaryDirectory() as directory:
                shutil.copytree(defined.PROMETHEUS, directory, dirs_exist_ok=True)
                shutil.copyfile(targets, f"{directory}/targets.yml")
                shutil.copyfile(defined.PROMETHEUS / "alertmanagers.compose.yml", f"{directory}/alertmanagers.yml")
                code, output = promtool("check", "config", "--lint=all", "--lint-fatal", f"{directory}/prometheus.yml")
                self.assertEqual(code, 0, output)

    def test_the_rules_pass_their_unit_tests(self):
        code, output = promtool("test", "rules", *defined.PROMETHEUS.glob("tests/*.yml"))
        self.assertEqual(code, 0, output)

    def test_each_alert_is_seen_to_fire_and_to_be_silent(self):
        text = "".join(path.read_text() for path in defined.PROMETHEUS.glob("tests/*.yml"))
        fires = set(re.findall(r"alertname: (\w+)\n +exp_alerts:\n", text))
        silent = set(re.findall(r"alertname: (\w+), exp_alerts: \[\]", text))
        self.assertEqual(fires, set(defined.alert_names()))
        self.assertEqual(silent, set(defined.alert_names()))

    def test_every_series_asked_for_exists(self):
        known = defined.exported_names() | set(defined.recorded_names()) | defined.BUILT_IN
        for rule, expression in defined.expressions_in_rules():
            with self.subTest(rule):
                self.assertLessEqual(defined.metrics_in(expression), known)

    def test_each_currency_without_two_decimals_has_its_rule(self):
        source = (defined.ROOT / "src/base/money.cpp").read_text()
        wanted = [(code, digits) for code, digits in re.findall(r'\{"([A-Z]{3})", (\d)\}', source) if digits != "2"]
        rule = r"record: currency:exponent\n +expr: vector\((\d)\)\n +labels: \{ currency: (\w+) \}"
        found = [(code, digits) for text in defined.rule_texts() for digits, code in re.findall(rule, text)]
        self.assertGreater(len(wanted), 20)
        self.assertEqual(found, wanted)

    def test_every_expression_is_read_by_these_tests(self):
        rules = defined.alert_names() + defined.recorded_names()
        read = [rule for rule, _ in defined.expressions_in_rules()]
        self.assertEqual(collections.Counter(read), collections.Counter(rules))


class RunbooksTest(unittest.TestCase):
    def test_each_alert_has_its_page_and_each_page_its_alert(self):
        pages = {path.stem for path in defined.RUNBOOKS.glob("*.md")} - {"README"}
        self.assertEqual(pages, set(defined.alert_names()))

    def test_each_rule_names_its_page(self):
        for text in defined.rule_texts():
            alerts = re.findall(r"- alert: (\w+)\n(?:(?! *- alert).*\n)*? *runbook_url: (.+)\n", text)
            self.assertEqual(len(alerts), text.count("- alert: "))
            for alert, url in alerts:
                self.assertEqual(url, '"{{ $externalURL }}/user/runbooks/' + f'{alert}.md"')

    def test_the_list_of_runbooks_names_each_page(self):
        listed = re.findall(r"\]\((\w+)\.md\)", (defined.RUNBOOKS / "README.md").read_text())
        self.assertEqual(sorted(listed), sorted(set(defined.alert_names())))


class DashboardsTest(unittest.TestCase):
    def test_ids_are_unique(self):
        dashboards = defined.dashboards()
        self.assertEqual(len(dashboards), 3)
        self.assertEqual(len({board["uid"] for board in dashboards.values()}), len(dashboards))
        for name, board in dashboards.items():
            ids = [panel["id"] for panel in board["panels"]]
            self.assertEqual(len(ids), len(set(ids)), name)

    def test_panels_do_not_overlap(self):
        for name, board in defined.dashboards().items():
            taken = set()
            for panel in board["panels"]:
                at = panel["gridPos"]
                cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
                self.assertFalse(cells & taken, f"{name}: {panel['title']}")
                self.assertLessEqual(at["x"] + at["w"], 24, f"{name}: {panel['title']}")
                taken |= cells

    def test_every_data_source_is_provisioned(self):
        provisioned = (defined.ROOT / "infra/grafana/provisioning/datasources/ledgerline.yml").read_text()
        known = set(re.findall(r"^ +uid: (\w+)$", provisioned, re.MULTILINE))
        for path in defined.DASHBOARDS.glob("*.json"):
            text = path.read_text()
            used = set(re.findall(r'"uid": "(\w+)"}', text)) | set(re.findall(r'\\"datasource\\":\\"(\w+)\\"', text))
            self.assertLessEqual(used, known, path.name)

    def test_every_series_asked_for_exists(self):
        known = defined.exported_names() | set(defined.recorded_names()) | defined.BUILT_IN
        for name, board in defined.dashboards().items():
            for title, expression in defined.panel_queries(board):
                with self.subTest(f"{name}: {title}"):
                    asked = defined.metrics_in(expression)
                    self.assertTrue(asked)
                    self.assertLessEqual(asked, known)

    def test_every_panel_says_what_it_shows_and_where_to_go(self):
        for name, board in defined.dashboards().items():
            for panel in board["panels"]:
                with self.subTest(f"{name}: {panel['title']}"):
                    self.assertTrue(panel["type"] == "row" or panel.get("description"))
                    for link in panel.get("links", []):
                        page = re.fullmatch(r"http://localhost:9090/user/runbooks/(\w+)\.md", link["url"])[1]
                        self.assertTrue((defined.RUNBOOKS / f"{page}.md").is_file())
            links = {link["title"]: link for link in board["links"]}
            self.assertEqual(set(links), {"Ledgerline", "Traces", "Alerts", "Runbooks"})
            self.assertEqual(links["Ledgerline"]["tags"], board["tags"])

    def test_every_dashboard_leads_to_traces(self):
        for name, board in defined.dashboards().items():
            links = [link["url"] for panel in board["panels"]
                     for link in panel.get("fieldConfig", {}).get("defaults", {}).get("links", [])]
            self.assertTrue(any('"datasource":"jaeger"' in link for link in links), name)


class ComposeTest(unittest.TestCase):
    text = (defined.ROOT / "infra/docker-compose.yml").read_text()

    def service(self, name):
        return re.search(rf"^  {name}:\n((?:    .*\n|\n)+)", self.text, re.MULTILINE)[1]

    def test_every_port_is_on_loopback(self):
        ports = re.findall(r'ports: \["([^"]*)"\]', self.text)
        self.assertEqual(len(ports), self.text.count("ports:"))
        self.assertEqual([port for port in ports if not port.startswith("127.0.0.1:")], [])

    def test_either_broker_is_reached_from_the_host_under_the_name_that_it_tells(self):
        for broker in ("redpanda", "kafka"):
            text = self.service(broker)
            self.assertIn('"127.0.0.1:9092:19092"', text)
            self.assertRegex(text, r"(?i)external://127\.0\.0\.1:9092\b")
            self.assertRegex(text, r"(?i)external://(0\.0\.0\.0)?:19092\b")
        self.assertIn("127.0.0.1:9092", (defined.ROOT / "docs/dead-letters.md").read_text())

    def test_every_file_that_is_mounted_is_there(self):
        sources = re.findall(r"[ \[\"](\.\.?/[\w./-]+):/", self.text)
        self.assertGreater(len(sources), 6)
        self.assertEqual([source for source in sources if not (defined.ROOT / "infra" / source).exists()], [])

    def test_links_lead_to_what_is_published(self):
        for url in ("http://localhost:9090", "http://localhost:9093", "http://localhost:16686"):
            self.assertIn(f'"127.0.0.1:{url.rsplit(":", 1)[1]}:', self.text)
        self.assertIn("--web.external-url=http://localhost:9090\n", self.service("prometheus"))
        self.assertIn("../docs/runbooks:/etc/prometheus/assets/runbooks:ro", self.service("prometheus"))


class ImageTest(unittest.TestCase):
    def test_it_is_built_with_the_libraries_that_the_bootstrap_installs(self):
        bootstrap = (defined.ROOT / "scripts/bootstrap").read_text()
        libraries = re.search(r"# Libraries\.\n(.*?)# Tests", bootstrap, re.DOTALL).group(1).split()
        self.assertIn("libpq-dev", libraries)
        installed = re.split(r"\s+", (defined.ROOT / "Dockerfile").read_text())
        self.assertEqual([library for library in libraries if library not in installed], [])


if __name__ == "__main__":
    unittest.main()
