"""The ladder as a picture: bars of the ratios to TPC-B, with what they must reach, in SVG."""

import html
import re

from ladder import RUNGS

_WIDTH, _NAMES, _VALUES, _ROW, _BAR, _TOP, _BOTTOM = 900, 330, 130, 26, 16, 52, 48
_COLOURS = {"reached": "#2f7d4f", "missed": "#b4502a", "peer": "#8a8f98"}
_STYLE = ("text{font:13px system-ui,sans-serif;fill:#1d2430}.title{font-size:16px;font-weight:600}.note{fill:#5b6472}"
          ".floor{stroke:#1d2430;stroke-width:2}.ground{fill:#ffffff}")


def _rows(document, floors):
    """(title, ratio, a second, floor or None, kind) of each bar."""
    for rung in RUNGS:
        figures = document["medians"].get(rung.name)
        if figures and rung.is_ceiling:
            floor = floors.get(rung.name, {}).get("ratio_min")
            yield rung.title, figures["ratio"], figures["ratio"] * document["yardstick"]["per_second"], floor, _kind(figures["ratio"], floor)
    rate = document["yardstick"]["per_second"]
    yield "pgbench TPC-B, 16 clients", 1.0, rate, None, "peer"
    for name, figures in document["peers"].items():
        yield f"peer {name}", figures["per_second"] / rate, figures["per_second"], None, "peer"


def _kind(ratio, floor):
    return "missed" if floor and ratio < floor else "reached"


def _text(x, y, text, more=""):
    return f'<text x="{x:.0f}" y="{y:.0f}"{more}>{html.escape(text)}</text>'


def _draw(rows, notes):
    longest = max(max(ratio, floor or 0) for _, ratio, _, floor, _ in rows)
    scale = (_WIDTH - _NAMES - _VALUES) / longest
    height = _TOP + _ROW * len(rows) + _BOTTOM
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
             f"<title>Payments a second as multiples of TPC-B</title><style>{_STYLE}</style>",
             f'<rect class="ground" width="{_WIDTH}" height="{height}"/>',
             _text(16, 30, "Payments applied a second, as multiples of pgbench's TPC-B on the same cluster", ' class="title"')]
    for number, (title, ratio, per_second, floor, kind) in enumerate(rows):
        top = _TOP + number * _ROW
        parts += [_text(_NAMES - 10, top + _BAR - 3, title, ' text-anchor="end"'),
                  f'<rect x="{_NAMES}" y="{top}" width="{ratio * scale:.1f}" height="{_BAR}" fill="{_COLOURS[kind]}"/>']
        end = max(ratio, floor or 0)
        if floor:
            at = _NAMES + floor * scale
            parts.append(f'<line class="floor" x1="{at:.1f}" x2="{at:.1f}" y1="{top - 3}" y2="{top + _BAR + 3}"/>')
        parts.append(_text(_NAMES + end * scale + 8, top + _BAR - 3, f"{ratio:.1f} x, {per_second:,.0f}/s"))
    parts += [_text(16, height - _BOTTOM + 20 + 18 * number, note, ' class="note"') for number, note in enumerate(notes)]
    return "\n".join([*parts, "</svg>", ""])


def svg(document, floors):
    """Of a run."""
    machine, rate = document["machine"], document["yardstick"]["per_second"]
    notes = [f"{machine['cores']} cores, {machine['processor']}, {machine['filesystem']}; PostgreSQL "
             f"{document['versions']['postgres']}; TPC-B {rate:,.0f}/s; commit {document['commit']}. A line: at least this."]
    if document["void_because"]:
        notes.append(f"VOID: {'; '.join(document['void_because'])}")
    return _draw(list(_rows(document, floors)), notes)


def published_svg(page):
    """Of the figures in docs/performance.md: the rows of its table that are compared with TPC-B, and the line that says where
    they were taken."""
    figures = page[page.index("\n## Figures\n"):]
    rows = []
    for line in figures.splitlines():
        cells = [cell.strip().replace("*", "") for cell in line.strip("| ").split("|")]
        if line.startswith("| ") and len(cells) > 3 and re.fullmatch(r"[\d.]+", cells[2]):
            ratio, floor = float(cells[2]), float(cells[3]) if cells[3] else None
            kind = "peer" if "peer" in cells[0] or "TPC-B" in cells[0] else _kind(ratio, floor)
            rows.append((cells[0], ratio, int(cells[1].replace(",", "")), floor, kind))
    return _draw(rows, re.search(r"^The picture: (.*)\n(.*)$", figures, re.MULTILINE).groups())
