"""Venues: houses with opening hours in their own time zone."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from contracts import catalogue
from contracts.envelope import derived_id
from services.gateway import conditions, documentation, examples, queries
from services.gateway.calls import Command, Reading, shown
from services.gateway.route import Route
from services.gateway.shapes import NewVenue, VenueChange, VenueChanged

router = APIRouter(prefix="/v1/venues", tags=["catalogue"], route_class=Route)
ONE = "/{id:uuid}"


@router.post(
    "",
    status_code=201,
    response_model=catalogue.Venue,
    responses=documentation.command(201, examples.VENUE, "NOT_FOUND", "CONFLICT", "VALIDATION_FAILED"),
)
async def create_venue(call: Command, body: NewVenue) -> Response:
    """Open a house."""
    new = derived_id(call.id, "venue")
    location = f"/v1/venues/{new}"
    command = catalogue.PutVenue(venue_id=new, create=True, fields=body)
    answer = await call.answered(command, catalogue.VenueAnswer, {"id": new}, location)
    if isinstance(answer, Response):
        return answer
    return shown(answer.venue, 201, {"Location": location, **conditions.tag(answer.venue.version)})


@router.get(
    "",
    response_model=documentation.Listed[catalogue.Venue],
    responses=documentation.read(documentation.listed(examples.VENUE)),
)
async def list_venues(call: Reading, query: Annotated[queries.Page, Query()]) -> Response:
    """The houses on sale, newest first, a page at a time."""
    body = await call.passed_on("availability", "/venues", query.parameters())
    return Response(body, media_type="application/json")


@router.get(ONE, response_model=catalogue.Venue, responses=documentation.read_if_new(examples.VENUE))
async def get_venue(call: Reading, id: UUID) -> Response:  # noqa: A002 - the name of the path's parameter
    """The venue as it is now."""
    return await call.passed_on_if_new("availability", f"/venues/{id}")


@router.patch(
    ONE,
    response_model=VenueChanged,
    responses=documentation.command(
        200, examples.VENUE, "NOT_FOUND", "CONFLICT", "PRECONDITION_FAILED", "VALIDATION_FAILED"
    ),
)
async def change_venue(call: Command, id: UUID, body: VenueChange) -> Response:  # noqa: A002
    """Change what is given; bookings that exist keep their slots.

    When `closures` are given, the answer has the bookings that the new ones hit, in `affectedBookings`.
    """
    command = catalogue.PutVenue(venue_id=str(id), fields=body, if_version=call.if_match)
    answer = await call.answered(command, catalogue.VenueAnswer, {"id": str(id)})
    if isinstance(answer, Response):
        return answer
    changed = answer.venue if body.closures is None else VenueChanged.of(answer)
    return shown(changed, 200, conditions.tag(answer.venue.version))


@router.delete(
    ONE, status_code=204, responses=documentation.command(204, None, "NOT_FOUND", "CONFLICT", "PRECONDITION_FAILED")
)
async def archive_venue(call: Command, id: UUID) -> Response:  # noqa: A002
    """Take the house off sale for good; refused while one of its spaces is on sale."""
    command = catalogue.ArchiveVenue(venue_id=str(id), if_version=call.if_match)
    answer = await call.answered(command, catalogue.ArchiveAnswer, {"id": str(id)})
    return answer if isinstance(answer, Response) else Response(status_code=204)
