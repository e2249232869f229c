"""What is judged and how: no servers."""

import json
import pathlib
import re
import unittest
import xml.etree.ElementTree

import big
import ladder
import picture
import report

ROOT = pathlib.Path(__file__).resolve().parents[2]

FLOORS = {"yardstick": {"per_second_min": 3000}, "all": {"memory_mb_max": 150}, "single-16": {"ratio_min": 2.5, "wal_bytes_max": 900},
          "outcome": {"p99_ms_max": 8}}


def measured(rate, **more):
    latency = {"p50": 1.0, "p90": 2.0, "p99": 3.0, "p99_9": 4.0, "max": 5.0}
    result = {"latency_ms": latency, "accepted": 100, "refused": 0, "unsettled": 0, "unknown": 0, "broken": 0, "unsent": 0,
              "statuses": {"201": 100}}
    return {"applied_per_second": rate, "postgres_cpu_us": 20.0, "ledgerline_cpu_us": 10.0, "generator_cpu_us": 5.0, "wal_bytes": 800.0,
            "disk_bytes": 600.0, "lag_events": 0, "lag_seconds": 0.0, "others_cpu_share": 0.01, "p50_ms": 1.0, "p99_ms": 3.0, "generator": {**result, **more}}


class Judging(unittest.TestCase):
    def medians(self, *rates, yardstick=4000):
        return report.medians_of([{"single-16": report.with_ratios(measured(rate), yardstick)} for rate in rates])

    def test_the_median_repetition_counts(self):
        medians = self.medians(8000, 20000, 12000)
        self.assertEqual(medians["single-16"]["ratio"], 3)
        self.assertEqual(report.not_reached(FLOORS, medians, 100), [])

    def test_what_is_worse_than_its_floor_is_named(self):
        medians = self.medians(8000)
        medians["single-16"]["wal_bytes"] = 901
        self.assertEqual(report.not_reached(FLOORS, medians, 151),
                         ["all: 151 MB of memory, at most 150", "single-16: 2 x TPC-B, at least 2.5", "single-16: 901 B of WAL, at most 900"])

    def test_a_slow_yardstick_makes_a_run_void(self):
        self.assertTrue(report.is_void(FLOORS, 2999.9))
        self.assertFalse(report.is_void(FLOORS, 3000))

    def test_the_documented_sizes_are_what_a_run_must_keep(self):
        floors = json.loads((pathlib.Path(__file__).parents[1] / "floors.json").read_text())
        page = (ROOT / "docs/operations.md").read_text()
        for row, rungs in (("a payment on one account", ("single-256", "batch-100")), ("a transfer between two", ("transfer-100",))):
            for rung in rungs:
                self.assertIn(f"| {row} | {floors[rung]['disk_bytes_max']:,} B | {floors[rung]['wal_bytes_max']:,} B |", page)

    def test_every_floor_names_a_rung_and_a_figure(self):
        floors = json.loads((pathlib.Path(__file__).parents[1] / "floors.json").read_text())
        names = {rung.name for rung in ladder.RUNGS}
        for name, limits in floors.items():
            for limit in limits:
                key, kind = limit.rsplit("_", 1)
                self.assertIn(kind, ("min", "max"))
                if name in ("yardstick", "all"):
                    continue
                if name == "big":
                    self.assertIn(key, big.figures({"single-256": 1}, {"entries": 1}, {"clean": True, "seconds": 1}, 1))
                    continue
                self.assertIn(name, names)
                self.assertIn(key, report.MEDIANS)

    def test_the_table_has_a_row_for_each_rung_and_peer(self):
        document = {"medians": self.medians(8000), "yardstick": {"per_second": 4000.0, "postgres_cpu_us": 300.0, "wal_bytes": 500.0},
                    "peers": {"plain-sql-16": {"per_second": 5000.0, "postgres_cpu_us": 200.0, "wal_bytes": 700.0}},
                    "machine": {"cores": 2, "processor": "p", "memory_mb": 8000, "kernel": "6", "filesystem": "ext4"},
                    "versions": {"postgres": "15", "compiler": "c"}, "verified": [{"clean": False, "after": "single-16"}],
                    "repetitions": [{}], "seconds": 6, "memory_mb": 40, "accepted": 1000, "commit": "abc", "seed": 1}
        lines = report.table(document, FLOORS)
        self.assertEqual([line.split("  ")[0] for line in lines[1:4]],
                         ["single requests, 16 connections", "pgbench TPC-B, 16 clients", "peer plain-sql-16"])
        self.assertRegex(lines[1], r" 8,000 +2\.00 +2\.5 ")
        self.assertIn("VIOLATIONS after single-16", lines[5])


    def test_a_rung_that_runs_once_is_judged_by_what_it_kept(self):
        floors = {"snapshot-256": {"kept_min": 0.95}}
        once = report.with_ratios({**measured(8000), "kept": 0.9}, 4000)
        plain = {"single-256": report.with_ratios(measured(9000), 4000)}
        medians = report.medians_of([plain, {**plain, "snapshot-256": once}])
        self.assertEqual(report.not_reached(floors, medians, 100),
                         ["snapshot-256: 0.9 of the rate it is compared with, at least 0.95"])
        self.assertNotIn("kept", medians["single-256"])

    def test_what_a_filled_ledger_lost_is_named(self):
        filled = big.figures({"single-256": 0.95, "batch-100": 0.85}, {"entries": 4.0, "by_status": 11.0},
                             {"clean": True, "seconds": 10.0}, 900_000)
        floors = {"big": {"kept_min": 0.9, "list_p99_ms_max": 10, "verify_per_second_min": 100_000}}
        self.assertEqual(len(report.not_reached(floors, {}, 100, filled)), 3)
        self.assertRaises(ladder.Failed, big.figures, {}, {}, {"clean": False, "report": "", "message": ""}, 1)

    def test_the_picture_has_a_bar_for_each_ceiling_and_peer(self):
        document = {"medians": {**self.medians(8000), "outcome": {"ratio": 0.1}}, "yardstick": {"per_second": 4000.0},
                    "peers": {"plain-sql-16": {"per_second": 5000.0}}, "void_because": ["a < b"], "commit": "abc",
                    "machine": {"cores": 2, "processor": "p", "filesystem": "ext4"}, "versions": {"postgres": "15"}}
        drawn = xml.etree.ElementTree.fromstring(picture.svg(document, FLOORS))
        bars = [one for one in drawn.iter() if one.tag.endswith("rect")][1:]
        self.assertEqual([bar.get("fill") for bar in bars], ["#b4502a", "#8a8f98", "#8a8f98"])
        self.assertIn("VOID: a < b", "".join(drawn.itertext()))

    def test_the_published_picture_is_that_of_the_documented_figures(self):
        page = (ROOT / "docs/performance.md").read_text()
        drawn = picture.published_svg(page)
        self.assertEqual((ROOT / "docs/images/bench.svg").read_text(), drawn, "scripts/bench --published draws it")
        texts = [one.text for one in xml.etree.ElementTree.fromstring(drawn).iter() if one.tag.endswith("text")]
        rows = re.findall(r"^\| ([^|]+) \| ([\d,]+) \| ([\d.]+) \|", page, re.MULTILINE)
        self.assertGreater(len(rows), 10)
        for title, rate, ratio in rows:
            self.assertIn(title, texts)
            self.assertIn(f"{float(ratio):.1f} x, {rate}/s", texts)
        self.assertEqual(len([text for text in texts if " x, " in text]), len(rows))


