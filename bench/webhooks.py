#!/usr/bin/env python3
"""Measures webhooks: webhooks.py LEDGERLINE [--rate N] [--seconds N]

Starts `ledgerline up` on an empty cluster with three webhooks: one whose server takes everything, one whose server never
answers, and one whose server is not there. Pays at a fixed rate by batches, and says how fast and how late the first one
is told, and whether anything was missing, came out of order, or was signed wrongly. Exit code 1 if so, or if it was told
less than the rate.
"""
import argparse
import asyncio
import base64
import datetime
import hashlib
import hmac
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ACCOUNTS = 200
BATCHES_PER_SECOND = 10
DRAIN_MAX = 60


def call(url, method, path, body=None):
    request = urllib.request.Request(url + path, method=method, data=json.dumps(body).encode() if body else None,
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


class Receiver(asyncio.Protocol):
    """Keeps (arrival, message) and answers 204. silent: answers nothing."""
    taken = []
    silent_connections = 0

    def __init__(self, silent=False):
        self.silent, self.text, self.transport = silent, b"", None

    def connection_made(self, transport):
        self.transport = transport
        Receiver.silent_connections += self.silent

    def data_received(self, data):
        self.text += data
        while not self.silent and (end := self.text.find(b"\r\n\r\n")) >= 0:
            head = self.text[:end]
            fields = (line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
            headers = {name.lower(): value for name, value in fields}
            whole = end + 4 + int(headers[b"content-length"])
            if len(self.text) < whole:
                return
            Receiver.taken.append((time.time(), headers, self.text[end + 4:whole]))
            self.text = self.text[whole:]
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def verify(secret, headers, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = headers[b"webhook-id"] + b"." + headers[b"webhook-timestamp"] + b"." + body
    return headers[b"webhook-signature"] == b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())


async def pay(url, accounts, options):
    loop = asyncio.get_running_loop()
    size = options.rate // BATCHES_PER_SECOND
    begin, sent = time.monotonic(), 0
    for batch in range(options.seconds * BATCHES_PER_SECOND):
        await asyncio.sleep(max(0, begin + batch / BATCHES_PER_SECOND - time.monotonic()))
        items = [{"account_id": accounts[(sent + n) % ACCOUNTS], "amount_cents": 1, "currency": "EUR", "type": "CREDIT",
                  "idempotency_key": str(sent + n)} for n in range(size)]
        await loop.run_in_executor(None, call, url, "POST", "/v1/transactions/batch", {"transactions": items})
        sent += size
    return sent, time.monotonic() - begin


def report(sent, took, secret):
    lags, last, problems, seen = [], {}, [], set()
    for arrival, headers, body in Receiver.taken:
        event = json.loads(body)
        if not verify(secret, headers, body):
            problems.append("a wrong signature: " + event["id"])
        if event["id"] in seen:
            continue
        seen.add(event["id"])
        if event["data"]["seq"] <= last.get(event["subject"], 0):
            problems.append("out of order: " + event["id"])
        last[event["subject"]] = event["data"]["seq"]
        lags.append(arrival - datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp())
    if len(seen) != sent:
        problems.append(f"{sent - len(seen)} of {sent} are missing")
    lags.sort()
    told = len(seen) / max(Receiver.taken[-1][0] - Receiver.taken[0][0], 0.001)
    at = lambda part: lags[min(len(lags) - 1, int(part * len(lags)))] * 1000
    print(f"paid {sent} at {sent / took:.0f}/s; told {len(seen)} at {told:.0f}/s, {len(Receiver.taken) - len(seen)} again")
    print(f"after the decision: median {at(.5):.0f} ms, p99 {at(.99):.0f} ms, last {lags[-1] * 1000:.0f} ms;"
          f" connections to the silent one {Receiver.silent_connections}")
    return problems, told


async def run(url, options):
    loop = asyncio.get_running_loop()
    taking = await loop.create_server(Receiver, "127.0.0.1", 0)
    silent = await loop.create_server(lambda: Receiver(silent=True), "127.0.0.1", 0)
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))  # nobody listens
        ports = [each.sockets[0].getsockname()[1] for each in (taking, silent)] + [dead.getsockname()[1]]
        made = [call(url, "POST", "/v1/webhooks", {"url": f"http://127.0.0.1:{port}/"}) for port in ports]
        accounts = [call(url, "POST", "/v1/accounts", {"currency": "EUR"})["id"] for _ in range(ACCOUNTS)]
        sent, took = await pay(url, accounts, options)
        end = time.monotonic() + DRAIN_MAX
        while len(Receiver.taken) < sent and time.monotonic() < end:
            await asyncio.sleep(0.1)
        problems, told = report(sent, took, made[0]["secret"])
    if told < options.rate * 0.95:
        problems.append(f"told {told:.0f}/s, wanted {options.rate}/s")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--rate", type=int, default=1000, help="payments a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--directory", default="/var/tmp")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as data:
        pathlib.Path(data).chmod(0o755)
        up = subprocess.Popen([options.program, "up", "--data-dir", data + "/data", "--listen", "127.0.0.1:0",
                               "--webhook-allow", "127.0.0.0/8", "--log-level", "error"], stdout=subprocess.PIPE, text=True)
        try:
            url = next(word for word in up.stdout.readline().split() if word.startswith("http"))
            problems = asyncio.run(run(url, options))
        finally:
            up.terminate()
            up.wait()
    for problem in problems[:20]:
        print("webhooks:", problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
