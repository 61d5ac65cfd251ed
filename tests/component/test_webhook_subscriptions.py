"""Webhooks as a subscriber gets them: signed, once, in the bytes that were promised."""

import base64
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import standardwebhooks
from hooks import KEY, SEAL, SECRET, Hooks, delivery_of

from chassis.sealing import Seal
from contracts import topics
from contracts.booking import BookingPaid, BookingPaymentFailed
from contracts.client import Client, CommandRefused
from contracts.examples import BOOKING
from contracts.notifier import PingSubscription, RotateSecret
from services.notifier import deliveries, handlers, resealing


async def test_an_event_arrives_signed_once_at_each_subscription_that_asked_for_it(hooks: Hooks) -> None:
    first, second = await hooks.subscribe("/all", "*"), await hooks.subscribe("/created", "booking.created")
    await hooks.subscribe("/paid", "booking.paid")
    [event] = await hooks.happen()
    [arrived] = await hooks.arrive("/all", 1)
    [other] = await hooks.arrive("/created", 1)
    assert await hooks.ended(first, 1) == {"delivered": 1}
    assert await hooks.ended(second, 1) == {"delivered": 1}
    assert (arrived.id, other.id) == (delivery_of(first, event), delivery_of(second, event))
    assert standardwebhooks.Webhook(SECRET).verify(arrived.body, arrived.headers)
    assert arrived.event["data"]["status"] == BOOKING.status
    assert {key: arrived.event[key] for key in ("id", "type", "sequence", "previous")} == {
        "id": event,
        "type": "booking.created",
        "sequence": 1,
        "previous": {"status": "PENDING"},
    }
    assert arrived.body == other.body
    assert hooks.receiver.at("/paid") == []


