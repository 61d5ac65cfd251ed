"""What the sandbox takes and gives is named as Stripe names it: held against the declarations of Stripe's own library."""

from typing import Any, get_args

import pytest
import stripe
from pydantic import BaseModel
from sandboxed import Sandbox
from stripe.params import EventListParams, RefundCreateParams, RefundListParams
from stripe.params.checkout import SessionCreateParams, SessionListParams

from services.payment.sandbox import cards, faults, money, objects, operations, parameters


def _models(of: Any) -> list[type[BaseModel]]:
    if isinstance(of, type) and issubclass(of, BaseModel):
        return [of]
    return [model for each in get_args(of) for model in _models(each)]


def _names(declared: Any) -> dict[str, Any]:
    return {
        name: each for kind in reversed(declared.__mro__) for name, each in getattr(kind, "__annotations__", {}).items()
    }


@pytest.mark.parametrize(
    ("mine", "declared"),
    [
        (parameters.CreateSession, SessionCreateParams),
        (parameters.ListSessions, SessionListParams),
        (parameters.CreateRefund, RefundCreateParams),
        (parameters.ListRefunds, RefundListParams),
        (parameters.ListEvents, EventListParams),
    ],
)
def test_every_parameter_is_one_of_stripe_s(mine: type[BaseModel], declared: Any) -> None:
    assert mine.model_fields.keys() - _names(declared).keys() == set()


@pytest.mark.parametrize(
    ("field", "declared"),
    [
        ("line_items", "SessionCreateParamsLineItem"),
        ("payment_intent_data", "SessionCreateParamsPaymentIntentData"),
        ("adaptive_pricing", "SessionCreateParamsAdaptivePricing"),
    ],
)
def test_every_nested_parameter_is_one_of_stripe_s(field: str, declared: str) -> None:
    (mine,) = _models(parameters.CreateSession.model_fields[field].annotation)
    assert mine.model_fields.keys() - _names(getattr(stripe.params.checkout, declared)).keys() == set()


async def test_every_field_of_an_answer_is_declared_by_the_library(stripes: Sandbox) -> None:
    session = await stripes.paid()
    assert isinstance(session.payment_intent, stripe.PaymentIntent)
    await stripes.client.v1.refunds.create_async({"payment_intent": session.payment_intent.id})
    ledger = await stripes.ledger()
    for kind, declared in {
        "checkout_sessions": stripe.checkout.Session,
        "payment_intents": stripe.PaymentIntent,
        "charges": stripe.Charge,
        "refunds": stripe.Refund,
        "events": stripe.Event,
    }.items():
        assert ledger[kind]
        fields = {name for each in ledger[kind] for name in each if name[0] != "_"}
        assert fields - _names(declared).keys() == set(), kind


def test_the_version_is_the_library_s() -> None:
    """An update of the library asks whoever makes it to look at what has changed."""
    assert stripe.api_version == objects.API_VERSION


def test_faults_know_every_operation_by_its_name() -> None:
    assert sorted(faults.OPERATIONS) == sorted(each.name for each in operations.TABLE)


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [(1500, "eur", "15.00 EUR"), (5, "eur", "0.05 EUR"), (1500, "jpy", "1500 JPY"), (1500, "kwd", "1.500 KWD")],
)
def test_amounts_are_written_with_the_currency_s_decimals(amount: int, currency: str, written: str) -> None:
    assert money.written(amount, currency) == written


def test_every_card_of_the_table_has_a_number_that_a_card_can_have() -> None:
    assert [cards.card(number) for number in cards.TABLE] == list(cards.TABLE.values())
