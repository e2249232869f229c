"""What infra/ and docs/runbooks define: alerts, recorded series, dashboards, and the metrics they ask for."""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "infra/prometheus"
DASHBOARDS = ROOT / "infra/grafana/dashboards"
RUNBOOKS = ROOT / "docs/runbooks"
GOLDEN_METRICS = ROOT / "tests/golden/metrics.txt"

HISTOGRAM_SUFFIXES = ("_bucket", "_sum", "_count")
# Series that Prometheus itself makes.
BUILT_IN = {"up"}
# Words of PromQL that look like names of metrics.
_WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset", "inf", "nan"}


def rule_texts():
    return [path.read_text() for path in sorted((PROMETHEUS / "rules").glob("*.yml"))]


def alert_names():
    """Of the rules, one for each rule: a name may stand for several."""
    return [name for text in rule_texts() for name in re.findall(r"^ *- alert: (\w+)$", text, re.MULTILINE)]


def recorded_names():
    """Of the rules, one for each rule: a name may stand for several."""
    return [name for text in rule_texts() for name in re.findall(r"^ *- record: ([\w:]+)$", text, re.MULTILINE)]


def exported_names():
    """Every series the program exports, as its golden file says."""
    names = set()
    for line in GOLDEN_METRICS.read_text().splitlines():
        name, kind = line.split()[:2]
        names.update(name + suffix for suffix in HISTOGRAM_SUFFIXES) if kind == "histogram" else names.add(name)
    return names


def metrics_in(expression):
    """The names of the series that a PromQL expression asks for."""
    bare = re.sub(r'"(\\.|[^"\\])*"', '""', expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    names = re.findall(r"(?<![\w:.$])[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])", bare)
    return {name for name in names if name.lower() not in _WORDS}


def expressions_in_rules():
    """(where, expression) of each rule, read without a YAML parser: `expr:` on one line, or folded with `>-`."""
    found = []
    for text in rule_texts():
        pattern = r"^ *- (?:alert|record): ([\w:]+)\n *expr: (?:>-\n((?: {10,}.*\n)+)|(.*)\n)"
        for name, folded, plain in re.findall(pattern, text, re.MULTILINE):
            found.append((name, " ".join(folded.split()) if folded else plain))
    return found


def dashboards():
    """Parsed, by file name."""
    return {path.name: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}


def panel_queries(dashboard):
    """(title of the panel, expression) of each query of a dashboard."""
    return [
        (panel["title"], target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    ]


def substitute(expression, rate_interval):
    """The expression as Grafana would send it with every variable at All."""
    return re.sub(r"\$(?!__)\w+", ".*", expression.replace("$__rate_interval", rate_interval))
