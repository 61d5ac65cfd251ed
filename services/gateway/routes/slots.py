"""Free slots."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from services.gateway import documentation, examples, queries
from services.gateway.calls import Reading
from services.gateway.route import Route

router = APIRouter(prefix="/v1", tags=["slots"], route_class=Route)
_answers = {
    **documentation.read(examples.SLOTS, "NOT_FOUND", "VALIDATION_FAILED"),
    200: documentation.either(slots=examples.SLOTS, explained=examples.EXPLAINED),
}
_Shown = list[documentation.SlotOnSale] | documentation.Explained


@router.get("/bookings/slots", response_model=_Shown, responses=_answers)
async def list_slots(call: Reading, query: Annotated[queries.Slots, Query()]) -> Response:
    """What can be booked: nothing held, buffered, closed, inside the lead time or past the horizon is listed.

    With `explain=true` an object: `slots` is that list, `unavailable` says why the rest of the range is not in it.
    """
    return await _free(call, "/slots", query)


@router.get("/spaces/{id:uuid}/availability", response_model=_Shown, responses=_answers)
async def list_availability(call: Reading, id: UUID, query: Annotated[queries.Availability, Query()]) -> Response:  # noqa: A002
    """The same, asked of the space."""
    return await _free(call, f"/spaces/{id}/availability", query)


async def _free(call: Reading, path: str, query: Annotated[queries.Availability, Query()]) -> Response:
    settings = call.app.state.settings
    asked = queries.span(query, datetime.now(UTC), settings.slots_days, settings.slots_most_days)
    return Response(await call.passed_on("availability", path, asked), media_type="application/json")
