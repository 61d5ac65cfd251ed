"""Every setting of the notifier, with its default, unit and reason."""

from datetime import timedelta

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import WorkerSettings, shared
from services.notifier.addresses import AddressRules, Network
from services.notifier.delivering import Manner
from services.notifier.destinations import Limits
from services.notifier.domain import Schedule

_MINUTE, _HOUR = 60.0, 3600.0


class NotifierSettings(WorkerSettings):
    """`HOLDFAST_NOTIFIER_DATABASE`, `HOLDFAST_NOTIFIER_PORT` and what all workers share."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_NOTIFIER_", extra="ignore", frozen=True, populate_by_name=True
    )

    sealing_keys: tuple[SecretStr, ...] = Field(validation_alias=shared("SEALING_KEYS"))
    """Keys under which secrets of subscriptions are sealed, as JSON: 64 random bytes in base64 each, the same for gateways and
    notifiers. The first one seals, all open: to rotate put the new one in front and keep the old one."""

    nice: int = Field(default=0, ge=0, le=19)
    """How far this process steps back for others on the same machine (`nice`). Where all services share a machine those that a
    customer waits for go first: `holdfast up` sets 10. Nobody waits for the notifier."""

    retry_seconds: tuple[float, ...] = (
        *(5.0, 5 * _MINUTE, 30 * _MINUTE),
        *(2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR),
    )
    """Seconds from one attempt to the next, as JSON. Together they last three days: a receiver may be down over a week-end."""

    retry_jitter: float = Field(default=0.2, ge=0, le=1)
    """Up to this part of a delay is added by chance: what failed together does not come back together."""

    retry_after_most: float = Field(default=24 * _HOUR, ge=0)
    """Seconds up to which a receiver's `Retry-After` lengthens a delay."""

    attempt_seconds: float = Field(default=15.0, gt=0, le=20)
    """Seconds a receiver has to answer."""

    failing_seconds: float = Field(default=5 * 24 * _HOUR, gt=0)
    """Seconds of nothing but failure after which a subscription is disabled."""

    most_in_hand: int = Field(default=512, ge=16)
    """Deliveries that a worker has claimed at a time: about 2 KB each with its body, and 50 KB while its receiver answers nothing, for an
    encrypted connection. So many receivers that hang at one moment fill a worker for an attempt's time."""

    most_each: int = Field(default=16, ge=1)
    """Requests under way to one receiver at a time, of each worker: more than most receivers care for."""

    circuit_failures: int = Field(default=5, ge=1)
    """Failures in a row after which a receiver is left alone for a while, then asked with one delivery."""

    circuit_seconds: float = Field(default=5.0, gt=0)
    """Seconds for which it is left alone first; doubled each time it fails again, up to a minute."""

    most_subscriptions: int = Field(default=20, ge=1, le=1000)
    """Subscriptions of one organisation: every event is delivered to each of them."""

    kept_days: float = Field(default=8.0, gt=0)
    """Days for which events and deliveries are kept, for the feed, the log and replays. Longer than the retry schedule, and no longer
    than contact data may stay in logs."""

    ports: frozenset[int] = frozenset({443})
    """Ports that a subscription's URL may name, as JSON."""

    allowed_hosts: frozenset[str] = frozenset()
    """Hosts with private addresses that may be called all the same, as JSON; in development only, where loopback always may."""

    forbidden_networks: tuple[Network, ...] = ()
    """Networks that are never connected to beside those that are not public, as JSON: `["198.41.0.0/24", "2a00:1450::/96"]`. What only
    the operator knows: public addresses of this platform's own, and a NAT64 prefix of its network, behind which private ones are."""

    @property
    def rules(self) -> AddressRules:
        """Who may be called."""
        return AddressRules(
            development=self.development,
            allowed_hosts=self.allowed_hosts,
            ports=self.ports,
            forbidden_networks=self.forbidden_networks,
        )

    @property
    def manner(self) -> Manner:
        """How deliveries are made."""
        return Manner(
            schedule=Schedule(self.retry_seconds, self.retry_jitter, self.retry_after_most),
            limits=Limits(
                most=self.most_in_hand,
                most_each=self.most_each,
                failures=self.circuit_failures,
                pause=self.circuit_seconds,
            ),
            failing=timedelta(seconds=self.failing_seconds),
            seconds=self.attempt_seconds,
        )