class Faults(unittest.TestCase):
    def test_a_clean_rung_has_none(self):
        self.assertEqual(ladder.faults_of(measured(8000), 100), [])

    def test_what_was_not_applied_is_one(self):
        self.assertEqual(ladder.faults_of(measured(8000), 99), ["100 were accepted and 99 applied"])
        self.assertEqual(ladder.faults_of(measured(8000), 101), ["100 were accepted and 101 applied"])

    def test_an_unanswered_request_may_have_been_applied(self):
        for applied in (100, 101):
            self.assertEqual(len(ladder.faults_of(measured(8000, unknown=1), applied)), 1)
        self.assertEqual(len(ladder.faults_of(measured(8000, unknown=1), 102)), 2)

    def test_a_lag_is_one(self):
        found = ladder.faults_of({**measured(1000), "lag_events": 1500, "lag_seconds": 1.5}, 100)
        self.assertEqual(found, ["1500 events were waiting at the end: 1.5 s of the rate"])


class Choosing(unittest.TestCase):
    def test_a_rung_brings_the_one_that_it_is_derived_from(self):
        self.assertEqual([rung.name for rung in ladder.chosen(["acceptance", "single-16"])], ["single-16", "single-256", "acceptance"])
        self.assertRaises(ValueError, ladder.chosen, ["single-17"])

    def test_the_rate_of_pgbench_is_found(self):
        text = ("number of transactions actually processed: 7000\nnumber of failed transactions: 0 (0.000%)\n"
                "tps = 3456.7 (without initial connection time)\n")
        self.assertEqual(ladder.rate_of(text), (3456.7, 7000))
        self.assertRaises(ladder.Failed, ladder.rate_of, text.replace(": 0", ": 3"))


if __name__ == "__main__":
    unittest.main()
