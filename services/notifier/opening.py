"""Secrets opened to sign with, each once: opening costs more than signing."""

import contextlib

from chassis.sealing import NotSealedHere, Seal
from services.notifier import signing
from services.notifier.deliveries import Claimed
from services.notifier.handlers import purpose

KEPT_KEYS = 4096


class Opened:
    """What this process has opened so far."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._keys: dict[tuple[str, str, str], bytes] = {}

    def of(self, claimed: Claimed) -> list[bytes]:
        """Those that sign it, the one that counts first. Raises NotSealedHere or UnusableSecret; a former one that no key opens any more
        is left out."""
        first, *former = claimed.secrets
        keys = [self._key(claimed, first)]
        for each in former:
            with contextlib.suppress(NotSealedHere, signing.UnusableSecret):
                keys.append(self._key(claimed, each))
        return keys

    def _key(self, claimed: Claimed, sealed: str) -> bytes:
        known = (claimed.organisation, claimed.subscription, sealed)
        if (key := self._keys.get(known)) is None:
            text = self._seal.opened(sealed, purpose(claimed.organisation, claimed.subscription)).decode()
            if len(self._keys) >= KEPT_KEYS:
                self._keys.clear()
            key = self._keys[known] = signing.parsed(text)
        return key
