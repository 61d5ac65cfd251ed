"""Every setting of the one-shot that prepares Kafka and PostgreSQL, with its default, unit and reason."""

import re
from datetime import timedelta

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.settings import shared
from contracts.topics import LONGEST_HOLD

DEVELOPMENT_WORD = re.compile(
    "development-?only"
)  # in every secret that docker-compose.yml gives where nobody said one


class ProvisionSettings(BaseSettings):
    """`HOLDFAST_PROVISION_<KEY>`; the shared ones are in `chassis.settings`."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_PROVISION_", extra="ignore", frozen=True, populate_by_name=True
    )

    kafka: str = Field(validation_alias=shared("KAFKA"))
    """Kafka, as whoever may make topics there, and users and permissions if `kafka_users` are given."""

    database: str
    """PostgreSQL's database `postgres`, as a URL of a role that may make databases, and roles if `roles` are given."""

    hold: timedelta = Field(
        default=timedelta(minutes=15), gt=timedelta(0), le=LONGEST_HOLD, validation_alias="HOLDFAST_AVAILABILITY_HOLD"
    )
    """The same as availability's: its delay topic is made."""

    partitions: int = Field(default=12, ge=1, le=1000)
    """Partitions of every new topic: the most workers of a service that share the work. Never changed afterwards."""

    roles: dict[str, SecretStr] = {}
    """Passwords of PostgreSQL roles by service, as JSON: each may read and write the rows of its own database, nothing else. The
    relay has availability's. None: the services come as `database` does."""

    kafka_users: dict[str, SecretStr] = {}
    """Passwords of Kafka users, as JSON (SCRAM-SHA-512): each gets what `services.provision.access` says, nothing else. None: Kafka
    does not ask."""

    development: bool = Field(default=False, validation_alias=shared("DEVELOPMENT"))
    """Only then secrets that everybody knows are taken, and that is said aloud."""
