"""What ten million rows cost: loads, lists and verify on a filled ledger."""

import pathlib
import time
import urllib.parse

from processes import Failed

SQL = pathlib.Path(__file__).resolve().parents[1] / "big/fill.sql"
RUNGS = ("single-256", "batch-100")
_AMOUNT_CENTS = 100
_ROWS_A_BATCH = 500_000
_CALLS = 300


def fill(server, accounts, rows, say):
    """Adds rows, already decided, evenly to the accounts. How many."""
    database, batch_rounds = server.database, max(_ROWS_A_BATCH // accounts // 2, 1) * 2
    # Even, so that each account ends with what it had.
    rounds = max(rows // accounts // 2, 1) * 2
    begin = time.monotonic()
    for first in range(0, rounds, batch_rounds):
        some = min(batch_rounds, rounds - first)
        database.run_file(SQL, variables={"first_round": first, "rounds": some, "amount": _AMOUNT_CENTS})
        say(f"{(first + some) * accounts:,} of {rounds * accounts:,} rows after {time.monotonic() - begin:.0f} s")
    database.rows("VACUUM ANALYZE accepted")
    database.rows("VACUUM ANALYZE decisions")
    database.rows("CHECKPOINT")
    return rounds * accounts


def list_latencies(server, account_ids):
    """The 99th percentile of each list's calls, in ms: pages of 50, the first one and one that follows it."""
    connection, found = server.connection(), {}
    lists = {"by_account": "/v1/transactions?account_id={account}",
             "by_status": "/v1/transactions?status=PROCESSED",
             "by_rare_status": "/v1/transactions?status=FAILED",
             "by_account_and_status": "/v1/transactions?account_id={account}&status=PROCESSED",
             "by_account_and_rare_status": "/v1/transactions?account_id={account}&status=FAILED",
             "entries": "/v1/accounts/{account}/entries"}
    for name, pattern in lists.items():
        took = []
        for number in range(_CALLS // 2):
            path = pattern.format(account=account_ids[number * 37 % len(account_ids)])
            answer = _timed(server, connection, path, took)
            cursor = answer.get("next_cursor")
            if cursor:
                _timed(server, connection, f"{path}{'&' if '?' in path else '?'}cursor={urllib.parse.quote(cursor)}", took)
        found[name] = sorted(took)[int(len(took) * 0.99)]
    return found


def _timed(server, connection, path, took):
    begin = time.monotonic()
    answer = server.get(path, connection)
    took.append((time.monotonic() - begin) * 1000)
    return answer


def figures(kept, lists, verified, accepted):
    """What bench/floors.json judges. kept: of each rung's rate on the empty ledger."""
    if not verified["clean"]:
        raise Failed(f"verify after the fill: {verified['report']} {verified['message']}")
    return {"kept": min(kept.values()), "list_p99_ms": max(lists.values()),
            "verify_per_second": accepted / verified["seconds"]}


def lines(document):
    """For people."""
    big = document.get("big")
    if not big:
        return []
    return [f"{big['rows']:,} rows: " + ", ".join(f"{name} keeps {kept:.2f}" for name, kept in big["rates_kept"].items())
            + f"; verify {big['verify_per_second']:,.0f} transactions/s; lists p99 ms: "
            + ", ".join(f"{name} {p99:.1f}" for name, p99 in big["lists_p99_ms"].items())]
