"""Products: what is sold: a length of time in a space, or an extra."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from contracts import catalogue
from contracts.envelope import derived_id
from services.gateway import conditions, documentation, examples, queries
from services.gateway.calls import Command, Reading, shown
from services.gateway.route import Route
from services.gateway.shapes import NewProduct, ProductChange

router = APIRouter(prefix="/v1/products", tags=["catalogue"], route_class=Route)
ONE = "/{id:uuid}"


@router.post(
    "",
    status_code=201,
    response_model=catalogue.Product,
    responses=documentation.command(201, examples.PRODUCT, "NOT_FOUND", "CONFLICT", "VALIDATION_FAILED"),
)
async def create_product(call: Command, body: NewProduct) -> Response:
    """Put something on sale.

    What is sold by the day or longer is offered where every day of the slot is open: a month never is in a house that is closed
    on Sundays.
    """
    new = derived_id(call.id, "product")
    location = f"/v1/products/{new}"
    command = catalogue.PutProduct(product_id=new, create=True, fields=body)
    answer = await call.answered(command, catalogue.ProductAnswer, {"id": new}, location)
    if isinstance(answer, Response):
        return answer
    return shown(
        answer.product, 201, {"Location": location, **conditions.tag(answer.product.version, answer.product.spaces)}
    )


@router.get(
    "",
    response_model=documentation.Listed[catalogue.Product],
    responses=documentation.read(documentation.listed(examples.PRODUCT)),
)
async def list_products(call: Reading, query: Annotated[queries.Products, Query()]) -> Response:
    """The products on sale, newest first, a page at a time; those of one space, of one category, or by reference."""
    body = await call.passed_on("availability", "/products", query.parameters())
    return Response(body, media_type="application/json")


@router.get(ONE, response_model=catalogue.Product, responses=documentation.read_if_new(examples.PRODUCT))
async def get_product(call: Reading, id: UUID) -> Response:  # noqa: A002 - the name of the path's parameter
    """The product as it is now."""
    return await call.passed_on_if_new("availability", f"/products/{id}", "spaces")


@router.patch(
    ONE,
    response_model=catalogue.Product,
    responses=documentation.command(
        200, examples.PRODUCT, "NOT_FOUND", "CONFLICT", "PRECONDITION_FAILED", "VALIDATION_FAILED"
    ),
)
async def change_product(call: Command, id: UUID, body: ProductChange) -> Response:  # noqa: A002
    """Change what is given; bookings that exist keep their price."""
    command = catalogue.PutProduct(product_id=str(id), fields=body, if_version=call.if_match)
    answer = await call.answered(command, catalogue.ProductAnswer, {"id": str(id)})
    if isinstance(answer, Response):
        return answer
    return shown(answer.product, 200, conditions.tag(answer.product.version, answer.product.spaces))


@router.delete(
    ONE, status_code=204, responses=documentation.command(204, None, "NOT_FOUND", "CONFLICT", "PRECONDITION_FAILED")
)
async def archive_product(call: Command, id: UUID) -> Response:  # noqa: A002
    """Take the product off sale for good; refused while live bookings use it."""
    command = catalogue.ArchiveProduct(product_id=str(id), if_version=call.if_match)
    answer = await call.answered(command, catalogue.ArchiveAnswer, {"id": str(id)})
    return answer if isinstance(answer, Response) else Response(status_code=204)
