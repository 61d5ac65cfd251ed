"""A list of bookings shows what its filters say and counts all of it, whatever index finds it."""

import itertools
import json
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chassis import database, migrations
from chassis.reads import Query
from contracts.booking import BookedProduct, BookedSpace, Booking, Customer, Status
from contracts.model import Slot
from embedded.infrastructure import Infrastructure
from services.booking import reads, storage
from services.booking.state import State

BEGIN = datetime(2027, 1, 1, tzinfo=UTC)
SPACES, CUSTOMERS = ([str(uuid.uuid4()) for _ in range(3)] for _ in range(2))
# What a client may see of a booking, and what not: a status, whether it ever held a slot, whether it was deleted.
KINDS: tuple[tuple[Status, bool, bool], ...] = (
    ("PENDING", False, False),
    ("RESERVED_15_MIN", True, False),
    ("CONFIRMED", True, False),
    ("PAID", True, False),
    ("CANCEL", True, False),
    ("CANCEL", True, True),
    ("CANCEL", False, False),
    ("REFUNDED", True, False),
    ("REFUNDED", True, True),
)


def _states() -> list[State]:
    """Each kind in each space, of each customer and of nobody, on one of five days."""
    made = []
    for number, ((status, listed, hidden), space, customer) in enumerate(
        itertools.product(KINDS, SPACES, [None, *CUSTOMERS])
    ):
        begins = BEGIN + timedelta(days=number % 5, hours=number % 24)
        at = BEGIN + timedelta(minutes=number)
        who = None if customer is None or hidden or not listed else Customer(id=customer, email="ada@example.org")
        booking = Booking(
            id=str(uuid.uuid4()),
            status=status,
            version=1 if status == "PENDING" else 2,
            slot=Slot(from_=begins, to=begins + timedelta(hours=1)),
            product=BookedProduct(id=space),
            space=BookedSpace(id=space),
            customer=who,
            created_at=at,
            updated_at=at,
        )
        made.append(State(booking=booking, listed=listed, hidden=hidden))
    return made


STATES = _states()
VISIBLE = [state.booking for state in reversed(STATES) if state.listed and not state.hidden]


@pytest.fixture(scope="module")
async def pool(infra: Infrastructure) -> AsyncIterator[asyncpg.Pool]:
    """Booking's tables, with the same bookings for two organisations; of half of them nobody knows who asked."""
    name = f"lists_{uuid.uuid4().hex[:8]}"
    address = await infra.create_database(name)
    await migrations.migrate(address, Path(storage.__file__).parent / "migrations")
    opened = await database.connect(address, 2, "test")
    for organisation in ("demo", "rival"):
        bookings = storage.Bookings()
        for number, state in enumerate(STATES):
            bookings.put((organisation, state.booking.id), state)
            if number % 2:
                bookings.clients[organisation, state.booking.id] = "shop"
        [save] = storage.save(bookings)
        written = await opened.fetch(save.sql.format(*[f"${n}" for n in range(1, 15)]), *save.arrays)
        assert len(written) == len(STATES)
    yield opened
    await opened.close()
    await infra.drop_database(name)


FILTERS: dict[str, tuple[dict[str, str], Callable[[Booking], bool]]] = {
    "all": ({}, lambda _: True),
    "live and not": ({"status": "RESERVED_15_MIN,PAID"}, lambda b: b.status in ("RESERVED_15_MIN", "PAID")),
    "pending": ({"status": "PENDING"}, lambda _: False),
    "cancelled": ({"status": "CANCEL"}, lambda b: b.status == "CANCEL"),
    "one space": ({"spaceIds": SPACES[0]}, lambda b: b.space.id == SPACES[0]),
    "two spaces": ({"spaceIds": ",".join(SPACES[:2])}, lambda b: b.space.id in SPACES[:2]),
    "no space of ours": ({"spaceIds": str(uuid.uuid4())}, lambda _: False),
    "a customer": ({"customerId": CUSTOMERS[0]}, lambda b: b.customer is not None and b.customer.id == CUSTOMERS[0]),
    "from": ({"from": "2027-01-03"}, lambda b: b.slot.from_ >= BEGIN + timedelta(days=2)),
    "a day": ({"from": "2027-01-02", "to": "2027-01-02"}, lambda b: b.slot.from_.day == 2),
    "everything at once": (
        {"spaceIds": SPACES[1], "status": "CANCEL,RESERVED_15_MIN", "from": "2027-01-02", "to": "2027-01-04T12:00:00Z"},
        lambda b: (
            b.space.id == SPACES[1]
            and b.status in ("CANCEL", "RESERVED_15_MIN")
            and BEGIN + timedelta(days=1) <= b.slot.from_ < BEGIN + timedelta(days=3, hours=12)
        ),
    ),
    "a customer's in a space": (
        {"customerId": CUSTOMERS[1], "spaceIds": SPACES[2], "status": "PAID,CONFIRMED"},
        lambda b: (
            b.customer is not None
            and b.customer.id == CUSTOMERS[1]
            and b.space.id == SPACES[2]
            and b.status in ("PAID", "CONFIRMED")
        ),
    ),
}


async def listed(pool: asyncpg.Pool, parameters: dict[str, str]) -> Any:
    return json.loads(await reads.bookings(Query("demo", pool, {}, parameters)))


@pytest.mark.parametrize("few", [0, 1000])
@pytest.mark.parametrize(("parameters", "wanted"), FILTERS.values(), ids=FILTERS)
async def test_list_has_what_its_filters_say_newest_first_and_counts_it(
    pool: asyncpg.Pool,
    monkeypatch: pytest.MonkeyPatch,
    few: int,
    parameters: dict[str, str],
    wanted: Callable[[Booking], bool],
) -> None:
    monkeypatch.setattr(reads, "FEW", few)
    expected = [booking.id for booking in VISIBLE if wanted(booking)]
    pages = [await listed(pool, {**parameters, "limit": "7", "page": str(number)}) for number in range(1, 17)]
    assert [booking["id"] for page in pages for booking in page["data"]] == expected
    assert {page["total"] for page in pages} == {len(expected)}


@pytest.mark.parametrize(("parameters", "_"), FILTERS.values(), ids=FILTERS)
async def test_count_goes_through_no_bookings_but_live_ones_and_a_customers(
    pool: asyncpg.Pool, parameters: dict[str, str], _: object
) -> None:
    wanted = reads._wanted(Query("demo", pool, {}, parameters))
    plans = []
    async with pool.acquire() as connection:
        await connection.execute("ANALYZE bookings")
        for part in wanted.parts:
            rows = await connection.fetch(f"EXPLAIN SELECT count(*) FROM bookings WHERE {part}", *wanted.arguments)
            plans.append("\n".join(row[0] for row in rows))
    if "customerId" in parameters:
        assert ["bookings_by_customer" in plan for plan in plans] == [True]
    else:
        indexes = ("settled_bookings", "live_bookings_by_client")
        assert [index in plan for index, plan in zip(indexes, plans, strict=True)] == [True, True], plans


async def test_no_index_names_what_changes_while_a_slot_is_asked_for_and_held(pool: asyncpg.Pool) -> None:
    """Else no hold would be an update in place: a column that an index names, be it in a condition, must stay the same."""
    sql = """
    SELECT DISTINCT a.attname
    FROM pg_index i
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE i.indrelid = 'bookings'::regclass AND d.refobjid = i.indrelid
    """
    named = {row[0] for row in await pool.fetch(sql)}
    assert named >= {"settled", "live", "created_at"}
    assert named.isdisjoint({"revision", "version", "status", "listed", "hidden", "state", "hold_ends_at"})
