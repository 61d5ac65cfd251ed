"""The one table of topics: who writes what, keyed by what. Topics are made from it, and every message finds its address in it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from operator import attrgetter

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from contracts import availability, booking, catalogue, claims, connecting, notifier, payment
from contracts.model import Message

WEEK = timedelta(days=7)  # reliability R15: the inbox remembers a day longer than a topic keeps
LONGEST_HOLD = timedelta(hours=24)  # its delay topic keeps records for a week: room for a relay that was down for days
RECORD_BYTES = 1024 * 1024
MESSAGE_BYTES = 256 * 1024  # the largest message that is handled or stored as an output
TOPIC_EXISTS = 36


@dataclass(frozen=True)
class Topic:
    """`key` is the field of its messages that becomes the record's key, `a.b` a field of a field; equal keys keep their order.

    A command about something else, a venue, a customer or a key, has no such field: it is keyed by its first one, that thing's id.

    `forwards_to` makes it a delay topic: its records go there when they are due.
    """

    name: str
    key: str
    messages: tuple[type[Message], ...] = ()
    retention: timedelta = WEEK
    record_bytes: int = RECORD_BYTES
    forwards_to: str | None = None


BOOKING_COMMANDS = Topic(
    "booking.commands",
    "booking_id",
    (
        booking.CreateBooking,
        booking.UpdateBooking,
        booking.ConfirmBooking,
        booking.RescheduleBooking,
        booking.CancelBooking,
        booking.DeleteBooking,
        booking.ExtendHold,
        booking.FindOrCreateCustomer,
        booking.AbandonQuestion,
        claims.ClaimKey,
    ),
)
AVAILABILITY_COMMANDS = Topic(
    "availability.commands",
    "space_id",
    (
        availability.HoldSlot,
        availability.CommitSlot,
        availability.ReleaseSlot,
        availability.ExtendSlot,
        availability.MoveSlot,
        availability.QuoteExtras,
        availability.ExpireHold,
        catalogue.PutVenue,
        catalogue.PutSpace,
        catalogue.PutProduct,
        catalogue.ArchiveVenue,
        catalogue.ArchiveSpace,
        catalogue.ArchiveProduct,
    ),
)
AVAILABILITY_EVENTS = Topic(
    "availability.events",
    "booking_id",
    (
        availability.SlotHeld,
        availability.SlotRefused,
        availability.SlotCommitted,
        availability.SlotLost,
        availability.SlotReleased,
        availability.SlotExtended,
        availability.ExtendRefused,
        availability.SlotMoved,
        availability.MoveRefused,
        availability.ExtrasQuoted,
        availability.ExtrasRefused,
    ),
)
BOOKING_EVENTS = Topic(
    "booking.events",
    "booking.id",
    (
        booking.BookingCreated,
        booking.BookingUpdated,
        booking.BookingPaid,
        booking.BookingPaymentFailed,
        booking.BookingDeleted,
    ),
)
PAYMENT_COMMANDS = Topic(
    "payment.commands",
    "booking_id",
    (
        payment.CreateCheckout,
        payment.CancelCheckout,
        payment.RefundPayment,
        payment.RecordProviderEvent,
        payment.RecordCallOutcome,
    ),
)
PAYMENT_EVENTS = Topic(
    "payment.events",
    "booking_id",
    (
        payment.CheckoutOpened,
        payment.CheckoutDelayed,
        payment.PaymentSucceeded,
        payment.PaymentFailed,
        payment.CheckoutExpired,
        payment.PaymentRefunded,
        payment.RefundFailed,
        payment.PaymentProcessing,
    ),
)
NOTIFIER_COMMANDS = Topic(
    "notifier.commands",
    "subscription_id",
    (
        notifier.CreateSubscription,
        notifier.ChangeSubscription,
        notifier.DeleteSubscription,
        notifier.RotateSecret,
        notifier.PingSubscription,
        notifier.RetryDelivery,
        notifier.ReplayEvents,
        notifier.DisableSubscription,
    ),
)
NOTIFIER_EVENTS = Topic("notifier.events", "subscription.id", (notifier.SubscriptionDisabled,))
GATEWAY_REPLIES = Topic("gateway.replies", "-", retention=timedelta(hours=1))
CLIENTS_REPLIES = Topic("clients.replies", "-", retention=timedelta(hours=1))


def dead_letters(service: str) -> Topic:
    """Where `service` puts what it cannot handle: the record as it came, the reason in the headers."""
    return Topic(f"{service}.dead-letters", "-", retention=timedelta(days=30), record_bytes=2 * RECORD_BYTES + 65536)


def expiry(length: timedelta) -> Topic:
    """The delayed-expiry topic of holds of this length: each record is due that long after it was written."""
    seconds = round(length.total_seconds())
    name = f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"
    return Topic(
        f"availability.expiry.{name}", "space_id", (availability.ExpireHold,), forwards_to=AVAILABILITY_COMMANDS.name
    )


def delay_topics(names: Iterable[str]) -> tuple[Topic, ...]:
    """Those of these topics that are delayed-expiry topics, of whatever length."""
    prefix = expiry(timedelta(0)).name.removesuffix("0m")
    return tuple(
        Topic(name, "space_id", (availability.ExpireHold,), forwards_to=AVAILABILITY_COMMANDS.name)
        for name in sorted(names)
        if name.startswith(prefix)
    )


def hold_lengths(default: timedelta) -> tuple[timedelta, ...]:
    """Every length that a hold may have, the shortest first: those a product may name, and the platform's own."""
    return tuple(sorted({timedelta(minutes=minutes) for minutes in catalogue.HOLD_LENGTHS} | {default}))


