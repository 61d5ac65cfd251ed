"""What each call takes: the subset of Stripe's parameters that this sandbox knows. Anything else is refused, not ignored."""

from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from services.payment.sandbox import forms, money
from services.payment.sandbox.errors import Refused

P = TypeVar("P", bound="Parameters")


def _integer(value: Any) -> Any:
    if isinstance(value, str) and not (
        value.removeprefix("-").isascii() and value.removeprefix("-").isdigit() and len(value) < 16
    ):
        raise ValueError(f"Invalid integer: {value}")
    return value


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or "@" in parts.netloc or "\\" in value or not value.isprintable() or " " in value:
        raise ValueError("Not a valid URL")
    return value


def _currency(value: str) -> str:
    if value.lower() not in money.CURRENCIES:
        raise ValueError(f"Invalid currency: {value}")
    return value.lower()


def _metadata(value: Any) -> Any:
    """`metadata[0]=a` reads as a list, and an empty string stands for none."""
    if isinstance(value, list):
        return {str(place): each for place, each in enumerate(value)}
    return {} if value == "" else value


Integer = Annotated[int, BeforeValidator(_integer)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=5000)]
Url = Annotated[Text, AfterValidator(_url)]
Currency = Annotated[str, AfterValidator(_currency)]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=500)]],
    BeforeValidator(_metadata),
    Field(max_length=50),
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Parameters(_Model):
    """What every call takes."""

    expand: tuple[Text, ...] = Field(default=(), max_length=20)


class _ProductData(_Model):
    name: Text
    description: Text | None = None
    metadata: Metadata = Field(default_factory=dict)


class _PriceData(_Model):
    currency: Currency
    unit_amount: Annotated[Integer, Field(ge=0, le=money.LARGEST)]
    product_data: _ProductData


class LineItem(_Model):
    """So many of one thing."""

    price_data: _PriceData
    quantity: Annotated[Integer, Field(ge=1, le=999_999)]


class _PaymentIntentData(_Model):
    metadata: Metadata = Field(default_factory=dict)
    description: Annotated[str, Field(max_length=1000)] | None = None
    receipt_email: Text | None = None
    capture_method: Literal["automatic", "automatic_async"] = "automatic_async"


class _AdaptivePricing(_Model):
    enabled: bool


class CreateSession(Parameters):
    """A checkout of one payment on the hosted page."""

    mode: Literal["payment"]
    success_url: Url
    line_items: tuple[LineItem, ...] = Field(min_length=1, max_length=100)
    cancel_url: Url | None = None
    metadata: Metadata = Field(default_factory=dict)
    payment_intent_data: _PaymentIntentData = _PaymentIntentData()
    client_reference_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    customer_email: Annotated[str, Field(min_length=3, max_length=800, pattern="@")] | None = None
    expires_at: Integer | None = None
    locale: Text | None = None
    submit_type: Literal["auto", "book", "donate", "pay"] | None = None
    ui_mode: Literal["hosted_page"] = "hosted_page"
    adaptive_pricing: _AdaptivePricing | None = None


class Retrieve(Parameters):
    """One object, by the id in the path."""


class _Range(_Model):
    gt: Integer | None = None
    gte: Integer | None = None
    lt: Integer | None = None
    lte: Integer | None = None


class Page(Parameters):
    """A page of a list, newest first."""

    limit: Annotated[Integer, Field(ge=1, le=100)] = 10
    starting_after: Text | None = None
    ending_before: Text | None = None
    created: Integer | _Range | None = None


class ListSessions(Page):
    """Checkout sessions."""

    status: Literal["open", "complete", "expired"] | None = None
    payment_intent: Text | None = None


class CreateRefund(Parameters):
    """Money back: all that is left, or an amount."""

    payment_intent: Text | None = None
    charge: Text | None = None
    amount: Annotated[Integer, Field(ge=1, le=money.LARGEST)] | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None
    metadata: Metadata = Field(default_factory=dict)


class ListRefunds(Page):
    """Refunds."""

    payment_intent: Text | None = None
    charge: Text | None = None


class ListEvents(Page):
    """Events."""

    type: Text | None = None
    types: tuple[Text, ...] = Field(default=(), max_length=20)
    delivery_success: bool | None = None


def read(model: type[P], given: dict[str, Any]) -> P:
    """The parameters, or Refused with the first that is wrong, named as the caller wrote it."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = forms.name(tuple(step for step in first["loc"] if step not in ("int", "_Range", "constrained-int")))
        match first["type"]:
            case "missing":
                raise Refused(f"Missing required param: {where}.", code="parameter_missing", param=where) from None
            case "extra_forbidden":
                raise Refused(f"Received unknown parameter: {where}", code="parameter_unknown", param=where) from None
            case "value_error":
                said = str(first["ctx"]["error"])
                code = (
                    {"Not": "url_invalid", "Inv": "parameter_invalid_integer"}[said[:3]]
                    if "currency" not in said
                    else None
                )
                raise Refused(said, code=code, param=where) from None
            case _:
                raise Refused(f"Invalid {where}: {first['msg']}", param=where) from None
