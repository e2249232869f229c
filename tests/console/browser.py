"""Chromium as a user drives it, by the WebDriver protocol (W3C) of its chromedriver."""

import base64
import json
import pathlib
import tempfile
import urllib.error
import urllib.request

import servers

WAIT_SECONDS_MAX = 60  # only a failing test waits as long
COMMAND_SECONDS_MAX = 60
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "Space": "\ue00d"}


class Browser:
    """Used with `with`. Keeps every request and every message of the browser's console."""

    def __init__(self):
        self.requests = []  # addresses
        self.answers = []   # (address, status)
        self.messages = []

    def __enter__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="ledgerline-browser-")
        port = servers.free_port()
        self._url = f"http://127.0.0.1:{port}"
        command = [servers.tool("chromedriver"), f"--port={port}"]
        self._driver = servers.Server("chromedriver", command, self._directory.name,
                                      lambda: servers.call(self._url + "/status")[0] == 200)
        self._driver.start()
        try:
            self._open()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _open(self):
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--lang=en-US", "--disable-dev-shm-usage",
                     "--hide-scrollbars", f"--user-data-dir={self._directory.name}/profile"]
        self._session = ""
        answer = self._command("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"binary": servers.tool("chromium"), "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
        self._session = f"/session/{answer['sessionId']}"

    def __exit__(self, *_):
        if self._session:
            try:
                self._command("DELETE", "")
            except AssertionError:
                pass  # it is ended with its driver
        self._driver.stop()
        try:
            self._directory.cleanup()
        except OSError:
            pass  # a process of the browser that is still ending writes there

    def _command(self, method, path, body=None):
        data = json.dumps({} if body is None else body).encode() if method == "POST" else None
        request = urllib.request.Request(self._url + self._session + path, data=data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=COMMAND_SECONDS_MAX) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as refused:
            raise AssertionError(json.load(refused)["value"]["message"].split("\n")[0]) from None

    def devtools(self, command, **parameters):
        return self._command("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self._command("POST", "/url", {"url": url})

    def look(self, width, height=900, dark=False):
        """How large the window is, and which theme the system has."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def run(self, script, *arguments):
        """The value that the script returns, or that its promise gives."""
        return self._command("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self):
        return self.run("return document.body.innerText")

    def see(self, *texts):
        """Waits until all of them can be read."""
        servers.eventually(lambda: all(text in self.text() for text in texts), WAIT_SECONDS_MAX,
                           lambda: f"{[text for text in texts if text not in self.text()]} in: {self.text()[:1500]}")

    def gone(self, text):
        servers.eventually(lambda: text not in self.text(), WAIT_SECONDS_MAX, lambda: f"without {text!r}: {self.text()[:1500]}")

    def find(self, xpath):
        """The element, once it is there and can be seen."""
        def look():
            found = self._command("POST", "/elements", {"using": "xpath", "value": xpath})
            shown = [one[ELEMENT] for one in found if self._command("GET", f"/element/{one[ELEMENT]}/displayed")]
            return shown[0] if shown else None
        return servers.eventually(self._settled(look), WAIT_SECONDS_MAX, lambda: f"{xpath} in: {self.text()[:1500]}")

    @staticmethod
    def _settled(look):
        """The page may replace an element between two questions."""
        def again():
            try:
                return look()
            except AssertionError as error:
                if "stale" not in str(error) and "intercepted" not in str(error):
                    raise
                return None
        return again

    def press(self, xpath):
        def click():
            self._command("POST", f"/element/{self.find(xpath)}/click")
            return True
        servers.eventually(self._settled(click), WAIT_SECONDS_MAX, f"pressing {xpath}")

    def button(self, name, inside=""):
        self.press(f"{inside}//button[normalize-space()={quoted(name)}]")

    def link(self, name, inside=""):
        self.press(f"{inside}//a[normalize-space()={quoted(name)}]")

    def field(self, label):
        return self.find(f"//*[@id=//label[normalize-space()={quoted(label)}]/@for]")

    def fill(self, label, value):
        element = self.field(label)
        self._command("POST", f"/element/{element}/clear")
        self._command("POST", f"/element/{element}/value", {"text": value})

    def choose(self, label, value):
        self.press(f"//*[@id=//label[normalize-space()={quoted(label)}]/@for]/option[normalize-space()={quoted(value)}]")

    def key(self, name):
        actions = [{"type": kind, "value": KEYS[name]} for kind in ("keyDown", "keyUp")]
        self._command("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def focused(self):
        """What a screen reader would call it."""
        return self.run("const one = document.activeElement; return one.getAttribute('aria-label') || one.innerText || one.id")

    def rows(self):
        """The text of the tables' rows."""
        return self.run("return [...document.querySelectorAll('tbody tr')].map((one) => one.innerText)")

    def forget_session(self):
        self.devtools("Network.clearBrowserCookies")

    def cookies(self):
        return self._command("GET", "/cookie")

    def shoot(self, path):
        """Of the whole page."""
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))

    def collect(self):
        """Reads the logs since the last time."""
        for entry in self._command("POST", "/se/log", {"type": "performance"}):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                self.requests.append(event["params"]["request"]["url"])
            if event["method"] == "Network.responseReceived":
                answer = event["params"]["response"]
                self.answers.append((answer["url"], answer["status"]))
        for entry in self._command("POST", "/se/log", {"type": "browser"}):
            self.messages.append(f"{entry['level']} {entry['message']}")


def quoted(text):
    """As a string of XPath, which knows no escapes."""
    return f'"{text}"' if '"' not in text else f"'{text}'"
