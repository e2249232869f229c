"""A client of Ledgerline's API, for Python 3.11 or newer, without dependencies.

    client = Client("https://ledger.example", api_key="...")
    client.create_account({"currency": "EUR", "reference": "alice"})
    paid = client.create_transfer({"legs": [...]}, wait=5)
    if paid["status"] == "FAILED": ...
"""
from . import webhooks
from .client import Answer, Client, LedgerlineError

__all__ = ["Answer", "Client", "LedgerlineError", "webhooks"]
