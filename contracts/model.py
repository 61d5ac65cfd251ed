"""The types every message is made of: frozen values, camelCase on the wire, nothing that a database or a log would choke on."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

UUID_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

# A patterned string costs half of uuid.UUID on the hot path: no Python object is made for it.
Id = Annotated[str, StringConstraints(pattern=UUID_PATTERN)]

# PostgreSQL refuses U+0000, a log line splits at a line feed: no control character or line separator is ever accepted.
NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
Name = Annotated[str, StringConstraints(pattern=NO_CONTROLS, min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(pattern=NO_CONTROLS, max_length=2000)]
Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
Organisation = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
# Minor units; the bound keeps every sum of a booking inside a bigint and a JavaScript number.
Money = Annotated[int, Field(ge=0, le=10**12, strict=True)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
Flag = Annotated[bool, Field(strict=True)]

# The bounds leave room for a hold, a buffer or a horizon to be added without leaving what a datetime can hold.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def _in_utc(value: object) -> object:
    """Numbers are refused, written ones too: nobody can tell the seconds from the milliseconds."""
    if isinstance(value, str):
        if value[4:5] != "-" or value[7:8] != "-" or value[10:11] != "T":
            raise ValueError("is not written as 2027-01-11T09:00:00Z")
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("is not written as 2027-01-11T09:00:00Z") from None
    if not isinstance(value, datetime):
        raise ValueError("is not written as 2027-01-11T09:00:00Z")
    if value.tzinfo is UTC or value.tzinfo is None or not EARLIEST <= value <= LATEST:
        return value  # a time without a zone, or out of range, is refused next
    return value.astimezone(UTC)


Instant = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST), BeforeValidator(_in_utc)]


class Value(BaseModel):
    """A frozen value; unknown fields are ignored, so that an older reader survives a newer writer."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class Slot(Value):
    """A half-open span of time: `from` belongs to it, `to` does not."""

    from_: Instant = Field(alias="from")
    to: Instant

    def overlaps(self, other: "Slot") -> bool:
        return self.from_ < other.to and other.from_ < self.to


class Message(Value):
    """What travels over Kafka. Its type on the wire is `holdfast.<class name>.v<version>`; a new major version is a new class."""

    type: ClassVar[str]
    version_of_type: ClassVar[int]

    def __init_subclass__(cls, version: int = 1, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.version_of_type = version
        cls.type = f"holdfast.{cls.__name__.removesuffix(f'V{version}')}.v{version}"


__all__ = [
    "EARLIEST",
    "LATEST",
    "Currency",
    "Flag",
    "Id",
    "Instant",
    "Label",
    "Message",
    "Money",
    "Name",
    "Organisation",
    "Slot",
    "Text",
    "Value",
    "Version",
]
