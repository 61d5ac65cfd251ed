"""A customer is found by the e-mail address, or made."""

import pytest

from contracts.answers import Refused
from contracts.booking import Customer, CustomerAnswer, FindOrCreateCustomer, customer_id
from contracts.examples import ADA, COMMAND_ID, ORGANISATION
from services.booking import customers
from services.booking.state import Answered


def asked(email: str, **more: str) -> FindOrCreateCustomer:
    return FindOrCreateCustomer(customer_id=customer_id(ORGANISATION, email), email=email, **more)


def test_customer_is_made_when_there_is_none() -> None:
    wanted = customers.wanted(asked("ada@example.org", name="Ada Lovelace", phone="+33 4 91 00 00 00"), ORGANISATION)
    assert wanted == ADA
    made = customers.find_or_create(None, wanted, COMMAND_ID)
    assert made == Answered(COMMAND_ID, CustomerAnswer(customer=ADA, created=True))


def test_customer_stays_as_it_is_when_there_is_one() -> None:
    wanted = customers.wanted(asked("ADA@EXAMPLE.org", name="Somebody"), ORGANISATION)
    assert isinstance(wanted, Customer)
    assert wanted.id == ADA.id
    found = customers.find_or_create(ADA, wanted, COMMAND_ID)
    assert found == Answered(COMMAND_ID, CustomerAnswer(customer=ADA, created=False))


def test_customer_of_another_organisation_is_another_one() -> None:
    assert customer_id("rival", ADA.email) != customer_id(ORGANISATION, ADA.email)
    assert customer_id("a-b", "c@example.org") != customer_id("a", "b-c@example.org")


def test_customer_is_refused_when_address_and_number_are_none() -> None:
    refused = customers.wanted(asked("ada", phone="1"), ORGANISATION)
    assert isinstance(refused, Refused)
    assert (refused.code, [detail.field for detail in refused.details]) == ("VALIDATION_FAILED", ["email", "phone"])


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"name": None, "phone": None}, ADA),
        ({"name": "Grace", "phone": None}, ADA.model_copy(update={"name": "Grace"})),
        ({"name": None, "phone": "+442079460958"}, ADA.model_copy(update={"phone": "+442079460958"})),
    ],
)
def test_customer_is_known_as_last_told_of(told: dict[str, str | None], known: Customer) -> None:
    assert customers.known_now(ADA, ADA.model_copy(update=told)) == known