async def test_a_former_secret_signs_until_its_time_is_over(hooks: Hooks) -> None:
    """Security item 26."""
    about = await hooks.subscribe("/rotated", "booking.paid")
    new = "whsec_" + base64.b64encode(bytes(range(40, 72))).decode()
    sealed = SEAL.seal(new.encode(), handlers.purpose(hooks.organisation, about))
    async with hooks.bus.listening(topics.CLIENTS_REPLIES.name) as log:
        await hooks.asked(log, RotateSecret(subscription_id=about, secret=sealed), "SubscriptionAnswer")
        await hooks.asked(log, PingSubscription(subscription_id=about), "DeliveryAnswer")
        [both] = await hooks.arrive("/rotated", 1)
        for secret in (SECRET, new):
            assert standardwebhooks.Webhook(secret).verify(both.body, both.headers)
        await hooks.sql("UPDATE subscriptions SET secrets_until[2] = now() WHERE id = $1 RETURNING 1", about)
        await hooks.asked(log, PingSubscription(subscription_id=about), "DeliveryAnswer")
    one = (await hooks.arrive("/rotated", 2))[1]
    assert standardwebhooks.Webhook(new).verify(one.body, one.headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(one.body, one.headers)


async def test_a_former_secret_that_no_key_opens_holds_up_nothing(hooks: Hooks) -> None:
    """As after a rotation because the sealing keys were lost."""
    about = await hooks.subscribe("/lost", "booking.paid")
    former = "SET secrets = secrets || 'lost'::text, secrets_until = secrets_until || now() + interval '1 hour'"
    await hooks.sql(f"UPDATE subscriptions {former} WHERE id = $1 RETURNING 1", about)
    async with hooks.bus.listening(topics.CLIENTS_REPLIES.name) as log:
        await hooks.asked(log, PingSubscription(subscription_id=about), "DeliveryAnswer")
    [arrived] = await hooks.arrive("/lost", 1)
    assert arrived.headers["webhook-signature"].count("v1,") == 1
    assert standardwebhooks.Webhook(SECRET).verify(arrived.body, arrived.headers)


async def test_no_secret_lies_in_clear_in_kafka_or_the_database(hooks: Hooks) -> None:
    """Security item 26, I14."""
    async with hooks.bus.listening(topics.NOTIFIER_COMMANDS.name, topics.CLIENTS_REPLIES.name) as log:
        command = hooks.new("/clear", "*")
        await hooks.asked(log, command, "SubscriptionAnswer")
        seen = b"".join(record.value or b"" for record in await log.read(100))
    for (row,) in await hooks.sql("SELECT s::text FROM subscriptions s"):
        seen += row.encode()
    for outputs, answer in await hooks.sql("SELECT outputs, answer FROM inbox"):
        seen += outputs + (answer or b"")
    assert command.secret.encode() in seen
    for clear in (SECRET.encode(), SECRET.removeprefix("whsec_").encode(), bytes(range(32))):
        assert clear not in seen


async def test_a_secret_that_was_sealed_for_another_subscription_is_refused(hooks: Hooks) -> None:
    stolen = hooks.new("/stolen").secret
    command = hooks.new("/stolen").model_copy(update={"secret": stolen})
    async with hooks.bus.listening(topics.CLIENTS_REPLIES.name) as log:
        refused = await hooks.asked(log, command, "Refused")
    assert [each["field"] for each in refused["details"]] == ["secret"]


async def test_secrets_are_sealed_under_a_new_key_while_the_notifier_runs_and_the_former_key_can_go(
    hooks: Hooks,
) -> None:
    about = await hooks.subscribe("/resealed")
    new = base64.b64encode(bytes(range(64, 128))).decode()
    dsn = hooks.bus.infra.dsn(hooks.database)
    assert (await resealing.reseal(dsn, [new]))[0] == 0  # a key that opens nothing changes nothing
    assert (await resealing.reseal(dsn, [new, KEY]))[0] > 0
    sealed = "SELECT secrets[1], state::json->>'secret' FROM subscriptions WHERE id = $1"
    [(first, second)] = await hooks.sql(sealed, about)
    assert first == second
    assert Seal([new]).opened(first, handlers.purpose(hooks.organisation, about)).decode() == SECRET
    assert await resealing.reseal(dsn, [new]) == (0, 0)
    assert (await resealing.reseal(dsn, [KEY, new]))[0] > 0  # as the notifier of the other tests has it
    async with hooks.bus.listening(topics.CLIENTS_REPLIES.name) as log:
        await hooks.asked(log, PingSubscription(subscription_id=about), "DeliveryAnswer")
    [arrived] = await hooks.arrive("/resealed", 1)
    assert standardwebhooks.Webhook(SECRET).verify(arrived.body, arrived.headers)


async def test_the_feed_has_every_event_once_in_order_with_two_workers(hooks: Hooks) -> None:
    about = await hooks.subscribe("/two-workers", "*")
    async with hooks.notifying():
        events = await hooks.happen(200)
        assert await hooks.ended(about, 200) == {"delivered": 200}
    rows = await hooks.sql("SELECT position, id::text FROM events WHERE organisation_id = $1", hooks.organisation)
    assert sorted(position for position, _ in rows) == list(range(1, 201))
    assert {event for _, event in rows} == set(events)
    assert len(hooks.receiver.at("/two-workers")) == 200


async def test_what_is_old_is_deleted_and_what_a_sender_holds_is_left_for_later(hooks: Hooks) -> None:
    about = await hooks.subscribe("/old", "*")
    await hooks.happen(3)
    await hooks.ended(about, 3)
    for table, column in (("deliveries", "created_at"), ("events", "stored_at")):
        await hooks.sql(
            f"UPDATE {table} SET {column} = {column} - interval '30 days' WHERE organisation_id = $1 RETURNING 1",
            hooks.organisation,
        )
    connection = await asyncpg.connect(hooks.bus.infra.dsn(hooks.database))
    mine = "SELECT id FROM deliveries WHERE organisation_id = $1"
    try:
        async with connection.transaction():
            [held, *_] = await connection.fetch(f"{mine} ORDER BY id LIMIT 1 FOR UPDATE", hooks.organisation)
            for statement in deliveries.prunes(timedelta(days=8)):
                await hooks.sql(statement)
            assert await hooks.sql(mine, hooks.organisation) == [tuple(held)]
        for statement in deliveries.prunes(timedelta(days=8)):
            await hooks.sql(statement)
        assert await hooks.sql(mine, hooks.organisation) == []
        assert await hooks.sql("SELECT id FROM events WHERE organisation_id = $1", hooks.organisation) == []
    finally:
        await connection.close()


async def test_what_is_kept_is_not_deleted(hooks: Hooks) -> None:
    about = await hooks.subscribe("/kept", "*")
    await hooks.happen(2)
    await hooks.ended(about, 2)
    for statement in deliveries.prunes(timedelta(days=8)):
        await hooks.sql(statement)
    assert len(await hooks.sql("SELECT 1 FROM deliveries WHERE subscription_id = $1", about)) == 2
    assert len(await hooks.sql("SELECT 1 FROM subscriptions WHERE id = $1", about)) == 1


async def test_another_service_subscribes_changes_and_leaves_by_the_typed_client(hooks: Hooks) -> None:
    """Over Kafka alone; that the key is claimed at booking first is tested elsewhere."""
    async with (
        hooks.bus.deciding("booking"),
        Client(hooks.bus.infra.kafka, organisation=hooks.organisation, name="shop") as client,
    ):
        about = client.subscription_id("hook")
        sealed = SEAL.seal(SECRET.encode(), handlers.purpose(hooks.organisation, about))
        url = f"{hooks.receiver.url}/typed"
        made = await client.create_subscription(url, ("booking.paid",), sealed, key="hook")
        assert (made.id, made.version) == (about, 1)
        pinged = await client.ping_subscription(about)
        [arrived] = await hooks.arrive("/typed", 1)
        assert arrived.id == pinged.delivery_id
        assert (await client.change_subscription(about, events=("*",), if_version=1)).version == 2
        [event] = await hooks.happen()
        await hooks.arrive("/typed", 2)
        now = datetime.now(UTC)
        await client.replay_events(about, now - timedelta(hours=1), now + timedelta(hours=1))
        await client.retry_delivery(pinged.delivery_id)
        again = await hooks.arrive("/typed", 4)
        assert sorted(each.id for each in again) == sorted([pinged.delivery_id, delivery_of(about, event)] * 2)
        new = "whsec_" + base64.b64encode(bytes(range(40, 72))).decode()
        other = SEAL.seal(new.encode(), handlers.purpose(hooks.organisation, about))
        assert (await client.rotate_secret(about, other)).previous_secret_until
        await client.delete_subscription(about)
        with pytest.raises(CommandRefused, match="NOT_FOUND"):
            await client.ping_subscription(about)


async def test_a_payment_and_one_that_failed_have_types_of_their_own(hooks: Hooks) -> None:
    await hooks.subscribe("/payments", "booking.paid", "payment.*")
    booking = hooks.booked(version=4)
    await hooks.tell(BookingPaid(booking=booking, previous_status="CONFIRMED"))
    await hooks.tell(BookingPaymentFailed(booking=booking, previous_status="CONFIRMED"))
    arrived = await hooks.arrive("/payments", 2)
    assert sorted((each.event["type"], each.event["sequence"]) for each in arrived) == [
        ("booking.paid", 3),
        ("payment.failed", 3),
    ]
