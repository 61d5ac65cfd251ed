"""The checkout page: plain HTML, no script, nothing loaded from anywhere."""

import base64
import hashlib
from html import escape
from urllib.parse import urlsplit

from services.payment.sandbox import cards, money
from services.payment.sandbox.objects import Object

STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0; background: Canvas; color: CanvasText; }
main { max-width: 32rem; margin: 0 auto; padding: 1.5rem; }
.notice { border: 2px dashed; padding: .5rem .75rem; }
.error { border-left: .4rem solid #c00; padding: .5rem .75rem; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; font-weight: bold; }
th, td { text-align: left; padding: .4rem 0; border-bottom: 1px solid GrayText; }
th:last-child, td:last-child { text-align: right; }
label { display: block; font-weight: bold; margin-top: 1rem; }
input, button { font: inherit; padding: .6rem; min-height: 2.75rem; box-sizing: border-box; width: 100%; }
button { margin-top: .75rem; cursor: pointer; }
a { display: inline-block; padding: .6rem 0; }
:focus-visible { outline: 3px solid Highlight; outline-offset: 2px; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


def headers(session: Object | None) -> dict[str, str]:
    """What the browser may do: post here, and follow the way back to the shop."""
    # Browsers hold the redirect after a form against form-action too.
    shop = "{0.scheme}://{0.netloc}".format(urlsplit(session["success_url"])) if session else ""
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
        f"form-action 'self' {shop}; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }


def back(url: str, session: Object) -> str:
    """The shop's URL, with the session's id where it asks for it."""
    return url.replace("{CHECKOUT_SESSION_ID}", session["id"])


def checkout(session: Object, failed: str | None = None, number: str = cards.GOOD) -> str:
    """The page of an open session. `failed` says why the last try did not work."""
    total = escape(money.written(session["amount_total"], session["currency"]))
    rows = "".join(
        f"<tr><td>{escape(item['description'])}</td><td>{item['quantity']}</td>"
        f"<td>{escape(money.written(item['amount_total'], item['currency']))}</td></tr>"
        for item in session["line_items"]["data"]
    )
    error = f'<p class="error" role="alert" id="error">{escape(failed)}</p>' if failed else ""
    described = 'aria-invalid="true" aria-describedby="error cards"' if failed else 'aria-describedby="cards"'
    leave = f'<a id="leave" href="{_attribute(back(session["cancel_url"], session))}">Back without paying</a>'
    return _page(
        f"Pay {total}",
        f"""<h1>Pay {total}</h1>
<p class="notice">This is a sandbox. No money moves; do not enter a real card.</p>
<table><caption>What you pay for</caption>
<thead><tr><th scope="col">What</th><th scope="col">How many</th><th scope="col">Amount</th></tr></thead>
<tbody>{rows}</tbody>
<tfoot><tr><th scope="row" colspan="2">Total</th><td id="total">{total}</td></tr></tfoot></table>
{error}
<form method="post">
<label for="card">Test card number</label>
<input id="card" name="card" inputmode="numeric" autocomplete="off" maxlength="40" required value="{_attribute(number)}" {described}>
<p id="cards">4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined, 4000 0000 0000 9995 has no funds; Stripe's other
test numbers work too.</p>
<button name="action" value="pay">Pay {total}</button>
<button name="action" value="pay_slowly">Pay by a slow method: it is settled later</button>
<button name="action" value="decline">Let the bank decline it</button>
</form>
{leave if session["cancel_url"] else ""}""",
    )


def closed(session: Object) -> str:
    """The page of a session that nobody can pay any more."""
    said = {"expired": "This checkout has expired.", "complete": "This checkout is complete: you need not pay again."}
    url = session["cancel_url"] if session["status"] == "expired" else session["success_url"]
    link = f'<p><a id="leave" href="{_attribute(back(url, session))}">Back to the shop</a></p>' if url else ""
    return _page("Checkout closed", f"<h1>{said[session['status']]}</h1>\n{link}")


def nothing() -> str:
    """The page of a session that there never was."""
    return _page(
        "No such checkout", "<h1>There is no such checkout.</h1>\n<p>Follow the link of the shop once more.</p>"
    )


def _attribute(value: str) -> str:
    return escape(value, quote=True)


def _page(title: str, main: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{main}
</main>
</body>
</html>
"""
