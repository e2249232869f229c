"""The image with PostgreSQL inside, as far as it can be tried without Docker."""

import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "observe"))

import image as images  # noqa: E402
import servers  # noqa: E402

READY_SECONDS_MAX = 180
PAYMENT = ("tx", "post", "--account", "alice", "--type", "CREDIT", "--amount", "5", "--currency", "EUR", "-o", "json")


class ImageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.image = cls.enterClassContext(images.Image(
            servers.ROOT / "Dockerfile", os.environ["LEDGERLINE_BARE_DEBIAN"], {"/installed/bin/ledgerline": servers.PROGRAM}))

    def started(self, *arguments, **variables):
        container = self.enterContext(images.Container(self.image, *arguments, **variables))
        servers.eventually(container.is_healthy, READY_SECONDS_MAX, lambda: f"healthy: {container.log()[-1500:]}")
        return container

    def key_file(self, container):
        (made,) = [line for line in container.log().splitlines() if "made the first key" in line]
        return json.loads(made)["file"]

    def test_up_serves_with_its_own_database_and_a_first_key(self):
        first = self.started()
        file = self.key_file(first)
        self.assertEqual(first.run("stat", "-c", "%U %a", file).stdout, "ledgerline 600\n")
        self.assertEqual(first.run("id", "-u").stdout, "10001\n")
        self.assertIn("unauthorized", first.run("ledgerline", "accounts", "list").stderr)
        client = ("ledgerline", "--api-key-file", file)
        self.assertEqual(first.run(*client, "accounts", "create", "--currency", "EUR", "--reference", "alice").returncode, 0)
        paid = first.run(*client, *PAYMENT)
        self.assertEqual(json.loads(paid.stdout)["status"], "PROCESSED", paid.stderr)
        self.assertEqual(first.stop(), 0, first.log()[-1500:])

        # The volume is all that stays. And it listens elsewhere, where the health check finds it.
        second = self.started("up", "--listen", "127.0.0.1:9191")
        self.assertNotIn("made the first key", second.log())
        shown = second.run(*client, "--url", "http://127.0.0.1:9191", "accounts", "show", "alice", "-o", "json")
        self.assertEqual(json.loads(shown.stdout)["balance_cents"], 500, shown.stderr)
        self.assertEqual(second.stop(), 0)

        third = self.started(LEDGERLINE_LISTEN="0.0.0.0:9292")
        self.assertIn(":9292", third.log())
        self.assertEqual(third.stop(), 0)

    def test_what_has_ended_is_not_healthy(self):
        with images.Container(self.image, "up", "--listen", "nonsense") as wrong:
            self.assertEqual(wrong._outer.wait(images.STOP_SECONDS_MAX), 2, wrong.log())
            self.assertFalse(wrong.is_healthy())


if __name__ == "__main__":
    unittest.main()
