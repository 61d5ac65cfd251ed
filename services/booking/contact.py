"""Whether an e-mail address and a phone number are any good, and the one way in which each is written. Pure: nobody is asked."""

import phonenumbers
from email_validator import EmailNotValidError, validate_email


class Unfit(Exception):
    """The address or number cannot be used; the argument says why."""


def email(text: str) -> str:
    """The address in its usual form: the domain in small letters. Raises Unfit."""
    try:
        # Whether mail arrives there is not looked up: a decision asks nobody. `.test` is there to be tested with.
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise Unfit(f"is not an e-mail address: {error}") from None


def phone(text: str) -> str:
    """The number as E.164 writes it, +33491000000. Raises Unfit: also without the country, which nobody could guess."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise Unfit("is not a phone number with its country, such as +33 4 91 00 00 00") from None
    if not phonenumbers.is_valid_number(number):
        raise Unfit("is not a number of any country")
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{written} ext. {number.extension}" if number.extension else written
