"""Sealed secrets: opened by whoever has the key, for the same purpose, and by nobody else."""

import base64

import pytest

from chassis.sealing import NotSealedHere, Seal, UnfitKey

OLD, NEW = (base64.b64encode(bytes([number]) * 64).decode() for number in (1, 2))


def test_what_is_sealed_is_opened_for_the_same_purpose_only() -> None:
    seal = Seal([NEW])
    sealed = seal.seal(b"whsec_x", "demo/1")
    assert seal.opened(sealed, "demo/1") == b"whsec_x"
    assert "whsec" not in sealed
    for other in ("demo/2", "rival/1", ""):
        with pytest.raises(NotSealedHere):
            seal.opened(sealed, other)


def test_the_same_secret_is_sealed_into_the_same_text() -> None:
    assert Seal([NEW]).seal(b"x", "a") == Seal([NEW]).seal(b"x", "a")
    assert Seal([NEW]).seal(b"x", "a") != Seal([NEW]).seal(b"x", "b")


def test_a_key_that_was_replaced_still_opens() -> None:
    sealed = Seal([OLD]).seal(b"x", "a")
    assert Seal([NEW, OLD]).opened(sealed, "a") == b"x"
    with pytest.raises(NotSealedHere):
        Seal([NEW]).opened(sealed, "a")


@pytest.mark.parametrize("damaged", ["", "x", "AAAA", "§", "A" * 100])
def test_what_was_never_sealed_is_not_opened(damaged: str) -> None:
    with pytest.raises(NotSealedHere):
        Seal([NEW]).opened(damaged, "a")


def test_each_changed_character_is_noticed() -> None:
    sealed = Seal([NEW]).seal(b"whsec_secret", "a")
    for place in range(len(sealed) - 1):  # of the last one not every bit counts
        changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
        with pytest.raises(NotSealedHere):
            Seal([NEW]).opened(changed, "a")


@pytest.mark.parametrize("key", ["", "x", base64.b64encode(bytes(32)).decode(), "§" * 88])
def test_a_key_of_another_form_is_refused(key: str) -> None:
    with pytest.raises(UnfitKey):
        Seal([key])


def test_derived_bytes_follow_from_key_and_name() -> None:
    assert Seal([NEW]).derived("a") == Seal([NEW, OLD]).derived("a")
    assert len({Seal([NEW]).derived("a"), Seal([NEW]).derived("b"), Seal([OLD]).derived("a")}) == 3
    assert len(Seal([NEW]).derived("a")) == 32
