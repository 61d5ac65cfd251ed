"""The `holdfast` command with stand-ins for the services: its own tests must not wait for theirs."""

from embedded import command, platform


async def _nothing_to_provide(_self: platform.Platform) -> None:
    """The stand-ins need neither topics nor tables."""


if __name__ == "__main__":
    platform.WAVES = [dict.fromkeys(wave, "tests.embedded.stand_in") for wave in platform.WAVES]
    platform.Platform._provision = _nothing_to_provide  # type: ignore[method-assign]
    command.main()
