"""The terms of a sale: what a cancel gives back, and what becomes of money that comes late or not at all."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.model import Money, Value


class CancellationStep(Value):
    """A cancel that comes so many hours before the slot, or earlier, gives back so many percent, less the flat `fee`.

    Of the steps that a cancel is in time for, the one with the most hours counts; of two with as many, the first.
    """

    hours_before: Annotated[int, Field(ge=0, le=8784, strict=True)]
    refund_percent: Annotated[int, Field(ge=0, le=100, strict=True)] = 100
    fee: Money = 0


LatePayment = Literal["refund", "reacquire"]  # what becomes of money for a cancelled booking
PaymentExpired = Literal["keep", "cancel"]  # what becomes of a confirmed booking whose page nobody paid at
