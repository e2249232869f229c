"""The Helm chart: it lints, its objects are what Kubernetes takes, and they say what the program understands."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm"
PROGRAM = os.environ.get("LEDGERLINE_PROGRAM", str(ROOT / "build/release/ledgerline"))
TOOLS = pathlib.Path(os.environ["LEDGERLINE_KUBE_TOOLS"])
VALUES = sorted((CHART / "ci").glob("*.yaml"))
VERSIONS = ("1.27.0", "1.30.0")  # of Kubernetes
ROLES = ("api", "publisher", "worker", "notifier")
SECONDS_MAX = 120


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=SECONDS_MAX)
    return done.returncode, done.stdout, done.stderr


def helm(*words):
    return run(TOOLS / "helm", *words)


def template(*words, version=VERSIONS[-1]):
    code, out, err = helm("template", "my", CHART, "--namespace", "money", "--kube-version", version, *words)
    assert code == 0, err
    return out


def objects(values, *words):
    return [one for one in yaml.safe_load_all(template("-f", CHART / f"ci/{values}.yaml", *words)) if one]


def of_kind(kind, among):
    return [one for one in among if one["kind"] == kind]


def validate(text, version):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        code, out, err = run(TOOLS / "kubectl-validate", file.name, "--version", re.match(r"1\.\d+", version)[0],
                             "--local-crds", TOOLS / "crds")
        return code, out + err


def pod_of(one):
    return one["spec"]["template"]["spec"]


class ChartTest(unittest.TestCase):
    def test_it_lints(self):
        self.assertGreaterEqual(len(VALUES), 3)
        for values in VALUES:
            with self.subTest(values.stem):
                code, out, err = helm("lint", "--strict", "--kube-version", VERSIONS[-1], CHART, "-f", values)
                self.assertEqual(code, 0, out + err)

    def test_kubernetes_knows_each_object_and_each_field(self):
        for values in VALUES:
            for version in VERSIONS:
                with self.subTest(values.stem, version=version):
                    code, said = validate(template("-f", values, version=version), version)
                    self.assertEqual(code, 0, said)

    def test_a_wrong_field_would_be_found(self):
        text = template("-f", CHART / "ci/everything.yaml")
        for right, wrong in (("readOnlyRootFilesystem:", "readOnlyRootFileSystem:"), ("targetLabel: role", "targetLabels: role"),
                             ("maxUnavailable: 1", "maxUnavailables: 1"), ("runbook_url:", "runbook_url: {a: b} #")):
            self.assertIn(right, text)
            code, said = validate(text.replace(right, wrong, 1), VERSIONS[-1])
            self.assertNotEqual(code, 0, f"{wrong} is not found: {said}")

    def test_a_missing_or_wrong_value_is_named(self):
        for values, says in (
                (("kafka.brokers=a:9092",), "database.urlSecret must name"),
                (("database.urlSecret.name=a", "database.urlSecret.key=b"), "kafka.brokers must name"),
                (("database.urlSecret.name=a",), "key"),
                (("api.replica=2",), "replica"),
                (("monitoring.serviceMonitor.interval=often",), "interval"),
                (("networkPolicy.database.port=0",), "port")):
            with self.subTest(values):
                code, _, err = helm("template", "my", CHART, "--kube-version", VERSIONS[-1],
                                    *(word for value in values for word in ("--set", value)))
                self.assertNotEqual(code, 0)
                self.assertIn(says, err)

    def test_each_role_is_there_and_confined(self):
        for values in ("smallest", "everything"):
            found = objects(values)
            pods = {one["metadata"]["labels"]["app.kubernetes.io/component"]: pod_of(one)
                    for one in of_kind("Deployment", found) + of_kind("Job", found)}
            self.assertEqual(set(pods), {*ROLES, "migrate"})
            for pod in pods.values():
                self.assertTrue(pod["securityContext"]["runAsNonRoot"])
                self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
                self.assertFalse(pod["automountServiceAccountToken"])
                (container,) = pod["containers"]
                self.assertEqual(container["securityContext"], {
                    "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})
                self.assertIn("memory", container["resources"]["limits"])
            for role in ROLES:
                (container,) = pods[role]["containers"]
                self.assertEqual(container["args"], [role])
                ports = {port["name"] for port in container["ports"]}
                for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                    self.assertIn(container[probe]["httpGet"]["port"], ports)
                self.assertEqual(container["livenessProbe"]["httpGet"]["path"], "/livez")
                self.assertEqual(container["readinessProbe"]["httpGet"]["path"], "/readyz")

    def test_secrets_are_only_referred_to(self):
        found = objects("everything")
        self.assertEqual(of_kind("Secret", found), [])
        for one in of_kind("Deployment", found) + of_kind("Job", found):
            (container,) = pod_of(one)["containers"]
            (url,) = [each for each in container["env"] if each["name"] == "DATABASE_URL"]
            secret = "ledgerline-worker" if container["name"] == "worker" else "ledgerline-database"
            self.assertEqual(url["valueFrom"]["secretKeyRef"], {"name": secret, "key": "url"})
            names = [each["name"] for each in container["env"]]
            self.assertEqual(len(names), len(set(names)))
            volumes = {volume["name"]: volume["secret"] for volume in pod_of(one).get("volumes", [])}
            mounts = {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", [])}
            self.assertEqual(set(volumes), set(mounts))
            for secret in volumes.values():
                self.assertEqual(secret["defaultMode"], 0o440, "a file that everybody can read is refused")
            files = [each["value"] for each in container["env"] if each.get("value", "").startswith("/etc/ledgerline/")]
            for file in files:
                self.assertTrue(any(file.startswith(path + "/") for path in mounts.values()), file)

    def test_every_setting_is_one_that_the_role_has(self):
        for one in of_kind("Deployment", objects("everything")):
            (container,) = pod_of(one)["containers"]
            code, help_text, _ = run(PROGRAM, *container["args"], "--help")
            self.assertEqual(code, 0)
            for each in container["env"]:
                known = re.search(rf"\b{each['name']}\b", help_text) or each["name"].startswith("OTEL_EXPORTER_OTLP_")
                self.assertTrue(known, f"{container['args']} knows no {each['name']}")

    def test_pods_are_kept_running_and_found(self):
        found = objects("everything")
        labels = {one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"] for one in of_kind("Deployment", found)}
        budgets = of_kind("PodDisruptionBudget", found)
        self.assertEqual(len(budgets), len(ROLES))
        for budget in budgets:
            chosen = budget["spec"]["selector"]["matchLabels"].items()
            self.assertEqual([name for name, has in labels.items() if chosen <= has.items()], [budget["metadata"]["name"]])
        self.assertEqual(of_kind("PodDisruptionBudget", objects("one-of-each")), [], "a single pod must be movable")
        services = {one["metadata"]["name"]: one["spec"]["selector"].items() for one in of_kind("Service", found)}
        matched = {name: [pod for pod, has in labels.items() if chosen <= has.items()] for name, chosen in services.items()}
        self.assertEqual(matched, {"my-ledgerline": ["my-ledgerline-api"],
                                   "my-ledgerline-metrics": [f"my-ledgerline-{role}" for role in ROLES]})
        (job,) = of_kind("Job", found)
        self.assertFalse(services["my-ledgerline-metrics"] <= job["spec"]["template"]["metadata"]["labels"].items())
        self.assertEqual(job["metadata"]["annotations"]["helm.sh/hook"], "pre-install,pre-upgrade")
        (monitor,) = of_kind("ServiceMonitor", found)
        chosen = monitor["spec"]["selector"]["matchLabels"].items()
        watched = [one for one in of_kind("Service", found) if chosen <= one["metadata"]["labels"].items()]
        self.assertEqual([one["metadata"]["name"] for one in watched], ["my-ledgerline-metrics"])
        self.assertIn(monitor["spec"]["endpoints"][0]["port"], [port["name"] for port in watched[0]["spec"]["ports"]])

    def test_the_rules_are_those_of_the_repository(self):
        def groups(text):
            return yaml.safe_load(text.replace("{{ $externalURL }}/user/runbooks", "https://wiki.example/runbooks"))["groups"]

        deployed = [group for one in of_kind("PrometheusRule", objects("everything")) for group in one["spec"]["groups"]]
        files = sorted((ROOT / "infra/prometheus/rules").glob("*.yml"), reverse=True)
        self.assertEqual(deployed, [group for file in files for group in groups(file.read_text())])

    def test_nothing_is_monitored_or_fenced_unless_asked_for(self):
        kinds = {one["kind"] for one in objects("smallest")}
        self.assertEqual(kinds, {"Deployment", "Service", "PodDisruptionBudget", "Job"})

    def test_the_versions_agree(self):
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        project = re.search(r"^project\(ledgerline VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)[1]
        self.assertEqual((chart["appVersion"], chart["version"]), (project, project))


if __name__ == "__main__":
    unittest.main()
