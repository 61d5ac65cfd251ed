"""Payment's accounts against themselves, and against the bookings they are for."""

from typing import Any

import orjson

from embedded.operate import databases, quiet
from embedded.operate.findings import Report
from embedded.operate.places import Place
from embedded.operate.scratch import Scratch

_ACCOUNTS = "SELECT organisation_id || '/' || booking_id AS key, state FROM accounts"
_ONE_ACCOUNT = "SELECT state FROM accounts WHERE organisation_id = $1 AND booking_id = $2::uuid"
_ONE_BOOKING = """
SELECT status, (state::jsonb #>> '{booking,totalPrice}')::bigint AS price, state::jsonb #>> '{booking,currency}' AS currency
FROM bookings
WHERE organisation_id = $1 AND id = $2::uuid
"""
_BOOKING = "SELECT status, price, currency FROM bookings WHERE key = ?"
_UNPAID = """
SELECT b.key
FROM bookings b
LEFT JOIN paid p ON p.key = b.key
WHERE b.status = 'PAID' AND b.price > 0 AND p.key IS NULL
"""
UNPAID = ("PENDING", "RESERVED_15_MIN", "CONFIRMED")
BELOW, AGREE = "refunds-stay-below-payments", "money-and-status-agree"

Odd = list[tuple[str, str]]


async def compared(place: Place, scratch: Scratch, report: Report) -> None:
    """Payments, refunds and statuses add up, as far as payment's database has accounts."""
    async with (
        databases.connected(place.databases["payment"]) as of_payment,
        databases.connected(place.databases["booking"]) as of_booking,
    ):
        if not await databases.has(of_payment, "accounts"):
            report.skipped.append("payment: its database has no accounts")
            return
        count = 0
        suspects: dict[str, Odd | None] = {}
        async with databases.snapshot(of_payment):
            async for row in databases.streamed(of_payment, _ACCOUNTS):
                count += 1
                account = orjson.loads(row["state"])
                if account.get("payments"):
                    scratch.put("paid", (row["key"],))
                    if _odd(account, next(scratch.ask(_BOOKING, row["key"]), None)):
                        suspects[row["key"]] = None
        suspects |= {key: None for (key,) in scratch.ask(_UNPAID)}
        for _ in range(quiet.LOOKS):  # money and status change one after the other: what stays odd counts
            if suspects:
                await quiet.caught_up(place, ("payment", "booking", "availability"))
            for key, before in list(suspects.items()):
                organisation, _, booking_id = key.partition("/")
                state = await of_payment.fetchval(_ONE_ACCOUNT, organisation, booking_id)
                booking = await of_booking.fetchrow(_ONE_BOOKING, organisation, booking_id)
                odd = _odd(orjson.loads(state) if state else {}, tuple(booking) if booking else None)
                if odd and odd != before:
                    suspects[key] = odd
                    continue
                del suspects[key]
                for rule, what in odd:
                    report.add(rule, key, what)
    report.looked["accounts"] = count


def _odd(account: dict[str, Any], booking: tuple[Any, ...] | None) -> Odd:
    """What does not add up of one booking's money."""
    found: Odd = []
    kept = 0
    payments = {each["id"]: each for each in account.get("payments", ())}
    back = dict.fromkeys(payments, 0)
    for refund in account.get("refunds", ()):
        payment = payments.get(refund["payment"])
        if refund["status"] == "failed":
            continue
        if payment is None or payment["currency"] != refund["currency"]:
            what = f"refund {refund['id']} is of {refund['payment']}, which never came in {refund['currency']}"
            found.append((BELOW, what))
        else:
            back[payment["id"]] += refund["amount"]
    for key, payment in payments.items():
        kept += payment["amount"] - back[key]
        if back[key] > payment["amount"]:
            found.append((BELOW, f"{back[key]} {payment['currency']} of {key} go back, {payment['amount']} came"))
    if booking is None:
        if kept > 0:
            found.append((AGREE, f"{kept} are kept, and there is no such booking"))
        return found
    status, price, currency = booking
    if kept > 0 and status in UNPAID:
        found.append((AGREE, f"{kept} are kept, and the booking is {status}"))
    elif kept <= 0 and status == "PAID" and price:
        found.append((AGREE, f"the booking is PAID, and of its {price} {currency} {kept} is kept"))
    return found
