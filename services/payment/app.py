"""The payment worker: it decides, makes its calls to the provider, and reads what the provider says of itself."""

import logging
from collections.abc import Callable

import asyncpg

from chassis import calls, inbox
from chassis.caller import Caller, Limits
from chassis.decider import Decider
from chassis.parts import Parts
from chassis.service import run
from contracts import topics
from services.payment import provider, reconciler, unowned
from services.payment.handlers import PaymentService
from services.payment.provider import Provider
from services.payment.reads import READS
from services.payment.reconciler import Reconciler
from services.payment.settings import PaymentSettings

LIMITS = Limits(most=64, most_each=16)  # a provider that takes 30 s still gets two calls a second for each organisation


def parts(
    settings: PaymentSettings, door: Provider, pool: asyncpg.Pool, failed: Callable[[BaseException], None]
) -> Parts:
    """All that a worker does, with this door to the provider."""
    service, schedules = PaymentService(settings.live), provider.schedules(settings.provider_seconds + 5)
    return Parts(
        Decider(service, settings, pool, failed),
        Caller(service.name, settings, door, schedules, topics.PAYMENT_COMMANDS, pool, failed, LIMITS),
        Reconciler(settings, door, pool, failed),
    )


def main() -> None:
    settings = PaymentSettings()
    logging.getLogger("stripe").setLevel(logging.WARNING)  # it would write two lines for each request

    def make(pool: asyncpg.Pool, failed: Callable[[BaseException], None]) -> Parts:
        return parts(settings, Provider(settings), pool, failed)

    run(PaymentService.name, settings, make, READS, prunes=(inbox.PRUNE, calls.PRUNE, reconciler.PRUNE, unowned.PRUNE))
