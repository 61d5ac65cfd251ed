"""The accounts of a batch: one statement reads them, one writes those that changed, with the new lines of the ledger."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chassis import calls
from chassis.calls import Call
from chassis.messages import Row, Save, Statement, columns
from services.payment.state import DISPUTED, Account, Entry

Key = tuple[str, str]  # organisation, booking


@dataclass(slots=True)
class Accounts:
    """The accounts that a batch may change, as they are now, and the calls that it asks for."""

    revisions: dict[Key, int] = field(default_factory=dict)
    accounts: dict[Key, Account] = field(default_factory=dict)
    changed: dict[Key, Account] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    entries: list[tuple[object, ...]] = field(default_factory=list)
    of_disputes: list[tuple[object, ...]] = field(default_factory=list)

    def put(self, key: Key, account: Account) -> None:
        if account != self.accounts.get(key):
            self.accounts[key] = self.changed[key] = account

    def enter(self, key: Key, entries: Sequence[Entry], at: datetime) -> None:
        """Lines of the ledger, as of the time at which the broker had the word of it."""
        for entry in entries:
            lines = self.of_disputes if entry.kind in DISPUTED else self.entries
            lines.append((*key, *entry, at))


_LOAD = """
SELECT a.organisation_id, a.booking_id::text, a.revision, a.state
FROM unnest($1::text[], $2::uuid[]) u(organisation_id, booking_id)
JOIN accounts a USING (organisation_id, booking_id)
"""

_SAVE = """
INSERT INTO accounts AS a (organisation_id, booking_id, revision, state)
SELECT u.organisation_id, u.booking_id, u.loaded + 1, u.state
FROM unnest({0}::text[], {1}::uuid[], {2}::int[], {3}::text[]) u(organisation_id, booking_id, loaded, state)
ON CONFLICT (organisation_id, booking_id) DO UPDATE
SET revision = excluded.revision, state = excluded.state
WHERE a.revision = excluded.revision - 1
RETURNING 1
"""

_ENTER = """
INSERT INTO {table} (organisation_id, booking_id, kind, about, payment, amount, currency, at)
SELECT * FROM unnest({0}::text[], {1}::uuid[], {2}::text[], {3}::text[], {4}::text[], {5}::bigint[], {6}::text[],
  {7}::timestamptz[])
RETURNING 1
"""


def load(keys: Collection[Key]) -> Statement:
    return Statement(_LOAD, ([organisation for organisation, _ in keys], [booking for _, booking in keys]))


def begin(rows: Sequence[Row]) -> Accounts:
    accounts = Accounts()
    for organisation, booking, revision, text in rows:
        accounts.revisions[organisation, booking] = revision
        accounts.accounts[organisation, booking] = Account.model_validate_json(text)
    return accounts


def save(accounts: Accounts) -> list[Save]:
    rows = [
        (*key, accounts.revisions.get(key, 0), account.model_dump_json()) for key, account in accounts.changed.items()
    ]
    changed = [Save("accounts_change_one_revision_at_a_time", _SAVE, len(rows), columns(rows, 4))] if rows else []
    tables = {"entries": accounts.entries, "dispute_entries": accounts.of_disputes}
    entered = [
        Save(f"a_line_of_{table}_is_entered_once", _ENTER.replace("{table}", table), len(lines), columns(lines, 8))
        for table, lines in tables.items()
        if lines
    ]
    return [*changed, *entered, *calls.save(accounts.calls)]
