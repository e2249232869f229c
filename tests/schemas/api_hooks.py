"""What Schemathesis needs to get further than "not found": rows that are there, and their ids in what it makes up.

Only what is valid is replaced, by something valid, so that a request keeps on breaking the rule that it should break.
"""
import http.client
import json
import os
import time
import urllib.parse
import uuid
import zlib

import schemathesis

ROWS = 20  # of a kind: calls use them up
SERVER = urllib.parse.urlsplit(os.environ["LEDGERLINE_URL"])
KEY = os.environ["LEDGERLINE_API_KEY"]


def call(method, path, body=None, key=KEY):
    headers = {"Content-Type": "application/json", "X-API-Key": key, "Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=10"}
    deadline = time.monotonic() + 10
    while True:
        connection = http.client.HTTPConnection(SERVER.netloc, timeout=30)
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 403 or time.monotonic() > deadline:  # a new key is known after some seconds
            break
        time.sleep(0.1)
    assert answer.status in (200, 201, 202), (path, answer.status, text)
    return json.loads(text)


def make(path, bodies):
    return [call("POST", path, body)["id"] for body in bodies]


def make_rows():
    some = {"amount_cents": 1000, "currency": "EUR"}
    accounts = make("/v1/accounts", [{"currency": "EUR", "reference": f"a{i}"} for i in range(ROWS)])
    poor = make("/v1/accounts", [{"currency": "EUR"}] * ROWS)
    rich = {"type": "CREDIT", "amount_cents": 10**14, "currency": "EUR"}
    make("/v1/transactions", [{"account_id": account, **rich} for account in accounts])
    asker = call("POST", "/v1/keys", {"name": "asker", "scopes": ["accounts:write"]})["key"]
    return {
        "/v1/accounts/": accounts[::2] + poor[::2],
        "/v1/approvals/": [call("PATCH", f"/v1/accounts/{account}", {"status": "SUSPENDED"}, asker)["id"] for account in poor],
        "/v1/holds/": make("/v1/holds", [{"account_id": account, **some, "amount_cents": 10**12} for account in accounts]),
        "/v1/keys/": make("/v1/keys", [{"name": f"key {i}", "scopes": ["accounts:read"]} for i in range(ROWS)]),
        "/v1/transactions/": make("/v1/transactions", [{"account_id": account, "type": "DEBIT", **some} for account in accounts]),
        "/v1/webhooks/": make("/v1/webhooks", [{"url": f"https://{i}.example/"} for i in range(ROWS)]),
    }


KNOWN = make_rows()
DELIVERIES = {webhook: call("POST", f"/v1/webhooks/{webhook}/ping")["id"] for webhook in KNOWN["/v1/webhooks/"]}


def is_uuid(value):
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False


def is_name(value):
    return isinstance(value, str) and 0 < len(value) < 256


# The same for the same value. One in four stays as it is.
def known(kind, value):
    number = zlib.crc32(str(value).encode())
    return value if number % 4 == 0 and is_uuid(value) else KNOWN[kind][number // 4 % ROWS]


# Several ways of naming an account become one, if all of them are valid.
def name_account(item, by_id, by_reference, outside=None):
    given = {name: item[name] for name in (by_id, by_reference, outside) if item.get(name) is not None}
    if not (is_uuid(given.get(by_id, KNOWN["/v1/accounts/"][0])) and is_name(given.get(by_reference, "a")) and
            given.get(outside, True) is True):
        return
    if list(given) == ["to_external"]:
        return
    for name in given:
        del item[name]
    item[by_id] = known("/v1/accounts/", given.get(by_id, f"{by_id} {given}"))


def settle(item):
    currency = item.get("currency")
    if isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isupper():
        item["currency"] = "EUR"
    if item.get("after_previous") in (True, False, None):
        item.pop("after_previous", None)
    if isinstance(item.get("expires_at"), str) and isinstance(item.get("expires_in_s"), int):
        del item["expires_at"]


@schemathesis.hook
def before_call(context, case, kwargs):
    path, parameters, body = case.operation.path, case.path_parameters or {}, case.body
    for kind in KNOWN:
        if path.startswith(kind + "{id}") and is_uuid(parameters.get("id")):
            parameters["id"] = known(kind, parameters["id"])
    if is_uuid(parameters.get("delivery_id")):
        parameters["delivery_id"] = DELIVERIES.get(parameters.get("id"), parameters["delivery_id"])
    if case.query and is_uuid(case.query.get("account_id")):
        case.query["account_id"] = known("/v1/accounts/", case.query["account_id"])
    if case.method != "POST" or not isinstance(body, dict):
        return
    if "Prefer" in (case.headers or {}):
        case.headers["Prefer"] = "wait=5, outcome=strict"
    items = body.get("transactions") if path == "/v1/transactions/batch" else [body]
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, dict):
            continue
        settle(item)
        if path in ("/v1/transactions", "/v1/holds") or "type" in item:
            name_account(item, "account_id", "account_reference")
        for leg in item["legs"] if isinstance(item.get("legs"), list) else []:
            if isinstance(leg, dict):
                settle(leg)
                name_account(leg, "from_account_id", "from_reference", "from_external")
                name_account(leg, "to_account_id", "to_reference", "to_external")
