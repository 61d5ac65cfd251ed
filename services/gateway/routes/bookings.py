"""Bookings: hold a slot, keep it, give it back."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from contracts import booking
from contracts.client import booking_id
from services.gateway import booking_changes, conditions, documentation, examples, queries
from services.gateway.calls import Command, Reading, shown
from services.gateway.route import Route
from services.gateway.shapes import BookingChange, NewBooking

router = APIRouter(prefix="/v1/bookings", tags=["bookings"], route_class=Route)
ONE = "/{id:uuid}"
PAGE_SECONDS = "2"  # until a page that is late may be there


@router.post(
    "",
    status_code=201,
    response_model=booking.Booking,
    responses=documentation.command(
        201, examples.BOOKING, "NOT_FOUND", "SLOT_UNAVAILABLE", "VALIDATION_FAILED", "RATE_LIMITED"
    ),
)
async def create_booking(call: Command, body: NewBooking) -> Response:
    """Hold the slot: it is yours until `expiresAt`, and back on sale then unless you confirm. So many may be held at a time."""
    new = booking_id(call.id)
    location = f"/v1/bookings/{new}"
    command = booking.CreateBooking(
        booking_id=new,
        product_id=body.product_id,
        space_id=body.space_id,
        slot=body.slot,
        client=call.identity.client,
    )
    answer = await call.answered(command, booking.BookingAnswer, {"id": new, "status": "PENDING"}, location)
    return _booked(answer, 201, {"Location": location})


@router.get(
    ONE,
    response_model=booking.Booking,
    responses=documentation.read_if_new(examples.BOOKING),
)
async def get_booking(call: Reading, id: UUID) -> Response:  # noqa: A002 - the name of the path's parameter
    """The booking as it is now."""
    return await call.passed_on_if_new("booking", f"/bookings/{id}")


@router.get(
    "",
    response_model=documentation.Listed[booking.Booking],
    responses=documentation.read(documentation.listed(examples.BOOKING), "VALIDATION_FAILED"),
)
async def list_bookings(call: Reading, query: Annotated[queries.Bookings, Query()]) -> Response:
    """Bookings, newest first, a page at a time."""
    body = await call.passed_on("booking", "/bookings", query.parameters())
    return Response(body, media_type="application/json")


@router.patch(
    ONE,
    response_model=booking.Booking,
    responses=documentation.with_page(
        documentation.command(
            200,
            examples.WITH_PAGE,
            "NOT_FOUND",
            "SLOT_UNAVAILABLE",
            "HOLD_EXPIRED",
            "CONFLICT",
            "PRECONDITION_FAILED",
            "VALIDATION_FAILED",
            "PAYMENT_PROVIDER_UNAVAILABLE",
        )
    ),
)
async def change_booking(call: Command, id: UUID, body: BookingChange) -> Response:  # noqa: A002
    """Say who books and which extras, confirm, have it paid, move or cancel; a cancelled slot is on sale again when you read
    the answer, and what was paid is on its way back, as the cancellation policy says."""
    command = booking_changes.command(str(id), body, call.if_match)
    answer = await call.answered(command, booking.BookingAnswer, {"id": str(id)})
    asks = body.status == "CONFIRMED" or body.payment_enabled
    return _booked(answer, headers=_page(answer) if asks else None)


@router.get(
    f"{ONE}/cancellation-preview",
    response_model=booking.CancellationPreview,
    responses=documentation.read(examples.PREVIEW, "NOT_FOUND"),
)
async def preview_cancellation(call: Reading, id: UUID) -> Response:  # noqa: A002
    """What a cancel at this moment would give back and keep of what was paid, and until when that is so."""
    body = await call.passed_on("booking", f"/bookings/{id}/cancellation-preview")
    return Response(body, media_type="application/json")


@router.delete(
    ONE, status_code=204, responses=documentation.command(204, None, "NOT_FOUND", "CONFLICT", "PRECONDITION_FAILED")
)
async def delete_booking(call: Command, id: UUID) -> Response:  # noqa: A002
    """Give the slot back and forget the booking."""
    command = booking.DeleteBooking(booking_id=str(id), if_version=call.if_match)
    answer = await call.answered(command, booking.BookingDeletedAnswer, {"id": str(id)})
    return answer if isinstance(answer, Response) else Response(status_code=204)


@router.post(
    f"{ONE}/extend",
    response_model=booking.Booking,
    responses=documentation.command(
        200, examples.BOOKING, "NOT_FOUND", "HOLD_EXPIRED", "CONFLICT", "PRECONDITION_FAILED"
    ),
)
async def extend_hold(call: Command, id: UUID) -> Response:  # noqa: A002
    """Hold the slot for another full length from now."""
    command = booking.ExtendHold(booking_id=str(id), if_version=call.if_match)
    return _booked(await call.answered(command, booking.BookingAnswer, {"id": str(id)}))


def _booked(
    answer: booking.BookingAnswer | Response, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    if isinstance(answer, Response):
        return answer
    return shown(answer.booking, status, {**(headers or {}), **conditions.tag(answer.booking.version)})


def _page(answer: booking.BookingAnswer | Response) -> Mapping[str, str] | None:
    """Where the booking is paid; or, while the provider is still asked for the page, when to look again."""
    if isinstance(answer, Response):
        return None
    if answer.booking.payment_url is not None:
        return {"Location": answer.booking.payment_url}
    return {"Retry-After": PAGE_SECONDS} if answer.booking.payment_status == "opening" else None
