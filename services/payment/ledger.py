"""What a booking's money comes to, and what does not add up about it. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from contracts.model import Value
from services.payment.state import Account, Dispute, Entry, EntryKind, Refund

OVER = frozenset({"won", "warning_closed", "prevented"})  # disputes that took nothing away; a lost one is to be seen
SLOW = timedelta(days=1)  # a refund that takes longer is worth a look; a bank may take ten


class Line(Value):
    """A booking in a period: what came, what went back, and what is odd about it today. One for each currency."""

    organisation: str
    booking_id: str
    currency: str
    captured: int
    refunded: int
    disputed: int  # taken away by disputes, and not given back
    kept: int  # of this period
    kept_today: int  # of all time
    problems: tuple[str, ...] = ()


def lines(
    organisation: str,
    booking_id: str,
    account: Account | None,
    entries: Sequence[tuple[Entry, datetime]],
    begin: datetime,
    end: datetime,
    now: datetime,
) -> list[Line]:
    """The lines of a booking with these entries, all there are of it, for what happened from `begin` to before `end`."""
    odd = problems(account, entries, now)
    found = []
    for currency in sorted({entry.currency for entry, _ in entries}):
        mine = [(entry, at) for entry, at in entries if entry.currency == currency]
        inside = [entry for entry, at in mine if begin <= at < end]
        if not inside:
            continue
        sums, ever = _sums(inside), _sums([entry for entry, _ in mine])
        found.append(
            Line(
                organisation=organisation,
                booking_id=booking_id,
                currency=currency,
                captured=sums.captured,
                refunded=sums.refunded,
                disputed=sums.disputed,
                kept=sums.kept,
                kept_today=ever.kept,
                problems=tuple(odd),
            )
        )
    return found


def problems(account: Account | None, entries: Sequence[tuple[Entry, datetime]], now: datetime) -> list[str]:
    """What somebody should look at, in words."""
    if account is None:
        return ["there are entries and no account"]
    asked = {entry.about: at for entry, at in entries if entry.kind == "asked"}
    odd = [problem for refund in account.refunds if (problem := _odd(account, refund, asked.get(refund.id), now))]
    odd += [
        f"{_money(each)} are contested by their payer: {each.status}"
        for each in account.disputes
        if each.status not in OVER
    ]
    kept = [payment for payment in account.payments if account.left(payment) > 0]
    if len(kept) > 1:
        odd.append(f"{len(kept)} payments are kept: {', '.join(payment.id for payment in kept)}")
    done = sum(refund.amount for refund in account.refunds if refund.status == "done")
    sums = _sums([entry for entry, _ in entries])
    if (sums.captured, sums.refunded) != (sum(payment.amount for payment in account.payments), done):
        odd.append("ledger and account differ")
    return odd


def _odd(account: Account, refund: Refund, since: datetime | None, now: datetime) -> str | None:
    if refund.elsewhere:
        return None if refund.status == "failed" else f"{_money(refund)} went back that nobody here had asked for"
    if not refund.of_booking:
        how = {"done": "went back", "failed": "did not go back"}.get(refund.status, "is going back")
        return f"{_money(refund)} came that nobody had asked for, and {how}"
    if refund.status == "failed" and not _was_replaced(account, refund):
        return f"a refund failed: {_money(refund)}"
    if refund.status in ("asked", "pending") and since is not None and now - since > SLOW:
        return f"a refund is on its way since {since.date().isoformat()}: {_money(refund)}"
    return None


def _was_replaced(account: Account, refund: Refund) -> bool:
    """Whether as much was asked for again, and did not fail."""
    return any(
        (each.payment, each.amount) == (refund.payment, refund.amount) and each.status != "failed"
        for each in account.refunds
    )


def _money(of: Refund | Dispute) -> str:
    return f"{of.amount} {of.currency} of {of.payment}"


class _Sums(NamedTuple):
    captured: int
    refunded: int
    disputed: int

    @property
    def kept(self) -> int:
        return self.captured - self.refunded - self.disputed


def _sums(entries: Sequence[Entry]) -> _Sums:
    """What these entries come to."""
    by: dict[EntryKind, int] = defaultdict(int)
    for entry in entries:
        by[entry.kind] += entry.amount
    return _Sums(by["captured"], by["refunded"] - by["returned"], by["withdrawn"] - by["reinstated"])
