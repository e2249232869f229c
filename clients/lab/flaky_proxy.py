#!/usr/bin/env python3
"""A proxy with faults, for the tests of all clients: flaky_proxy.py URL; prints its own URL.

The first part of a path names the fault, which each request (by method, path and body) meets once:
  /unavailable/...  answered 503 with Retry-After, not passed on
  /unknown/...      passed on, then answered 503 outcome_unknown
  /cut/...          passed on, then the connection is closed without an answer
Then it is passed on like everything else. GET /requests answers how many requests came.
"""
import http.client
import http.server
import json
import sys
import threading
import urllib.parse


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target = None
    met, count, lock = set(), 0, threading.Lock()

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/requests":
            return self.answer(200, {}, json.dumps(Proxy.count).encode())
        fault, path = "", self.path
        for name in ("unavailable", "unknown", "cut"):
            if path.startswith(f"/{name}/"):
                fault, path = name, path[len(name) + 1:]
        with Proxy.lock:
            Proxy.count += 1
            first = (fault, self.command, path, body) not in Proxy.met
            Proxy.met.add((fault, self.command, path, body))
        if not first:
            fault = ""
        if fault == "unavailable":
            return self.problem("overloaded")
        status, headers, answer = self.pass_on(path, body)
        if fault == "unknown":
            return self.problem("outcome_unknown")
        if fault == "cut":
            self.close_connection = True
            return None
        return self.answer(status, headers, answer)

    do_GET = do_POST = do_PUT = do_PATCH = handle_any

    def pass_on(self, path, body):
        connection = http.client.HTTPConnection(Proxy.target.hostname, Proxy.target.port, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        connection.request(self.command, path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        kept = {name: value for name, value in response.getheaders() if name.lower() in
                ("content-type", "idempotent-replayed", "retry-after", "location")}
        connection.close()
        return response.status, kept, answer

    def problem(self, code):
        body = {"type": f"/problems/{code}", "title": "Service Unavailable", "status": 503, "code": code, "detail": "a fault"}
        self.answer(503, {"Content-Type": "application/problem+json", "Retry-After": "0"}, json.dumps(body).encode())

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    Proxy.target = urllib.parse.urlsplit(sys.argv[1])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
