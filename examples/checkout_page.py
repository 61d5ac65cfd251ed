"""A customer at a checkout page, without a browser: the page's own form, filled in and sent as a browser sends it."""

import time
from dataclasses import dataclass, field
from html.parser import HTMLParser

import aiohttp

from examples.telling import Teller, Unexpected


@dataclass
class Button:
    """What is sent when it is clicked, and what stands on it."""

    name: str
    value: str
    text: str = ""


@dataclass
class _Page(HTMLParser):
    title: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[Button] = field(default_factory=list)
    _inside: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        has = {name: value or "" for name, value in attrs}
        if tag == "input" and "name" in has:
            self.fields[has["name"]] = has.get("value", "")
        elif tag == "button":
            self.buttons.append(Button(has.get("name", ""), has.get("value", "")))

    def handle_endtag(self, _tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.title += data
        elif self._inside == "button":
            self.buttons[-1].text += data


async def pay(teller: Teller, url: str) -> str:
    """Open the page, leave its card as it is, click the first button; where the customer is sent. Raises Unexpected.

    Without the shop's token: the customer has none."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as browser:
        began = time.monotonic()
        teller.asks("GET", url, {}, None, None)
        async with browser.get(url) as answer:
            page = _Page()
            page.feed(await answer.text())
            teller.answers(answer.status, (time.monotonic() - began) * 1000, [], None)
        teller.happens(f"The page “{page.title}”: {_written(page.fields)}; buttons:", colour="")
        teller.happens(*(f"  [{button.text}]" for button in page.buttons), colour="")
        if answer.status != 200 or not page.buttons:
            raise Unexpected(f"The page was answered {answer.status}, with {len(page.buttons)} buttons.")

        click = page.buttons[0]
        form = {**page.fields, click.name: click.value}
        teller.aside(f"A person clicks “{click.text}”; the browser sends the form:")
        began = time.monotonic()
        teller.asks("POST", url, {}, None, None)
        teller.happens("&".join(f"{name}={value}" for name, value in form.items()), colour="")
        async with browser.post(url, data=form, allow_redirects=False) as answer:
            leads = answer.headers.get("Location", "")
            teller.answers(
                answer.status, (time.monotonic() - began) * 1000, [("Location", leads)] if leads else [], None
            )
        if answer.status != 303:
            raise Unexpected(f"The form was answered {answer.status}, expected was 303.")
        return leads


def _written(fields: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in fields.items())
