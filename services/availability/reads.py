"""What the gateway may ask availability: the catalogue, and the slots that are free."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime, timedelta

import asyncpg
import orjson

from chassis import pages
from chassis.reads import BadQuery, NotThere, Query, Read
from contracts.catalogue import Product, Space, Venue
from contracts.model import EARLIEST, LATEST, UUID_PATTERN
from services.availability import catalogue_storage as storage
from services.availability import civil, explain, rules, slots
from services.availability.catalogue_storage import Shop
from services.availability.explain import Unavailable

DAYS, MOST_DAYS = 7, 92  # ahead
MOST_SLOTS = 10_000  # 92 days of a slot each quarter of an hour; of more, the earliest
# So much is loaded and worked out at a stretch, some milliseconds: decisions wait on the same event loop.
WINDOW = timedelta(days=7)
AT_A_STRETCH = 100  # explained starts: the same for what is much slower
# A date means all of its day, which may end so long after it began in UTC.
WHOLE_DAY = timedelta(hours=38)
DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_uuid = re.compile(UUID_PATTERN).fullmatch

Kind = Venue | Space | Product
One = Callable[[asyncpg.Pool, str, str], Awaitable[Kind | None]]
Several = Callable[[asyncpg.Pool, str, int, int, storage.Filters], Awaitable[list[Venue] | list[Space] | list[Product]]]


def reads(days: int = DAYS, most_days: int = MOST_DAYS) -> dict[str, Read]:
    """The reads by path. `days`: how far ahead slots are shown unless the query says; `most_days`: the farthest it may say."""

    async def free(query: Query) -> bytes:
        return await _free(query, _id(query.parameters, "spaceId"), days, most_days)

    async def free_in_space(query: Query) -> bytes | None:
        space_id = query.path["id"]
        return await _free(query, space_id, days, most_days) if _uuid(space_id) else None

    return {
        "/slots": free,
        "/spaces/{id}/availability": free_in_space,
        "/venues": _several("venues", storage.venues),
        "/venues/{id}": _one(storage.venue),
        "/spaces": _several("spaces", storage.spaces),
        "/spaces/{id}": _one(storage.space),
        "/products": _several("products", storage.products),
        "/products/{id}": _one(storage.product),
    }


def _one(load: One) -> Read:
    async def one(query: Query) -> bytes | None:
        id_ = query.path["id"]
        found = await load(query.database, query.organisation, id_) if _uuid(id_) else None
        return _json(found) if found else None

    return one


def _several(table: str, load: Several) -> Read:
    async def several(query: Query) -> bytes:
        page = pages.asked(query.parameters)
        filters = {name: _filter(query.parameters, name) for name in storage.FILTERS[table] if name in query.parameters}
        found = await load(query.database, query.organisation, page.limit, page.offset, filters)
        total = await storage.how_many(query.database, query.organisation, table, filters)
        return pages.answer(page, [_json(each) for each in found], total)

    return several


def _filter(parameters: Mapping[str, str], name: str) -> str:
    return _id(parameters, name) if name.endswith("Id") else parameters[name]


def _json(model: Kind) -> bytes:
    return model.__pydantic_serializer__.to_json(model)


async def _free(query: Query, space_id: str, days: int, most_days: int) -> bytes:
    """The free slots as a JSON array; none where the product is not sold, or is none that takes time.

    With `explain` an object, which says of the rest why it is not offered. Raises BadQuery or NotThere.
    """
    product_id = _id(query.parameters, "productId")
    shop = await storage.shop(query.database, query.organisation, product_id, space_id)
    if shop is None:  # which of the two is asked in the words of a booking that is refused for it
        known = await storage.product(query.database, query.organisation, product_id)
        raise NotThere(*("spaceId", "unknown_space") if known else ("productId", "unknown_product"))
    from_, to = _span(query.parameters, shop.venue.timezone, shop.now, days, most_days)
    if _explains(query.parameters):
        offered, rest = await _explained(query, shop, from_, to)
        answer = {"slots": [_offer(each) for each in offered], "unavailable": [_unavailable(each) for each in rest]}
        return orjson.dumps(answer, option=orjson.OPT_UTC_Z)
    found: list[slots.Offer] = []
    if _is_sold(shop):
        from_, to = max(from_, shop.now), min(to, shop.now + shop.product.horizon + timedelta.resolution)
        while from_ < to and len(found) < MOST_SLOTS:
            end = min(from_ + WINDOW, to)
            others = await _others(query, shop, from_, end)
            limit = MOST_SLOTS - len(found)
            found += slots.offers(shop.venue, shop.space, shop.product, from_, end, shop.now, others, limit)
            from_ = end
    return orjson.dumps([_offer(each) for each in found], option=orjson.OPT_UTC_Z)


async def _explained(
    query: Query, shop: Shop, from_: datetime, to: datetime
) -> tuple[list[slots.Offer], list[Unavailable]]:
    """All of the range; of more than `MOST_SLOTS` slots the earliest."""
    if not _is_sold(shop):
        return [], [Unavailable(from_, to, "not_offered")]
    offered: list[slots.Offer] = []
    rest: list[Unavailable] = []
    begin = from_
    while begin < to:
        end = min(begin + WINDOW, to)
        others = await _others(query, shop, begin, end)
        told = explain.explained(shop.venue, shop.space, shop.product, begin, end, shop.now, others)
        for number, each in enumerate(told):
            if number % AT_A_STRETCH == 0:
                await asyncio.sleep(0)  # others have their turn
            if len(offered) + len(rest) == MOST_SLOTS:
                to = each.from_
                break
            offered.append(each) if isinstance(each, slots.Offer) else rest.append(each)
        begin = end
    return offered, sorted([*rest, *explain.closed(shop.venue, shop.product, from_, to)])


def _is_sold(shop: Shop) -> bool:
    return shop.offered and shop.product.category == "booking"


def _offer(offer: slots.Offer) -> dict[str, object]:
    return {"from": offer.from_, "to": offer.to, "remaining": offer.remaining, "units": offer.units}


def _unavailable(span: Unavailable) -> dict[str, object]:
    return {"from": span.from_, "to": span.to, "reason": span.reason, "until": span.until}


async def _others(query: Query, shop: Shop, from_: datetime, to: datetime) -> list[slots.Occupied]:
    """Whoever has something that overlaps, with the buffers, a slot that begins between the two moments."""
    last = to + rules.longest(shop.product) + shop.product.buffer_after
    return await storage.occupied(
        query.database, query.organisation, shop.space.id, from_ - shop.product.buffer_before, last
    )


def _explains(parameters: Mapping[str, str]) -> bool:
    text = parameters.get("explain", "false")
    if text not in ("true", "false"):
        raise BadQuery("explain", "is neither true nor false")
    return text == "true"


def _span(
    parameters: Mapping[str, str], zone: str, now: datetime, days: int, most_days: int
) -> tuple[datetime, datetime]:
    """From when to when slots may begin. `to` is a number of days of 24 hours, a date (the whole day) or a time."""
    from_ = _moment(parameters, "from", zone) or now
    most = timedelta(days=most_days)
    text = parameters.get("to", str(days))
    if re.fullmatch(r"[0-9]{1,9}", text):
        to = from_ + timedelta(days=min(int(text), most_days + 1))
    else:
        to = _moment(parameters, "to", zone, whole_day=True) or now
        most += WHOLE_DAY if re.fullmatch(DATE, text) else timedelta(0)
    if to <= from_:
        raise BadQuery("to", "is not later than from")
    if to - from_ > most:
        raise BadQuery("to", f"is more than {most_days} days ahead")
    return from_, to


def _moment(parameters: Mapping[str, str], name: str, zone: str, *, whole_day: bool = False) -> datetime | None:
    """A time with its zone, or a date in the venue's: its first moment, or that of the next day (`whole_day`)."""
    text = parameters.get(name)
    if text is None:
        return None
    try:
        if re.fullmatch(DATE, text):
            day = date.fromisoformat(text)
            if EARLIEST.date() < day < LATEST.date():
                return civil.begin(zone, day + timedelta(days=1) if whole_day else day)
        else:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is not None and EARLIEST <= moment <= LATEST:
                return moment.astimezone(UTC)
    except ValueError:
        pass
    raise BadQuery(name, "is not a date, or a time with its zone, as ISO 8601 writes them")


def _id(parameters: Mapping[str, str], name: str) -> str:
    text = parameters.get(name, "")
    if not _uuid(text):
        raise BadQuery(name, "is not an id")
    return text


READS = reads()
