"""A customer in a real browser, on a whole platform: pays; is declined and then pays; pays slowly; walks away."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browsing import CHROMIUM, Tab, shop_pages, tab
from cashier import Cashier, cashier

from embedded.platform import Platform

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no browser: install chromium (Debian: apt-get install chromium)"
)


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[dict[str, str]]:
    """The pages of a shop to which its customers come back."""
    async with shop_pages() as url:
        yield {"success_url": f"{url}/paid", "cancel_url": f"{url}/left"}


@pytest.fixture
async def mine(platform: Platform) -> AsyncIterator[Cashier]:
    async with cashier(platform) as made:
        yield made


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Tab]:
    async with tab(tmp_path) as opened:
        yield opened


async def test_a_customer_pays(mine: Cashier, shop: dict[str, str], browser: Tab) -> None:
    await browser.tell("Page.navigate", url=await mine.opened(**shop))
    await browser.shows("Pay 25.00 EUR")
    await browser.value("document.querySelector('[value=pay]').click()")
    await browser.shows("arrived at /paid")
    await mine.event("PaymentSucceeded")
    assert mine.count("PaymentFailed") == 0


async def test_a_customer_is_declined_and_pays_on_the_same_page(
    mine: Cashier, shop: dict[str, str], browser: Tab
) -> None:
    await browser.tell("Page.navigate", url=await mine.opened(**shop))
    await browser.shows("Pay 25.00 EUR")
    await browser.value("document.querySelector('#card').value = '4000000000009995'")
    await browser.value("document.querySelector('[value=pay]').click()")
    await browser.shows("insufficient funds")
    failed = await mine.event("PaymentFailed")
    assert failed["reason"] == "declined"
    assert "insufficient funds" in failed["message"]
    await browser.value("document.querySelector('#card').value = '4242424242424242'")
    await browser.value("document.querySelector('[value=pay]').click()")
    await browser.shows("arrived at /paid")
    await mine.event("PaymentSucceeded")


async def test_a_customer_pays_by_a_slow_method(mine: Cashier, shop: dict[str, str], browser: Tab) -> None:
    await browser.tell("Page.navigate", url=await mine.opened(**shop))
    await browser.shows("Pay 25.00 EUR")
    await browser.value("document.querySelector('[value=pay_slowly]').click()")
    await browser.shows("arrived at /paid")
    await mine.event("PaymentProcessing")
    await mine.event("PaymentSucceeded")


async def test_a_customer_walks_away_and_the_success_page_alone_pays_nothing(
    mine: Cashier, shop: dict[str, str], browser: Tab
) -> None:
    """Security item 29."""
    await browser.tell("Page.navigate", url=await mine.opened(**shop))
    await browser.shows("Back without paying")
    await browser.value("document.querySelector('#leave').click()")
    await browser.shows("arrived at /left")
    await browser.tell("Page.navigate", url=shop["success_url"])
    await browser.shows("arrived at /paid")
    await mine.listen(1000)
    assert (mine.count("PaymentSucceeded"), mine.count("PaymentFailed")) == (0, 0)
    assert [each["status"] for each in await mine.of("checkout_sessions")] == ["open"]
