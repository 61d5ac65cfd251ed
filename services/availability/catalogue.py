"""What is on sale. Pure: what there is and a command in; what there is then, or why not, out.

Which products are sold in which spaces is one relation, given from either side: `space.products` and `product.spaces` are
two views of it, sorted and each id once, and the side that gives it is the one whose version grows.
A command that changes nothing returns what there was, the very object.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from pydantic.alias_generators import to_camel

from contracts.answers import Detail, Refused
from contracts.catalogue import (
    ArchiveAnswer,
    ArchiveProduct,
    ArchiveSpace,
    ArchiveVenue,
    Product,
    ProductFields,
    PutProduct,
    PutSpace,
    PutVenue,
    Space,
    SpaceFields,
    Venue,
    VenueFields,
)

T = TypeVar("T", Venue, Space, Product)
LONGEST_LABEL = 100
MOST_DETAILS = 100


def put_venue(current: Venue | None, command: PutVenue, *, archived: bool = False) -> Venue | Refused:
    """The venue as it is then. `archived`: there was one with this id, and its id is not used again."""
    given = _given(command.fields)
    if current is not None:
        return _stale("venue", current, command) or _changed(current, given)
    refused = _not_new("venue", command.create, archived) or _required(given, "name")
    return refused or Venue(id=command.venue_id, **_labelled(given, "venue", command.venue_id))


def put_space(
    current: Space | None,
    command: PutSpace,
    venues: Collection[str],
    products: Collection[str],
    *,
    archived: bool = False,
) -> Space | Refused:
    """The space as it is then. `venues` and `products`: those on sale, of the ids that the command names."""
    given = _given(command.fields)
    venue_id = command.fields.venue_id
    wrong = _unknown("venue_id", () if venue_id is None else (venue_id,), venues)
    wrong += _unknown("products", given.get("products", ()), products)
    if current is not None:
        refused = _stale("space", current, command) or _invalid(wrong)
        return refused or _changed(current, given)
    refused = _not_new("space", command.create, archived) or _required(given, "venue_id", "name", wrong=wrong)
    return refused or Space(id=command.space_id, **_labelled(given, "space", command.space_id))


def put_product(
    current: Product | None,
    command: PutProduct,
    spaces: Collection[str],
    same_reference: str | None,
    *,
    archived: bool = False,
) -> Product | Refused:
    """The product as it is then.

    `spaces`: those on sale, of the ids that the command names; `same_reference`: the id of the product on sale that has the
    reference that the command gives.
    """
    given = _given(command.fields)
    wrong = _unknown("spaces", given.get("spaces", ()), spaces)
    if current is not None:
        refused = _stale("product", current, command) or _invalid(wrong)
    else:
        needed = ("name", "reference", "price", "currency")
        refused = _not_new("product", command.create, archived) or _required(given, *needed, wrong=wrong)
    if refused is None and same_reference not in (None, command.product_id):
        taken = Detail(field="reference", issue="is the reference of another product")
        refused = Refused(code="CONFLICT", message="The reference is taken.", details=(taken,))
    if refused is not None:
        return refused
    return Product(id=command.product_id, **given) if current is None else _changed(current, given)


def archive_venue(current: Venue | None, command: ArchiveVenue, spaces: Collection[str]) -> ArchiveAnswer | Refused:
    """Whether the venue goes off sale. `spaces`: some of its spaces that are on sale."""
    return _archived("venue", current, command, "spaces", spaces)


def archive_space(current: Space | None, command: ArchiveSpace, live: Collection[str]) -> ArchiveAnswer | Refused:
    """Whether the space goes off sale. `live`: some bookings that hold or keep a slot in it that is not over."""
    return _archived("space", current, command, "bookings", live)


def archive_product(current: Product | None, command: ArchiveProduct, live: Collection[str]) -> ArchiveAnswer | Refused:
    """Whether the product goes off sale. `live`: some bookings of it that hold or keep a slot that is not over."""
    return _archived("product", current, command, "bookings", live)


def _archived(
    kind: str,
    current: Venue | Space | Product | None,
    command: ArchiveVenue | ArchiveSpace | ArchiveProduct,
    users: str,
    used_by: Collection[str],
) -> ArchiveAnswer | Refused:
    if current is None:
        return Refused(code="NOT_FOUND", message=f"There is no such {kind}.")
    if refused := _other_version(kind, current, command.if_version):
        return refused
    if used_by:
        details = tuple(Detail(field=users, issue=each) for each in sorted(used_by)[:MOST_DETAILS])
        return Refused(code="CONFLICT", message=f"The {kind} has {users} still.", details=details)
    return ArchiveAnswer(id=current.id)


def _given(fields: VenueFields | SpaceFields | ProductFields) -> dict[str, Any]:
    """What the client says: nobody can say None, it stands for what is left out."""
    given = {name: getattr(fields, name) for name in type(fields).model_fields if getattr(fields, name) is not None}
    return given | {side: tuple(sorted(set(given[side]))) for side in ("products", "spaces") if side in given}


def _changed(current: T, given: dict[str, Any]) -> T:
    changed = current.model_copy(update=given)
    return current if changed == current else changed.model_copy(update={"version": current.version + 1})


def _labelled(given: dict[str, Any], kind: str, id_: str) -> dict[str, Any]:
    """A label of the name in lower case with hyphens; a name without a Latin letter or digit has one of the id."""
    plain = unicodedata.normalize("NFKD", given["name"].casefold()).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_LABEL].rstrip("-")
    return {"label": slug or f"{kind}-{id_[:8]}"} | given


def _stale(kind: str, current: Venue | Space | Product, command: PutVenue | PutSpace | PutProduct) -> Refused | None:
    """What is wrong with a command for what is there: it must not create it, nor mean another version."""
    if command.create:
        return Refused(code="CONFLICT", message=f"There is a {kind} with this id already.")
    return _other_version(kind, current, command.if_version)


def _other_version(kind: str, current: Venue | Space | Product, wanted: int | None) -> Refused | None:
    if wanted in (None, current.version):
        return None
    detail = Detail(field="If-Match", issue=f"the version is {current.version}")
    why = f"The {kind} has version {current.version} by now. Read it again."
    return Refused(code="PRECONDITION_FAILED", message=why, details=(detail,))


def _not_new(kind: str, create: bool, archived: bool) -> Refused | None:
    """What is wrong with a command for what is not on sale: it must create it, and the id must not be used up."""
    if not create:
        return Refused(code="NOT_FOUND", message=f"There is no such {kind}.")
    return Refused(code="CONFLICT", message=f"There was a {kind} with this id.") if archived else None


def _required(given: dict[str, Any], *names: str, wrong: Iterable[Detail] = ()) -> Refused | None:
    missing = [Detail(field=to_camel(name), issue="is required") for name in names if name not in given]
    return _invalid([*missing, *wrong])


def _unknown(name: str, ids: Iterable[str], known: Collection[str]) -> list[Detail]:
    return [Detail(field=to_camel(name), issue=f"{each} is not known") for each in ids if each not in known]


def _invalid(wrong: Collection[Detail]) -> Refused | None:
    if not wrong:
        return None
    fields = ", ".join(dict.fromkeys(detail.field for detail in wrong))
    details = tuple(wrong)[:MOST_DETAILS]
    return Refused(code="VALIDATION_FAILED", message=f"These fields are wrong: {fields}.", details=details)
