"""Spaces: the rooms and desks of a venue."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from contracts import catalogue
from contracts.envelope import derived_id
from services.gateway import conditions, documentation, examples, queries
from services.gateway.calls import Command, Reading, shown
from services.gateway.route import Route
from services.gateway.shapes import NewSpace, SpaceChange

router = APIRouter(prefix="/v1/spaces", tags=["catalogue"], route_class=Route)
ONE = "/{id:uuid}"


@router.post(
    "",
    status_code=201,
    response_model=catalogue.Space,
    responses=documentation.command(201, examples.SPACE, "NOT_FOUND", "CONFLICT", "VALIDATION_FAILED"),
)
async def create_space(call: Command, body: NewSpace) -> Response:
    """Add a room, or a set of equal desks (`units`)."""
    new = derived_id(call.id, "space")
    location = f"/v1/spaces/{new}"
    command = catalogue.PutSpace(space_id=new, create=True, fields=body)
    answer = await call.answered(command, catalogue.SpaceAnswer, {"id": new}, location)
    if isinstance(answer, Response):
        return answer
    return shown(
        answer.space, 201, {"Location": location, **conditions.tag(answer.space.version, answer.space.products)}
    )


@router.get(
    "",
    response_model=documentation.Listed[catalogue.Space],
    responses=documentation.read(documentation.listed(examples.SPACE)),
)
async def list_spaces(call: Reading, query: Annotated[queries.Spaces, Query()]) -> Response:
    """The spaces on sale, newest first, a page at a time; of one venue, or those of one product."""
    body = await call.passed_on("availability", "/spaces", query.parameters())
    return Response(body, media_type="application/json")


@router.get(ONE, response_model=catalogue.Space, responses=documentation.read_if_new(examples.SPACE))
async def get_space(call: Reading, id: UUID) -> Response:  # noqa: A002 - the name of the path's parameter
    """The space as it is now."""
    return await call.passed_on_if_new("availability", f"/spaces/{id}", "products")


@router.patch(
    ONE,
    response_model=catalogue.Space,
    responses=documentation.command(
        200, examples.SPACE, "NOT_FOUND", "CONFLICT", "PRECONDITION_FAILED", "VALIDATION_FAILED"
    ),
)
async def change_space(call: Command, id: UUID, body: SpaceChange) -> Response:  # noqa: A002
    """Change what is given; bookings that exist keep their slots."""
    command = catalogue.PutSpace(space_id=str(id), fields=body, if_version=call.if_match)
    answer = await call.answered(command, catalogue.SpaceAnswer, {"id": str(id)})
    if isinstance(answer, Response):
        return answer
    return shown(answer.space, 200, conditions.tag(answer.space.version, answer.space.products))


@router.delete(
    ONE, status_code=204, responses=documentation.command(204, None, "NOT_FOUND", "CONFLICT", "PRECONDITION_FAILED")
)
async def archive_space(call: Command, id: UUID) -> Response:  # noqa: A002
    """Take the space off sale for good; refused while live bookings use it."""
    command = catalogue.ArchiveSpace(space_id=str(id), if_version=call.if_match)
    answer = await call.answered(command, catalogue.ArchiveAnswer, {"id": str(id)})
    return answer if isinstance(answer, Response) else Response(status_code=204)
