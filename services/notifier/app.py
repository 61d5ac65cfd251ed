"""The notifier worker: it decides who is told of what, and sends it."""

import os
from collections.abc import Callable
from datetime import timedelta

import asyncpg

from chassis import inbox
from chassis.decider import Decider
from chassis.parts import Parts
from chassis.sealing import Seal
from chassis.service import run
from services.notifier import addresses, deliveries
from services.notifier.delivering import Deliverer
from services.notifier.domain import Rules
from services.notifier.handlers import NotifierService
from services.notifier.reads import READS
from services.notifier.settings import NotifierSettings

MOST_RECORDS = 200  # of a batch: each may cause a delivery for each of twenty subscriptions


def main() -> None:
    settings = NotifierSettings()
    os.nice(settings.nice)
    seal = Seal([key.get_secret_value() for key in settings.sealing_keys])
    service = NotifierService(
        seal, Rules(lambda url: addresses.judged(url, settings.rules), settings.most_subscriptions)
    )

    def make(pool: asyncpg.Pool, failed: Callable[[BaseException], None]) -> Parts:
        return Parts(
            Decider(service, settings, pool, failed, max_records=MOST_RECORDS),
            Deliverer(settings, settings.manner, settings.rules, seal, failed),
        )

    prunes = (inbox.PRUNE, *deliveries.prunes(timedelta(days=settings.kept_days)))
    run(service.name, settings, make, READS, prunes)
