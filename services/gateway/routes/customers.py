"""Customers: who books. They are also entered by the bookings that name them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from contracts import booking
from services.gateway import documentation, examples, queries
from services.gateway.calls import Command, Reading, shown
from services.gateway.route import Route
from services.gateway.shapes import NewCustomer

router = APIRouter(prefix="/v1/customers", tags=["customers"], route_class=Route)
ONE = "/{id:uuid}"

_found = {"model": booking.Customer, "content": {"application/json": {"example": examples.CUSTOMER}}}


@router.post(
    "",
    status_code=201,
    response_model=booking.Customer,
    responses={
        200: {**_found, "description": "There is one with this address already."},
        **documentation.command(201, examples.CUSTOMER, "VALIDATION_FAILED"),
    },
)
async def find_or_create_customer(call: Command, body: NewCustomer) -> Response:
    """The customer with this e-mail address: 201 if the request made them, 200 as they are if they were there."""
    expected = booking.customer_id(call.identity.organisation, body.email)
    command = booking.FindOrCreateCustomer(customer_id=expected, email=body.email, name=body.name, phone=body.phone)
    answer = await call.answered(command, booking.CustomerAnswer, {"id": expected})
    if isinstance(answer, Response):
        return answer
    headers = {"Location": f"/v1/customers/{answer.customer.id}"}
    return shown(answer.customer, 201 if answer.created else 200, headers)


@router.get(
    "",
    response_model=documentation.Listed[booking.Customer],
    responses=documentation.read(documentation.listed(examples.CUSTOMER), "VALIDATION_FAILED"),
)
async def list_customers(call: Reading, query: Annotated[queries.Customers, Query()]) -> Response:
    """Customers, newest first, a page at a time."""
    body = await call.passed_on("booking", "/customers", query.parameters())
    return Response(body, media_type="application/json")


@router.get(ONE, response_model=booking.Customer, responses=documentation.read(examples.CUSTOMER, "NOT_FOUND"))
async def get_customer(call: Reading, id: UUID) -> Response:  # noqa: A002 - the name of the path's parameter
    """The customer as last told of."""
    return Response(await call.passed_on("booking", f"/customers/{id}"), media_type="application/json")
