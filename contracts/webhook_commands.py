"""The commands about webhooks of the typed client, one method each."""

from datetime import datetime
from typing import cast

from contracts import notifier
from contracts.asking import Asking
from contracts.envelope import derived_id
from contracts.model import Message


class WebhookCommands(Asking):
    """Each method publishes one command and returns what it is answered with. Raises CommandRefused, NotAccepted or Unanswered.

    Secrets are given as they were sealed (`chassis.sealing`), for `webhook secret of <organisation>/<subscription>`.
    """

    def subscription_id(self, key: str) -> str:
        """The id that a subscription created under this key has: its secret is sealed for it."""
        return derived_id(self.command_id(key), "subscription")

    async def create_subscription(
        self, url: str, events: tuple[str, ...], secret: str, *, key: str, description: str | None = None
    ) -> notifier.Subscription:
        """Tell this URL of these events from now on."""
        command = notifier.CreateSubscription(
            subscription_id=self.subscription_id(key), url=url, events=events, secret=secret, description=description
        )
        return await self._subscription(command, key)

    async def change_subscription(
        self,
        subscription_id: str,
        *,
        url: str | None = None,
        events: tuple[str, ...] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
        if_version: int | None = None,
        key: str | None = None,
    ) -> notifier.Subscription:
        """Change what is given; switch it off, or on again."""
        command = notifier.ChangeSubscription(
            subscription_id=subscription_id,
            url=url,
            events=events,
            description=description,
            enabled=enabled,
            if_version=if_version,
        )
        return await self._subscription(command, key)

    async def rotate_secret(
        self, subscription_id: str, secret: str, *, if_version: int | None = None, key: str | None = None
    ) -> notifier.Subscription:
        """Sign with this secret; for a day with the former one too."""
        command = notifier.RotateSecret(subscription_id=subscription_id, secret=secret, if_version=if_version)
        return await self._subscription(command, key)

    async def delete_subscription(
        self, subscription_id: str, *, if_version: int | None = None, key: str | None = None
    ) -> None:
        """Tell it nothing any more."""
        command = notifier.DeleteSubscription(subscription_id=subscription_id, if_version=if_version)
        await self._done(command, self._draw(key))

    async def ping_subscription(self, subscription_id: str, *, key: str | None = None) -> notifier.DeliveryAnswer:
        """Deliver a `ping`."""
        command = notifier.PingSubscription(subscription_id=subscription_id)
        return cast("notifier.DeliveryAnswer", await self._done(command, self._draw(key)))

    async def retry_delivery(self, delivery_id: str, *, key: str | None = None) -> notifier.DeliveryAnswer:
        """Deliver it again now."""
        command = notifier.RetryDelivery(delivery_id=delivery_id)
        return cast("notifier.DeliveryAnswer", await self._done(command, self._draw(key)))

    async def replay_events(
        self, subscription_id: str, from_: datetime, to: datetime, *, key: str | None = None
    ) -> notifier.ReplayAnswer:
        """Deliver again what happened from `from_` on and before `to`."""
        command = notifier.ReplayEvents(subscription_id=subscription_id, from_=from_, to=to)
        return cast("notifier.ReplayAnswer", await self._done(command, self._draw(key)))

    async def _subscription(self, command: Message, key: str | None) -> notifier.Subscription:
        return cast("notifier.SubscriptionAnswer", await self._done(command, self._draw(key))).subscription