def topics(holds: Iterable[timedelta]) -> tuple[Topic, ...]:
    """Every topic of a platform whose holds have these lengths."""
    return (
        BOOKING_COMMANDS,
        AVAILABILITY_COMMANDS,
        *(expiry(length) for length in holds),
        AVAILABILITY_EVENTS,
        BOOKING_EVENTS,
        PAYMENT_COMMANDS,
        PAYMENT_EVENTS,
        NOTIFIER_COMMANDS,
        NOTIFIER_EVENTS,
        GATEWAY_REPLIES,
        CLIENTS_REPLIES,
        dead_letters("booking"),
        dead_letters("availability"),
        dead_letters("payment"),
        dead_letters("notifier"),
    )


@cache
def models() -> dict[str, type[Message]]:
    """Every message by its type on the wire."""
    return {message.type: message for topic in topics(()) for message in topic.messages}


def key_field(topic: Topic, message: type[Message]) -> str:
    """The field of this message that becomes the record's key, `a.b` a field of a field."""
    return topic.key if topic.key.split(".")[0] in message.model_fields else next(iter(message.model_fields))


@cache
def _address(message: type[Message]) -> tuple[str, Callable[[Message], str]]:
    for topic in topics(()):
        if message in topic.messages:
            return topic.name, attrgetter(key_field(topic, message))
    raise LookupError(f"{message.__name__} has no topic of its own")


def address(message: Message) -> tuple[str, str]:
    """The topic and the key of a command or an event. Raises LookupError for what only ever travels as an answer."""
    topic, key = _address(type(message))
    return topic, key(message)


class TopicsNotMade(Exception):
    """Kafka refused to create a topic; the argument names it and the broker's error."""


async def provision(bootstrap: str, partitions: int, holds: Iterable[timedelta]) -> list[str]:
    """Create the topics that are missing, each with this many partitions, and return their names.

    Partition counts of existing topics are never changed: a key would move to another lane.
    """
    admin = AIOKafkaAdminClient(**connecting.address(bootstrap).options)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        missing = [topic for topic in topics(holds) if topic.name not in there]
        brokers = len((await admin.describe_cluster())["brokers"])
        answer = await admin.create_topics([_new(topic, partitions, min(3, brokers)) for topic in missing])
        for name, code, *detail in answer.topic_errors:  # type: ignore[attr-defined]
            if code not in (0, TOPIC_EXISTS):
                raise TopicsNotMade(f"{name}: Kafka error {code} {detail}")
        return [topic.name for topic in missing]
    except KafkaError as error:
        raise TopicsNotMade(repr(error)) from error
    finally:
        await admin.close()


def _new(topic: Topic, partitions: int, replicas: int) -> NewTopic:
    return NewTopic(
        topic.name,
        partitions,
        replicas,
        topic_configs={
            "retention.ms": str(round(topic.retention.total_seconds() * 1000)),
            "message.timestamp.type": "LogAppendTime",  # deadlines are measured by the broker's clock, never a client's
            "max.message.bytes": str(topic.record_bytes),
            # The broker unpacks what comes squeezed: else a record could grow beyond that limit at its reader, and one in a
            # codec that a reader lacks would stop it for ever.
            "compression.type": "uncompressed",
            "cleanup.policy": "delete",
        },
    )
