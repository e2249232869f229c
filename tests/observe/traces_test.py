"""One payment in, its whole trace out of a real Jaeger: from the request to the applied balance, in one process and as roles on
Kafka."""

import secrets
import tempfile
import unittest

import installations
import servers
import traffic

ARRIVES_SECONDS_MAX = 60
STAGES = {"POST /v1/transactions", "intake", "publish transactions", "process transactions"}


def connected(spans):
    """Whether parents and links within the trace join all its spans."""
    neighbours = {span["spanID"]: set() for span in spans}
    for span in spans:
        for reference in span["references"]:
            if reference["spanID"] in neighbours:
                neighbours[span["spanID"]].add(reference["spanID"])
                neighbours[reference["spanID"]].add(span["spanID"])
    seen, open_ends = set(), [spans[0]["spanID"]]
    while open_ends:
        at = open_ends.pop()
        if at not in seen:
            seen.add(at)
            open_ends.extend(neighbours[at])
    return len(seen) == len(spans)


def parent_of(span):
    return next((reference["spanID"] for reference in span["references"] if reference["refType"] == "CHILD_OF"), None)


class Traces:
    """The tests. Subclasses say of which installation, and what its services are called."""

    services = {}
    messaging_system = ""

    @classmethod
    def setUpClass(cls):
        directory = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="ledgerline-jaeger-"))
        cls.jaeger = cls.enterClassContext(servers.Jaeger(directory))
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": cls.jaeger.endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
                       "OTEL_TRACES_SAMPLER": "parentbased_always_on"}
        cls.installation = cls.enterClassContext(cls.make_installation(environment))
        cls.account = traffic.open_account(cls.installation.api.url)

    def pay(self, amount_cents, kind):
        """(transaction, trace id, id of the client's span)."""
        trace_id, client = secrets.token_hex(16), secrets.token_hex(8)
        body = traffic.transaction(self.account, amount_cents, kind)
        paid = traffic.post(self.installation.api.url, body, 20, {"traceparent": f"00-{trace_id}-{client}-01"})
        return paid, trace_id, client

    def trace(self, trace_id):
        """The spans, once those of all roles are there: each sends its own when it likes."""
        def complete():
            spans = self.jaeger.spans(trace_id)
            return spans if STAGES <= {span["operationName"] for span in spans} else None
        return servers.eventually(complete, ARRIVES_SECONDS_MAX,
                                  lambda: [span["operationName"] for span in self.jaeger.spans(trace_id)])

    def one(self, spans, name, role):
        found = [span for span in spans if span["operationName"] == name]
        self.assertEqual(len(found), 1, f"{name}: {[span['operationName'] for span in spans]}")
        self.assertEqual(found[0]["service"], self.services[role])
        return found[0]

    def test_one_payment_is_one_connected_trace(self):
        paid, trace_id, client = self.pay(500, "CREDIT")
        self.assertEqual(paid["status"], "PROCESSED")
        spans = self.trace(trace_id)
        self.assertTrue(connected(spans), [(span["operationName"], span["references"]) for span in spans])

        request = self.one(spans, "POST /v1/transactions", "api")
        self.assertEqual(parent_of(request), client)
        self.assertEqual(request["attributes"]["http.response.status_code"], 201)
        intake = self.one(spans, "intake", "api")
        self.assertEqual(parent_of(intake), request["spanID"])
        self.assertEqual(intake["attributes"]["ledgerline.transaction.id"], paid["id"])
        publish = self.one(spans, "publish transactions", "publisher")
        process = self.one(spans, "process transactions", "worker")
        self.assertEqual(parent_of(process), publish["spanID"])
        for span, kind in ((publish, "producer"), (process, "consumer")):
            self.assertEqual(span["attributes"]["span.kind"], kind)
            self.assertEqual(span["attributes"]["messaging.system"], self.messaging_system)
            self.assertEqual(span["attributes"]["messaging.destination.name"], "transactions")
            self.assertEqual(span["attributes"]["ledgerline.transaction.id"], paid["id"])

    def test_the_database_is_seen_at_work_for_the_api_and_for_the_worker(self):
        _, trace_id, _ = self.pay(500, "CREDIT")
        spans = self.trace(trace_id)
        for statement in ("intake_accept_new", "apply_decide"):
            found = [span for span in spans if statement in span["attributes"].get("db.query.summary", "")]
            self.assertTrue(found, f"{statement}: {[span['operationName'] for span in spans]}")
            self.assertEqual(found[0]["attributes"]["db.system.name"], "postgresql")

    def test_a_refusal_tells_its_reason(self):
        paid, trace_id, _ = self.pay(10**9, "DEBIT")
        self.assertEqual(paid["status"], "FAILED")
        process = self.one(self.trace(trace_id), "process transactions", "worker")
        self.assertEqual(process["attributes"]["ledgerline.failure.code"], "insufficient_balance")

    def test_one_grep_for_the_trace_finds_it_in_every_log(self):
        _, trace_id, _ = self.pay(500, "CREDIT")
        self.trace(trace_id)
        for server in self.logs():
            servers.eventually(lambda: trace_id in server.log(), ARRIVES_SECONDS_MAX, f"{trace_id} in the log of {server.name}")


class EmbeddedTracesTest(Traces, unittest.TestCase):
    services = {"api": "ledgerline", "publisher": "ledgerline", "worker": "ledgerline"}
    messaging_system = "in_process"

    @staticmethod
    def make_installation(environment):
        return installations.Embedded(True, environment)

    def logs(self):
        return [self.installation.api]


class RolesTracesTest(Traces, unittest.TestCase):
    services = {"api": "ledgerline-api", "publisher": "ledgerline-publisher", "worker": "ledgerline-worker"}
    messaging_system = "kafka"

    @staticmethod
    def make_installation(environment):
        return installations.Roles(environment)

    def test_a_dead_letter_shows_its_error(self):
        postgres = self.installation.postgres
        postgres.sql(traffic.POISON.format(account=self.account, code=traffic.PERMANENT))
        self.addCleanup(postgres.sql, traffic.CURE)
        paid, trace_id, _ = self.pay(500, "CREDIT")
        self.assertTrue(paid["dead_letter_id"])
        # One span for the try that failed, one for the parking.
        def parking():
            return [span for span in self.jaeger.spans(trace_id) if span["attributes"].get("ledgerline.outcome") == "dead_letter"]
        parked = servers.eventually(parking, ARRIVES_SECONDS_MAX, "a span of the parking")
        self.assertEqual(parked[0]["operationName"], "process transactions")
        self.assertEqual(parked[0]["attributes"]["otel.status_code"], "ERROR")
        self.assertTrue(connected(self.trace(trace_id)))

    def logs(self):
        return [self.installation.api, self.installation.publisher, self.installation.worker]


if __name__ == "__main__":
    unittest.main()
