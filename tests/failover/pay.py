#!/usr/bin/env python3
"""Pays under load, as honest clients do: pay.py URL NAME LOG END

Eight clients pay 1 cent again and again until the file END exists. A payment that is not answered 201 is sent again with
its key until it is. LOG gets a line for each 201: when that request was sent, when it was answered, and the key. Exit code
1 if a payment was refused, or is still without a 201 a minute after END.
"""
import http.client
import json
import os
import sys
import threading
import time
import urllib.parse

CLIENTS = 8
PAUSE_SECONDS = 0.01
AGAIN_SECONDS = 0.1
ANSWER_SECONDS_MAX = 10
PATIENCE_SECONDS = 60
UNDECIDED = (429, 500, 502, 503, 504)


class Client:
    def __init__(self, url):
        self.address = urllib.parse.urlparse(url).netloc
        self.connection = None

    def post(self, path, body):
        """The status and the answer; status 0 if there was none."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address, timeout=ANSWER_SECONDS_MAX)
            self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = self.connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            return 0, str(error)


def pay(url, name, number, log, end, failures):
    try:
        client = Client(url)
        status, text = client.post("/v1/accounts", {"currency": "EUR"})
        if status != 201:
            raise RuntimeError(f"no account: {status} {text}")
        account, paid, patience_ends = json.loads(text)["id"], 0, None
        while not os.path.exists(end):
            key = f"{name}-{number}-{paid}"
            body = {"account_id": account, "amount_cents": 1, "currency": "EUR", "type": "CREDIT", "idempotency_key": key}
            while True:
                sent = time.time()
                status, text = client.post("/v1/transactions", body)
                if status == 201:
                    break
                if status and status not in UNDECIDED:
                    raise RuntimeError(f"{key}: {status} {text}")
                if patience_ends is None and os.path.exists(end):
                    patience_ends = time.time() + PATIENCE_SECONDS
                if patience_ends is not None and time.time() > patience_ends:
                    raise RuntimeError(f"{key} is still without a 201: {status} {text}")
                time.sleep(AGAIN_SECONDS)
            log.write(f"{sent:.6f} {time.time():.6f} {key}\n")
            paid += 1
            time.sleep(PAUSE_SECONDS)
    except Exception as error:  # of any kind: a client that ended early has proved nothing
        failures.append(str(error))


def main():
    url, name, path, end = sys.argv[1:]
    failures = []
    with open(path, "w", buffering=1) as log:
        clients = [threading.Thread(target=pay, args=(url, name, number, log, end, failures), daemon=True)
                   for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
