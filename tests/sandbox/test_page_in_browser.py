"""The checkout page in a real browser without JavaScript: pay, decline and then pay, walk away."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browsing import CHROMIUM, Tab, shop_pages, tab
from sandboxed import Sandbox

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no browser: install chromium (Debian: apt-get install chromium)"
)


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[str]:
    """A shop that says at which of its pages the customer has arrived."""
    async with shop_pages() as url:
        yield url


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Tab]:
    async with tab(tmp_path) as mine:
        yield mine


async def test_a_customer_is_declined_then_pays_another_one_walks_away(
    stripes: Sandbox, shop: str, browser: Tab
) -> None:
    urls = {"success_url": shop + "/paid?session={CHECKOUT_SESSION_ID}", "cancel_url": shop + "/left"}
    sessions = stripes.client.v1.checkout.sessions

    session = await stripes.opened(**urls)
    await browser.tell("Page.navigate", url=session.url)
    await browser.shows("Pay 30.00 EUR")
    assert await browser.value("getComputedStyle(document.querySelector('.notice')).borderStyle") == "dashed"
    await browser.value("document.querySelector('[value=decline]').click()")
    await browser.shows("Your card was declined.")
    assert (await sessions.retrieve_async(session.id)).status == "open"

    # By keyboard alone: into the field, another number, Enter.
    await browser.value("document.querySelector('#card').select()")
    await browser.value("document.querySelector('#card').focus()")
    await browser.tell("Input.insertText", text="5555 5555 5555 4444")
    await browser.press("Enter", "\r")
    await browser.shows(f"arrived at /paid with {session.id}")
    assert (await sessions.retrieve_async(session.id)).payment_status == "paid"

    left = await stripes.opened(**urls)
    await browser.tell("Page.navigate", url=left.url)
    await browser.shows("Back without paying")
    await browser.value("document.querySelector('#leave').click()")
    await browser.shows("arrived at /left")
    assert (await sessions.retrieve_async(left.id)).status == "open"

    await browser.tell("Page.navigate", url=left.url)
    await browser.shows("Pay by a slow method")
    await browser.value("document.querySelector('[value=pay_slowly]').click()")
    await browser.shows(f"arrived at /paid with {left.id}")
