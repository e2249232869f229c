"""Calls the API: retries what is safe to repeat, makes idempotency keys, goes over pages."""
from __future__ import annotations

import http.client
import json
import random
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from . import types

RETRIED = frozenset({408, 429, 502, 503, 504})
PAUSE_MAX = 10.0  # seconds before a request is repeated, whatever the server asks for
PAGE = 500


class LedgerlineError(Exception):
    """A refusal, with the problem document; or no answer: then status is 0 and code says which kind.

    "unreachable": nothing was done. "outcome_unknown": a movement may have been accepted; send it again with its key.
    """

    def __init__(self, status: int, code: str, detail: str, problem: Mapping[str, Any] | None = None):
        super().__init__(f"{detail} ({code})")
        self.status, self.code, self.detail = status, code, detail
        self.problem: Mapping[str, Any] = problem or {}

    @property
    def field(self) -> str | None:
        return self.problem.get("field")


class Answer(dict):
    """An object of the API, and whether its idempotency key had been used before."""

    replayed: bool = False


class Client:
    """Safe to use from several threads. Waits at most `timeout` seconds for one answer, and tries `tries` times."""

    def __init__(self, url: str = "http://127.0.0.1:8080", api_key: str | None = None, *, timeout: float = 30.0,
                 tries: int = 4, context: ssl.SSLContext | None = None):
        self._url, self._api_key, self._timeout, self._tries = url.rstrip("/"), api_key, timeout, tries
        handlers = [urllib.request.HTTPSHandler(context=context)] if context else []
        self._opener = urllib.request.build_opener(*handlers)

    # Accounts

    def create_account(self, account: types.NewAccount, *, key: str | None = None) -> types.Account:
        return self.request("POST", "/v1/accounts", account, key=key or new_key())

    def ensure_account(self, reference: str, account: types.EnsuredAccount) -> types.Account:
        return self.request("PUT", f"/v1/accounts/by-reference/{quoted(reference)}", account)

    def get_account(self, account_id: str) -> types.Account:
        return self.request("GET", f"/v1/accounts/{quoted(account_id)}")

    def find_account(self, reference: str) -> types.Account:
        return self.request("GET", f"/v1/accounts/by-reference/{quoted(reference)}")

    def change_account(self, account_id: str, change: types.AccountChange) -> types.Account:
        return self.request("PATCH", f"/v1/accounts/{quoted(account_id)}", change)

    def accounts(self, **filters: Any) -> Iterator[types.Account]:
        return self.pages("/v1/accounts", "accounts", filters)

    def entries(self, account_id: str, **filters: Any) -> Iterator[types.Entry]:
        return self.pages(f"/v1/accounts/{quoted(account_id)}/entries", "entries", filters)

    def balance(self, account_id: str, at: str | None = None) -> types.Balance:
        return self.request("GET", f"/v1/accounts/{quoted(account_id)}/balance" + query({"at": at}))

    # Movements. wait: seconds for the outcome. strict: a FAILED one raises LedgerlineError. Without a key in the object
    # a new one is made, which stays the same while it is tried again.

    def create_transaction(self, transaction: types.NewTransaction, *, wait: int = 0,
                           strict: bool = False) -> types.Transaction:
        return self._move("/v1/transactions", transaction, wait, strict)

    def create_transfer(self, transfer: types.NewTransfer, *, wait: int = 0, strict: bool = False) -> types.Transaction:
        return self._move("/v1/transfers", transfer, wait, strict)

    def reverse(self, transaction_id: str, reversal: types.NewReversal | None = None, *, wait: int = 0,
                strict: bool = False) -> types.Transaction:
        return self._move(f"/v1/transactions/{quoted(transaction_id)}/reverse", reversal or {}, wait, strict)

    def create_hold(self, hold: types.NewHold, *, wait: int = 0, strict: bool = False) -> types.Hold:
        return self._move("/v1/holds", hold, wait, strict)

    def capture(self, hold_id: str, capture: types.NewCapture | None = None, *, wait: int = 0,
                strict: bool = False) -> types.Transaction:
        return self._move(f"/v1/holds/{quoted(hold_id)}/capture", capture or {}, wait, strict)

    def release(self, hold_id: str, release: types.NewRelease | None = None, *, wait: int = 0,
                strict: bool = False) -> types.Transaction:
        return self._move(f"/v1/holds/{quoted(hold_id)}/release", release or {}, wait, strict)

    def create_transactions(self, items: list[types.NewTransaction | types.NewTransfer]) -> list[types.BatchResult]:
        """One result for each item, in order: each is accepted or refused alone."""
        keyed = [{"idempotency_key": new_key(), **item} for item in items]
        return self.request("POST", "/v1/transactions/batch", {"transactions": keyed}, repeatable=True)["results"]

    def get_transaction(self, transaction_id: str) -> types.Transaction:
        return self.request("GET", f"/v1/transactions/{quoted(transaction_id)}")

    def transactions(self, **filters: Any) -> Iterator[types.Transaction]:
        return self.pages("/v1/transactions", "transactions", filters)

    def get_hold(self, hold_id: str) -> types.Hold:
        return self.request("GET", f"/v1/holds/{quoted(hold_id)}")

    def holds(self, **filters: Any) -> Iterator[types.Hold]:
        return self.pages("/v1/holds", "holds", filters)

    # Everything else

    def pages(self, path: str, member: str, filters: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """All objects of a list, page by page. A page may be empty although more follow."""
        cursor = None
        while True:
            page = self.request("GET", path + query({"limit": PAGE, **(filters or {}), "cursor": cursor}))
            yield from page[member]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def request(self, method: str, path: str, body: Any = None, *, key: str | None = None, repeatable: bool = False,
                headers: Mapping[str, str] | None = None) -> Any:
        """Any call. It is repeated if that is harmless: reads, PUT, what has a key, and what says that it is."""
        sent = {"Accept": "application/json", **(headers or {})}
        if self._api_key:
            sent["X-API-Key"] = self._api_key
        if key:
            sent["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        tries = self._tries if repeatable or key or method in ("GET", "PUT") else 1
        for attempt in range(1, tries + 1):
            error, pause = None, None
            try:
                return self._answer(urllib.request.Request(self._url + path, data, sent, method=method))
            except urllib.error.HTTPError as refusal:
                error, pause = _error_of(refusal), refusal.headers.get("Retry-After")
            except (urllib.error.URLError, http.client.HTTPException, OSError) as failure:
                reason = getattr(failure, "reason", failure)
                refused = isinstance(reason, ConnectionRefusedError)
                error = LedgerlineError(0, "unreachable" if refused else "outcome_unknown", f"{self._url}: {reason}")
            if attempt == tries or (error.status and error.status not in RETRIED):
                raise error
            time.sleep(_pause(attempt, pause))

    def _move(self, path: str, body: Mapping[str, Any], wait: int, strict: bool) -> Any:
        wishes = ([f"wait={wait}"] if wait else []) + (["outcome=strict"] if strict else [])
        headers = {"Prefer": ", ".join(wishes)} if wishes else {}
        keyed = {**body, "idempotency_key": body.get("idempotency_key") or new_key()}
        return self.request("POST", path, keyed, repeatable=True, headers=headers)

    def _answer(self, request: urllib.request.Request) -> Any:
        with self._opener.open(request, timeout=self._timeout) as response:
            answer = Answer(json.load(response))
            answer.replayed = response.headers.get("Idempotent-Replayed") == "true"
            return answer


def new_key() -> str:
    return str(uuid.uuid4())


def quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def query(parameters: Mapping[str, Any]) -> str:
    given = {name: value for name, value in parameters.items() if value is not None}
    return "?" + urllib.parse.urlencode(given) if given else ""


def _error_of(refusal: urllib.error.HTTPError) -> LedgerlineError:
    try:
        problem = json.load(refusal)
        return LedgerlineError(refusal.code, problem["code"], problem["detail"], problem)
    except (ValueError, KeyError, TypeError, OSError):
        return LedgerlineError(refusal.code, f"http_{refusal.code}", "the answer is no problem document")


def _pause(attempt: int, retry_after: str | None) -> float:
    """What the server asks for; otherwise longer each time, and not the same for all clients."""
    if retry_after and retry_after.isdigit():
        return min(float(retry_after), PAUSE_MAX)
    return min(0.1 * 2**attempt, PAUSE_MAX) * random.uniform(0.5, 1.0)
