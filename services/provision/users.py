"""Kafka's users (SCRAM-SHA-512) and their permissions, told over Kafka's own protocol: no Java, no command line tool."""

import hashlib
import secrets
from collections.abc import Iterable
from typing import Any, ClassVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from contracts import connecting
from services.provision.access import Permission

SCRAM_SHA_512 = 2
ITERATIONS = 8192  # Kafka's own choice

User = tuple[str, int, int, bytes, bytes]  # name, mechanism, iterations, salt, salted password


class NotAllowed(Exception):
    """Kafka refused to make a user or a permission; the argument is its word."""


class _Altered(Response):
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Alter(RequestStruct):
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _Altered
    FLEXIBLE_VERSION = True
    SCHEMA = Schema(
        (
            "deletions",
            CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields)),
        ),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class AlterUserScramCredentials(Request[_Alter]):
    """KIP-554, which aiokafka has not."""

    API_KEY: ClassVar[int] = 51

    def __init__(self, users: Iterable[User]) -> None:
        self._users = list(users)

    def build(self, request_struct_class: type[_Alter]) -> _Alter:
        return request_struct_class([], [(*user, {}) for user in self._users], {})


def user(name: str, password: str) -> User:
    """What Kafka keeps of a user: a fresh salt, and the password salted with it."""
    salt = secrets.token_bytes(32)
    return name, SCRAM_SHA_512, ITERATIONS, salt, hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)


async def grant(bootstrap: str, users: Iterable[User], permissions: Iterable[Permission]) -> None:
    """Have these users with these permissions; what is there already stays as it is. Raises NotAllowed and KafkaError."""
    admin = AIOKafkaAdminClient(**connecting.address(bootstrap).options)
    await admin.start()
    try:
        made: Any = await admin._send_to_controller(AlterUserScramCredentials(users))
        for name, code, message, _ in made.results:
            if code != 0:
                raise NotAllowed(f"user {name}: {message or code}")
        for permission in permissions:
            told: Any = await admin._send_to_controller(CreateAclsRequest(*permission))
            for code, message in told.creation_responses:
                if code != 0:
                    raise NotAllowed(f"{permission}: {message or code}")
    finally:
        await admin.close()
