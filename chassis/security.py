"""FastStream's broker at an address that may ask who is there."""

from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from contracts import connecting

_ASKED = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}


def broker(address: str) -> KafkaBroker:
    """The broker there. Raises NoAddress."""
    # FastDepends would hop to a thread for each batch; nothing of it is needed to hand over raw records.
    return KafkaBroker(
        connecting.address(address).servers,
        logger=None,
        allow_auto_create_topics=False,
        apply_types=False,
        security=_security(connecting.address(address)),
    )


def _security(where: connecting.Address) -> BaseSecurity | None:
    context = where.options.get("ssl_context")
    if where.mechanism is None:
        return BaseSecurity(ssl_context=context, use_ssl=True) if where.tls else None
    return _ASKED[where.mechanism](where.user or "", where.password or "", ssl_context=context, use_ssl=where.tls)
