"""What a run says: medians, what is below its floor, and the table for people."""

import statistics

import big
from ladder import RUNGS

# Of each rung, the median over its repetitions is taken, and compared with floors of the same name plus _min or _max.
MEDIANS = ("applied_per_second", "ratio", "postgres_cpu_us", "ledgerline_cpu_us", "generator_cpu_us", "wal_bytes", "disk_bytes",
           "lag_seconds", "p50_ms", "p99_ms", "p99_9_ms", "max_ms", "others_cpu_share", "kept", "told_per_second")
_UNITS = {"ratio": "x TPC-B", "postgres_cpu_us": "us of PostgreSQL", "ledgerline_cpu_us": "us of ledgerline",
          "wal_bytes": "B of WAL", "disk_bytes": "B on disk", "p50_ms": "ms p50", "p99_ms": "ms p99", "memory_mb": "MB of memory", "kept": "of the rate it is compared with", "told_per_second": "outcomes told a second", "list_p99_ms": "ms p99 of a list",
          "verify_per_second": "transactions verified a second"}


def with_ratios(measured, yardstick_per_second):
    """A repetition's figures with those that are derived from them."""
    latency = measured["generator"]["latency_ms"]
    return {**measured, "ratio": measured["applied_per_second"] / yardstick_per_second, "p99_9_ms": latency["p99_9"],
            "max_ms": latency["max"]}


def medians_of(repetitions):
    """repetitions: of each, the figures by rung."""
    medians = {}
    for rung in RUNGS:
        measured = [repetition[rung.name] for repetition in repetitions if rung.name in repetition]
        if measured:
            medians[rung.name] = {key: statistics.median(one[key] for one in measured) for key in MEDIANS
                                  if key in measured[0]}
    return medians


def is_void(floors, yardstick_per_second):
    return yardstick_per_second < floors["yardstick"]["per_second_min"]


def not_reached(floors, medians, memory_mb, filled=None):
    """In words, what is worse than its floor. What was not run is not judged."""
    figures = {**medians, "all": {"memory_mb": memory_mb}, "big": filled or {}}
    missed = []
    for name, limits in floors.items():
        for limit, wanted in limits.items():
            key, kind = limit.rsplit("_", 1)
            if name not in figures or key not in figures[name]:
                continue
            value = figures[name][key]
            if value < wanted if kind == "min" else value > wanted:
                bound = "at least" if kind == "min" else "at most"
                missed.append(f"{name}: {_figure(value)} {_UNITS[key]}, {bound} {wanted:g}")
    return missed


def _figure(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratio_cells(limits, figures, is_ceiling):
    if not is_ceiling:
        return ["", ""]
    floor = f"{limits['ratio_min']:g}" if "ratio_min" in limits else ""
    if "kept" in figures:
        floor = f"{figures['kept']:.2f} kept ({limits['kept_min']:g})" if "kept_min" in limits else floor
    return [f"{figures['ratio']:.2f}", floor]


def _latency_cell(limits, figures, key):
    limit = limits.get(f"{key}_max")
    return f"{figures[key]:.1f}" + (f" ({limit:g})" if limit else "")


def table(document, floors):
    """Lines of text: the rungs, the peers, and what they were compared with."""
    head = ["", "a second", "x TPC-B", "floor", "PostgreSQL us", "ledgerline us", "generator us", "WAL B", "lag s",
            "p50 ms", "p99 ms", "p99.9 ms", "others %"]
    rows = [head]
    for rung in RUNGS:
        figures = document["medians"].get(rung.name)
        if not figures:
            continue
        limits = floors.get(rung.name, {})
        rows.append([
            rung.title, f"{figures['applied_per_second']:,.0f}", *_ratio_cells(limits, figures, rung.is_ceiling),
            *(f"{figures[key]:.1f}" for key in ("postgres_cpu_us", "ledgerline_cpu_us", "generator_cpu_us")),
            f"{figures['wal_bytes']:,.0f}", f"{figures['lag_seconds']:.2f}", _latency_cell(limits, figures, "p50_ms"),
            _latency_cell(limits, figures, "p99_ms"), f"{figures['p99_9_ms']:.1f}",
            f"{figures['others_cpu_share'] * 100:.0f}"])
    yardstick = document["yardstick"]
    rows.append(_database_row("pgbench TPC-B, 16 clients", yardstick, yardstick["per_second"]))
    for name, figures in document["peers"].items():
        rows.append(_database_row(f"peer {name}", figures, yardstick["per_second"]))
    return _aligned(rows) + ["", *big.lines(document), *_detail_lines(document), *_footer(document)]


def _detail_lines(document):
    """Who fills the write-ahead log, and which statements take the time: of the last repetition."""
    lines = [f"outcomes told a second, {name}: {figures['told_per_second']:,.0f}"
             for name, figures in document["medians"].items() if "told_per_second" in figures]
    for name in ("single-256", "batch-100"):
        tables = document["repetitions"][-1].get(name, {}).get("wal_bytes_by_table")
        if tables:
            shown = ", ".join(f"{table} {size:,.0f}" for table, size in tables.items() if size >= 1)
            lines.append(f"WAL bytes a payment, {name}: {shown}")
        for one in document["repetitions"][-1].get(name, {}).get("statements", []):
            if one["us"] >= 0.1:
                lines.append(f"  {one['us']:7.1f} us a payment in {one['calls']:,} calls: {one['text']}")
    return lines


def _database_row(title, figures, yardstick_per_second):
    return [title, f"{figures['per_second']:,.0f}", f"{figures['per_second'] / yardstick_per_second:.2f}", "",
            f"{figures['postgres_cpu_us']:.1f}", "", "", f"{figures['wal_bytes']:,.0f}", "", "", "", "", ""]


def _aligned(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    # The first column is text, the others are numbers.
    return ["  ".join([row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]).rstrip()
            for row in rows]


def _footer(document):
    machine, versions = document["machine"], document["versions"]
    verified = document["verified"]
    violations = [one["after"] for one in verified if not one["clean"]]
    return [
        f"repetitions {len(document['repetitions'])}, {document['seconds']:g} s a rung; peak memory of ledgerline "
        f"{document['memory_mb']:.0f} MB; {document['accepted']:,} transactions accepted; "
        f"verify ran {len(verified)} times: " + (f"VIOLATIONS after {', '.join(violations)}" if violations else "clean"),
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_mb']:,.0f} MB, Linux {machine['kernel']}, "
        f"{machine['filesystem']}; PostgreSQL {versions['postgres']}; {versions['compiler']}; "
        f"commit {document['commit']}; seed {document['seed']}"]
