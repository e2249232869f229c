"""infra/prometheus for tests: the same rules, scraped and evaluated more often, with other targets."""

import pathlib
import re
import shutil

import definitions as defined

SCRAPE = "500ms"
# What $__rate_interval stands for at that pace.
RATE_INTERVAL = "20s"
# Shortened, an hour is a minute and a minute a second.
SHORTENED_BY = 60

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _shorter(duration):
    count, unit = re.fullmatch(r"(\d+)([smhd])", duration).groups()
    return f"{max(1, int(count) * _SECONDS[unit] // SHORTENED_BY)}s"


def shorten(rules):
    """The text of a file of rules with every `for` and every window 60 times shorter, at least 1 s, and nothing else changed."""
    rules = re.sub(r"\[(\d+[smhd])\]", lambda found: f"[{_shorter(found[1])}]", rules)
    return re.sub(r"^( *for: )(\d+[smhd])$", lambda found: found[1] + _shorter(found[2]), rules, flags=re.MULTILINE)


def configure(directory, targets, short=False, alertmanager_port=None):
    """Writes a configuration and returns its directory. targets: {role: [ports]}."""
    config = pathlib.Path(directory) / "config"
    shutil.copytree(defined.PROMETHEUS, config, ignore=shutil.ignore_patterns("tests", "targets.*", "alertmanagers.*"))
    main = (config / "prometheus.yml").read_text()
    main = re.sub(r"(scrape_interval|evaluation_interval): \w+", rf"\1: {SCRAPE}", main)
    if alertmanager_port:
        (config / "alertmanagers.yml").write_text(f"- targets: ['127.0.0.1:{alertmanager_port}']\n")
    (config / "prometheus.yml").write_text(main)
    if short:
        for path in (config / "rules").glob("*.yml"):
            path.write_text(shorten(path.read_text()))
    groups = [f'- {{targets: ["127.0.0.1:{port}"], labels: {{role: {role}}}}}\n' for role, ports in targets.items() for port in ports]
    (config / "targets.yml").write_text("".join(groups))
    return config


def all_values(expression):
    """The expression with every comparison turned into 0 or 1, so that it gives data wherever its operands do."""
    quoted = r'"(?:\\.|[^"\\])*"|\{[^}]*\}'
    return re.sub(rf"({quoted})|(==|!=|>=|<=|>|<)", lambda found: found[1] or f"{found[2]} bool", expression)
