"""Who books: found by the e-mail address, or made. Pure."""

from contracts.answers import Detail, Refused
from contracts.booking import Customer, CustomerAnswer, FindOrCreateCustomer, customer_id
from services.booking import contact, refusals
from services.booking.state import Answered


def wanted(command: FindOrCreateCustomer, organisation: str) -> Customer | Refused:
    """The customer as the command describes it."""
    wrong: list[Detail] = []
    email = phone = ""
    try:
        email = contact.email(command.email)
    except contact.Unfit as unfit:
        wrong.append(Detail(field="email", issue=str(unfit)))
    try:
        phone = contact.phone(command.phone) if command.phone is not None else ""
    except contact.Unfit as unfit:
        wrong.append(Detail(field="phone", issue=str(unfit)))
    if wrong:
        return refusals.unfit_customer(wrong)
    return Customer(id=customer_id(organisation, email), email=email, name=command.name, phone=phone or None)


def find_or_create(there: Customer | None, wanted: Customer | Refused, command_id: str) -> Answered:
    """The customer that is there, as it is; else the one that is wanted."""
    if isinstance(wanted, Refused):
        return Answered(command_id, wanted)
    return Answered(command_id, CustomerAnswer(customer=there or wanted, created=there is None))


def known_now(there: Customer | None, told: Customer) -> Customer:
    """The customer as last told of; what was not told stays, and the address is written as it was at first."""
    if there is None:
        return told
    return there.model_copy(update={"name": told.name or there.name, "phone": told.phone or there.phone})
