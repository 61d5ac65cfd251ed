"""`python -m services.provision` prepares Kafka and PostgreSQL for a release and ends: topics, databases, tables, users, rights.

Done again it changes nothing that is as it should be, so every start of a platform may run it.
"""

import asyncio
import logging
import os
import sys

import asyncpg
from aiokafka.errors import KafkaError

from chassis import database, migrations, telemetry
from chassis.service import patiently
from contracts import topics
from services.provision import access, databases, users
from services.provision.settings import DEVELOPMENT_WORD, ProvisionSettings

log = logging.getLogger("services.provision")

REFUSED = (
    topics.TopicsNotMade,
    migrations.DatabaseIsAhead,
    migrations.MigrationChanged,
    users.NotAllowed,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InvalidPasswordError,
)


def known_secrets() -> list[str]:
    """The variables whose secret everybody knows."""
    return sorted(name for name, value in os.environ.items() if DEVELOPMENT_WORD.search(value))


async def provision(settings: ProvisionSettings) -> None:
    """Prepare both. Waits for them; raises one of `REFUSED`."""
    applied = await patiently("the database", lambda: databases.prepare(settings.database), database.TRANSIENT)
    for service, password in settings.roles.items():
        await databases.role(settings.database, service, password.get_secret_value())
    log.info("the databases are ready", extra={"applied": applied, "roles": sorted(settings.roles)})

    async def make() -> list[str]:
        return await topics.provision(settings.kafka, settings.partitions, topics.hold_lengths(settings.hold))

    made = await patiently("Kafka", make, (KafkaError, OSError))
    if settings.kafka_users:
        known = [users.user(name, password.get_secret_value()) for name, password in settings.kafka_users.items()]
        await users.grant(
            settings.kafka, known, [each for name in settings.kafka_users for each in access.permissions(name)]
        )
    log.info("Kafka is ready", extra={"made": made, "users": sorted(settings.kafka_users)})


def main() -> None:
    """Prepare, or exit with what is in the way."""
    settings = ProvisionSettings()
    telemetry.configure("provision")
    if known := known_secrets():
        words = f"{', '.join(known)}: these secrets are printed in docker-compose.yml, everybody knows them"
        if not settings.development:
            sys.exit(
                f"{words}. Say your own in .env (see .env.example), or HOLDFAST_DEVELOPMENT=1 on your own machine."
            )
        log.warning("FOR DEVELOPMENT ONLY. %s. Never reachable from outside like this.", words)
    try:
        asyncio.run(provision(settings))
    except REFUSED as error:
        sys.exit(f"{error.__doc__ or type(error).__name__} ({error})")


if __name__ == "__main__":
    main()
