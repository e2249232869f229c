"""Checks that a webhook comes from Ledgerline, by the Standard Webhooks specification.

    event = webhooks.verify(body, request.headers, "whsec_...")   # the body as it came: bytes, not parsed

A webhook may come again, with the same webhook-id: remember those that you have acted on.
"""
from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping

from . import types

TOLERANCE = 300  # seconds, before and after
_PREFIX = "whsec_"


class WebhookError(Exception):
    """It does not come from Ledgerline, or it is old: answer 400 and do nothing."""


def verify(body: bytes, headers: Mapping[str, str], secrets: str | Iterable[str], *, tolerance: float = TOLERANCE,
           now: float | None = None) -> types.Event:
    """The event in the body. secrets: one, or several while you change from one to another."""
    sent = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in ("webhook-id", "webhook-timestamp", "webhook-signature") if not sent.get(name)]
    if missing:
        raise WebhookError(f"the header {missing[0]} is missing")
    timestamp = sent["webhook-timestamp"]
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise WebhookError("webhook-timestamp is no number of seconds")
    if abs((time.time() if now is None else now) - int(timestamp)) > tolerance:
        raise WebhookError("webhook-timestamp is too far from now")
    signed = f"{sent['webhook-id']}.{timestamp}.".encode() + body
    wanted = [_signature(secret, signed) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    given = [text.encode() for text in sent["webhook-signature"].split(" ")]
    # All are compared, so that the time taken says nothing.
    if not any([hmac.compare_digest(one, each) for one in wanted for each in given]):
        raise WebhookError("no signature is by a secret of ours")
    return json.loads(body)


def _signature(secret: str, signed: bytes) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a secret of webhooks is whsec_ and base64") from None
    return b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
