"""Webhooks: which are taken and which are not. Needs no server."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from ledgerline import webhooks

# Made with openssl, so that the three clients and it agree.
BODY = b'{"specversion":"1.0","id":"evt-1","type":"transaction.processed"}'
AT = 1764244800
SECRET, NEXT = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "whsec_////////////////////////////////"
SIGNATURE = "v1,JOBD6dqe2zAl8YmG1YvT3uArLFpBiWqZ1TZODL/9C78="
BY_NEXT = "v1,Krfhb/HW9PVSDmYIaF0euiasLVhhWGzAGV8bjNDrE34="


def headers(signature=SIGNATURE, **changed):
    return {"Webhook-Id": "evt-1", "webhook-timestamp": str(AT), "WEBHOOK-SIGNATURE": signature} | changed


class WebhooksTest(unittest.TestCase):
    def refused(self, says, body=BODY, sent=None, secrets=SECRET, now=AT):
        with self.assertRaises(webhooks.WebhookError) as refused:
            webhooks.verify(body, headers() if sent is None else sent, secrets, now=now)
        self.assertIn(says, str(refused.exception))

    def test_ours_is_taken(self):
        for now in (AT - 300, AT, AT + 300):
            event = webhooks.verify(BODY, headers(), SECRET, now=now)
            self.assertEqual(event["type"], "transaction.processed")

    def test_a_bad_signature_is_refused(self):
        self.refused("no signature", BODY.replace(b"1.0", b"1.1"))
        self.refused("no signature", sent=headers(**{"Webhook-Id": "evt-2"}))
        self.refused("no signature", sent=headers(**{"webhook-timestamp": str(AT + 1)}))
        self.refused("no signature", secrets=NEXT)
        for signature in (SIGNATURE[:-2] + "9=", SIGNATURE[3:], "v1," + SIGNATURE[3:].lower(), "v2," + SIGNATURE[3:], "v1,",
                          "v1,\u00e4", "x"):
            self.refused("no signature", sent=headers(signature))

    def test_an_old_one_is_refused_and_one_from_the_future(self):
        self.refused("too far", now=AT + 301)
        self.refused("too far", now=AT - 301)
        with self.assertRaises(webhooks.WebhookError):
            webhooks.verify(BODY, headers(), SECRET)  # by the clock of today

    def test_secrets_rotate(self):
        both = headers(f"{BY_NEXT} {SIGNATURE}")
        for secrets in (SECRET, NEXT, [SECRET, NEXT]):
            webhooks.verify(BODY, both, secrets, now=AT)
        webhooks.verify(BODY, headers(BY_NEXT), [SECRET, NEXT], now=AT)
        self.refused("no signature", sent=headers(BY_NEXT))
        self.refused("no signature", secrets=[])

    def test_what_is_missing_or_malformed_is_named(self):
        for name in headers():
            self.refused(f"{name.lower()} is missing", sent={key: text for key, text in headers().items() if key != name})
        for time in ("now", "-1", "1e9", "\u0661"):
            self.refused("no number", sent=headers(**{"webhook-timestamp": time}))
        with self.assertRaises(ValueError):
            webhooks.verify(BODY, headers(), "whsec_not base64", now=AT)


if __name__ == "__main__":
    unittest.main()
