"""What happened: the feed for whoever wants to catch up."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from services.gateway import documentation
from services.gateway import webhook_examples as examples
from services.gateway import webhook_shapes as shapes
from services.gateway.calls import Reading
from services.gateway.route import Route

router = APIRouter(prefix="/v1/events", tags=["events"], route_class=Route)


@router.get(
    "",
    response_model=shapes.Feed,
    responses=documentation.read(examples.FEED, "VALIDATION_FAILED"),
)
async def list_events(call: Reading, query: Annotated[shapes.Events, Query()]) -> Response:
    """What happened, the oldest first: ask again after the `cursor` of the answer, and you miss nothing."""
    body = await call.passed_on("notifier", "/events", query.parameters())
    return Response(body, media_type="application/json")
