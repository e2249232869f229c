#!/usr/bin/env python3
"""Measures what one tenant's flood does to another: tenants.py LEDGERLINE [--seconds N] [--limit N] [--times N]

Starts `ledgerline up` on an empty cluster with two tenants. One pays at a fixed rate, one payment a call; its latency is
measured alone and beside the other one, which sends calls of 100 payments on many connections as fast as they are
answered. Exit code 1 if its p99 beside the flood is more than so many times that of the time alone, or if a payment of it
was not accepted. --limit limits the flood's tenant to so many transactions a second.
"""
import argparse
import http.client
import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

BATCH = 100
PROCESSES = 2
CONNECTIONS = 8  # of each process
PAYERS = 8  # connections of the tenant that is measured


class Client:
    def __init__(self, url, tenant=None):
        self.connection = http.client.HTTPConnection(urllib.parse.urlparse(url).netloc, timeout=60)
        self.headers = {"Content-Type": "application/json"} | ({"X-Tenant": tenant} if tenant else {})

    def call(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body) if body is not None else None, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, text

    def made(self, method, path, body=None):
        status, text = self.call(method, path, body)
        if status not in (200, 201):
            raise RuntimeError(f"{method} {path}: {text}")
        return json.loads(text)


def payment(account, key):
    return {"account_id": account, "amount_cents": 1, "currency": "EUR", "type": "CREDIT", "idempotency_key": key}


def flood_on(url, accounts, name, end, counts):
    client, sent = Client(url, "flood"), 0
    while not end.is_set():
        items = [payment(accounts[(sent + n) % len(accounts)], f"{name}-{sent + n}") for n in range(BATCH)]
        status, _ = client.call("POST", "/v1/transactions/batch", {"transactions": items})
        sent += BATCH
        with counts.get_lock():
            counts[0 if status in (200, 201) else 1] += BATCH


def on_threads(target, arguments):
    """Calls it with each of the arguments at the same time, and waits for all."""
    threads = [threading.Thread(target=target, args=each) for each in arguments]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def flood(url, accounts, process, end, counts):
    os.nice(19)  # it stands for other machines: it must not take the CPU from the client that is measured
    on_threads(flood_on, [(url, accounts, f"{process}-{n}", end, counts) for n in range(CONNECTIONS)])


def pay(url, accounts, name, options):
    """Latencies from when each payment was due, sorted; and how many were not accepted. A late payment does not
    delay the next one, which is due on another connection."""
    latencies, refused = [], []
    begin = time.monotonic()

    def pay_on(first):
        client = Client(url, "shop")
        for n in range(first, options.rate * options.seconds, PAYERS):
            due = begin + n / options.rate
            time.sleep(max(0, due - time.monotonic()))
            status, _ = client.call("POST", "/v1/transactions", payment(accounts[n % len(accounts)], f"{name}-{n}"))
            latencies.append(time.monotonic() - due)
            if status != 201:
                refused.append(status)

    on_threads(pay_on, [(first,) for first in range(PAYERS)])
    return sorted(latencies), len(refused)


def measure(url, options):
    operator = Client(url)
    for tenant in ("shop", "flood"):
        operator.made("PUT", "/v1/tenants/" + tenant)
    if options.limit:
        operator.made("PUT", "/v1/tenants/flood/limits", {"transactions_per_second": options.limit})
    accounts = {tenant: [Client(url, tenant).made("POST", "/v1/accounts", {"currency": "EUR"})["id"] for _ in range(100)]
                for tenant in ("shop", "flood")}
    pay(url, accounts["shop"], "warm", options)
    alone, refused_alone = pay(url, accounts["shop"], "alone", options)
    end, counts = multiprocessing.Event(), multiprocessing.Array("q", 2)
    processes = [multiprocessing.Process(target=flood, args=(url, accounts["flood"], n, end, counts))
                 for n in range(PROCESSES)]
    for each in processes:
        each.start()
    try:
        time.sleep(2)
        before = counts[0]
        beside, refused_beside = pay(url, accounts["shop"], "beside", options)
        flooded = (counts[0] - before) / options.seconds
    finally:
        end.set()
        for each in processes:
            each.join()
    return alone, beside, flooded, refused_alone + refused_beside


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--rate", type=int, default=50, help="payments a second of the tenant that is measured")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--limit", type=int, default=0, help="transactions a second of the tenant that floods; 0: none")
    parser.add_argument("--times", type=float, default=2, help="what its p99 may be of that alone")
    parser.add_argument("--directory", default="/var/tmp")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as data:
        pathlib.Path(data).chmod(0o755)
        up = subprocess.Popen([options.program, "up", "--data-dir", data + "/data", "--listen", "127.0.0.1:0",
                               "--log-level", "error"], stdout=subprocess.PIPE, text=True)
        try:
            url = next(word for word in up.stdout.readline().split() if word.startswith("http"))
            alone, beside, flooded, refused = measure(url, options)
        finally:
            up.terminate()
            up.wait()
    at = lambda latencies, part: latencies[min(len(latencies) - 1, int(part * len(latencies)))] * 1000
    for name, latencies in (("alone", alone), ("beside", beside)):
        print(f"{name}: median {at(latencies, .5):.1f} ms, p99 {at(latencies, .99):.1f} ms, last {latencies[-1] * 1000:.1f} ms")
    times = at(beside, .99) / at(alone, .99)
    print(f"p99 is {times:.1f} times that alone, beside {flooded:.0f} payments a second of the flood; {refused} refused")
    return 1 if times > options.times or refused else 0


if __name__ == "__main__":
    sys.exit(main())
