"""The gateway's manual: what it can be told."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis import settings
from services.gateway.clients import RegisteredClient


class Settings(settings.Settings):
    """Set through `HOLDFAST_GATEWAY_<KEY>`; the shared ones are in `chassis.settings`."""

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_GATEWAY_")

    port: int = Field(default=8000, ge=1, le=65535)
    """Where clients call. Several gateways on one machine may share it."""

    host: str = "127.0.0.1"
    """The address that port is bound to. `0.0.0.0` in a container, behind whatever ends TLS."""

    availability_url: str
    """Where availability answers reads, `http://host:port`; any replica will do."""

    booking_url: str
    """Where booking answers reads, `http://host:port`; any replica will do."""

    notifier_url: str
    """Where the notifier answers reads, `http://host:port`; any replica will do."""

    sealing_keys: tuple[SecretStr, ...] = Field(validation_alias=settings.shared("SEALING_KEYS"))
    """Keys under which secrets of webhook subscriptions are sealed before they enter Kafka, the same as the notifiers': as JSON, 64
    random bytes in base64 each. The first one seals, all open."""

    acknowledged_within: float = Field(default=5.0, gt=0)
    """Seconds Kafka has to take a command before the client is told 503."""

    answered_within: float = Field(default=10.0, gt=0)
    """Seconds a service has to answer a command before the client is told 202."""

    read_within: float = Field(default=5.0, gt=0)
    """Seconds a read may take before the client is told 504."""

    reachable_within: float = Field(default=1.0, gt=0)
    """Seconds in which a read tries to reach a service before the client is told 503: long enough for a restart."""

    arrived_within: float = Field(default=20.0, gt=0)
    """Seconds a client has to send a whole request; a slower one is cut off."""

    kept_alive: int = Field(default=65, ge=1)
    """Seconds an idle connection stays open: more than the 60 s of the usual load balancers, so they close it first."""

    body_bytes: int = Field(default=64 * 1024, ge=1024)
    """The largest body. The largest catalogue entry fits twenty times."""

    slots_days: int = Field(default=7, ge=1)
    """How many days of slots are listed when the client does not say."""

    slots_most_days: int = Field(default=92, ge=1)
    """The most days of slots one request may ask for: a quarter. Availability has a limit of its own; keep below it."""

    drained_within: float = Field(default=2.0, gt=0)
    """Seconds that requests under way have after SIGTERM; those still waiting are then told 202. One second comes on top."""

    # ---- who is calling: at least one of `keys` and `oidc_issuer`

    audience: str = "holdfast"
    """What a token must name in `aud`."""

    keys: Path | None = None
    """The folder of the embedded issuer's keys, the same for all gateways of a platform; none: there is no such issuer.
    Whoever can read it can act for anybody."""

    issuer: str | None = None
    """The embedded issuer's name in `iss`: the address at which clients reach the gateway, the same for all of them. By
    default `http://host:port`."""

    clients: tuple[RegisteredClient, ...] = ()
    """The embedded issuer's clients, as JSON: `[{"id", "organisation", "secret", "scopes"}]`, the secret as `python -m
    services.gateway.clients` hashes it. In development `demo` and `rival` come on top."""

    token_seconds: int = Field(default=3600, ge=60, le=86_400)
    """How long a token of the embedded issuer lives. It cannot be taken back, so keep it short."""

    key_days: float = Field(default=30, gt=0)
    """Days after which the embedded issuer signs with a new key."""

    token_failures: int = Field(default=10, ge=1)
    """Wrong secrets a minute, of one client from one address, until the token endpoint says 429."""

    oidc_issuer: str | None = None
    """An outside issuer whose tokens count, as it writes itself in `iss`; none: only the embedded one."""

    oidc_keys_url: str | None = None
    """Where that issuer publishes its keys (`jwks_uri`). Fetched when first needed and every ten minutes."""

    oidc_organisation: str = "organisation"
    """The claim of that issuer's tokens that names the organisation."""

    oidc_token_types: frozenset[str] = frozenset({"at+jwt"})
    """What that issuer's access tokens say in `typ`. Some issuers write `JWT`, as id tokens do: then only the audience tells
    them apart, so it must be ours alone."""

    # ---- the payment provider's events; without a secret there is no such address

    stripe_webhook_secrets: tuple[Annotated[SecretStr, Field(min_length=8)], ...] = ()
    """What the provider signs its events with, as JSON: `["whsec_..."]`. Two while one is being exchanged: either counts."""

    stripe_tolerance: int = Field(default=300, ge=1, le=3600)
    """Seconds that the time in a signature may differ from ours, either way: as long as an event that was heard on the way
    could be sent again by a stranger."""

    stripe_live: bool = False
    """Whether real money moves: events of the other of the provider's modes, live and test, are refused. It belongs to
    payment's key, `sk_live_` or `sk_test_`."""

    stripe_event_bytes: int = Field(default=256 * 1024, ge=1024, le=1024 * 1024)
    """The largest event. A session with all its items has some 10 KB."""

    # ---- how much a client may ask, of each gateway

    reads_a_minute: int | None = Field(default=None, ge=1)
    """Reads of one client: 600 unless given, 100,000 in development."""

    writes_a_minute: int | None = Field(default=None, ge=1)
    """Commands of one client: 300 unless given, 100,000 in development, so that load tests need no other build."""

    # ---- browsers

    origins: frozenset[str] = frozenset()
    """Origins whose pages may call (CORS), as JSON: `["https://shop.example"]`; `["*"]` for all. None by default: tokens belong
    on servers."""

    @property
    def most_reads(self) -> int:
        """Reads a minute."""
        return self.reads_a_minute or (100_000 if self.development else 600)

    @property
    def most_writes(self) -> int:
        """Commands a minute."""
        return self.writes_a_minute or (100_000 if self.development else 300)
