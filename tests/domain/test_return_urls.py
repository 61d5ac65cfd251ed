"""Where customers may be sent back to: https alone, nothing that reads differently to a person, a browser and the provider."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.examples import BOOKING_ID, CREATE_CHECKOUT
from contracts.payment import CreateCheckout
from services.booking.contact import Unfit
from services.booking.return_urls import LONGEST, Allowed, returning

ID = f"bookingId={BOOKING_ID}"
HOME = Allowed(loopback=True)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://harbour.example", f"https://harbour.example?{ID}"),
        ("https://harbour.example/thanks", f"https://harbour.example/thanks?{ID}"),
        ("https://harbour.example/?", f"https://harbour.example/?{ID}"),
        ("https://harbour.example/t?a=1&b=%20c", f"https://harbour.example/t?a=1&b=%20c&{ID}"),
        ("https://harbour.example/t#done?x=1", f"https://harbour.example/t?{ID}#done?x=1"),
        ("https://harbour.example/t?a=1#done", f"https://harbour.example/t?a=1&{ID}#done"),
        ("https://harbour.example/t?bookingId=other&a=1", f"https://harbour.example/t?a=1&{ID}"),
        (
            "https://harbour.example/t?s={CHECKOUT_SESSION_ID}",
            f"https://harbour.example/t?s={{CHECKOUT_SESSION_ID}}&{ID}",
        ),
        ("https://harbour.example:8443/t", f"https://harbour.example:8443/t?{ID}"),
        ("https://xn--caf-dma.example/t", f"https://xn--caf-dma.example/t?{ID}"),
        ("https://[2001:db8::1]/t", f"https://[2001:db8::1]/t?{ID}"),
        ("HTTPS://Harbour.Example/t", f"https://Harbour.Example/t?{ID}"),
    ],
)
def test_the_address_carries_the_booking_s_id_and_keeps_its_query(url: str, wanted: str) -> None:
    assert returning(url, BOOKING_ID, Allowed()) == wanted


@pytest.mark.parametrize(
    ("url", "issue"),
    [
        ("", "is not a URL in plain ASCII"),
        ("javascript:alert(1)", "does not begin with https://"),
        ("JavaScript:alert(1)", "does not begin with https://"),
        ("data:text/html,x", "does not begin with https://"),
        ("file:///etc/passwd", "does not begin with https://"),
        ("ftp://harbour.example/", "does not begin with https://"),
        ("//harbour.example/", "does not begin with https://"),
        ("/thanks", "does not begin with https://"),
        ("harbour.example/thanks", "does not begin with https://"),
        ("http://harbour.example/", "does not begin with https://"),
        ("https:harbour.example", "names no host"),
        ("https:///thanks", "names no host"),
        ("https://?x", "names no host"),
        ("https://:443/", "names no host"),
        ("https://-/", "names no host"),
        ("https://a..b/", "names no host"),
        ("https://ada@harbour.example/", "names a user"),
        ("https://harbour.example@evil.example/", "names a user"),
        ("https://ada:secret@harbour.example/", "names a user"),
        ("https://harbour.example:99999/", "is not a URL"),
        ("https://harbour.example:x/", "is not a URL"),
        ("https://[::1/", "is not a URL"),
        ("https://[fe80::1%25eth0]/", "names no host"),
        ("https://harbour.example\\@evil.example/", "is not a URL in plain ASCII"),
        ("https://harbour.example/\r\nX: y", "is not a URL in plain ASCII"),
        ("https://harbour.example/a b", "is not a URL in plain ASCII"),
        ("https://café.example/", "is not a URL in plain ASCII"),
        (" https://harbour.example/", "is not a URL in plain ASCII"),
        ("https://harbour.example/" + "x" * LONGEST, f"is longer than {LONGEST} characters"),
    ],
)
@pytest.mark.parametrize("allowed", [Allowed(), HOME])
def test_an_address_is_refused_and_said_why(url: str, issue: str, allowed: Allowed) -> None:
    with pytest.raises(Unfit) as unfit:
        returning(url, BOOKING_ID, allowed)
    assert str(unfit.value).startswith(issue)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:3000", "127.0.0.1", "127.9.9.9:8080", "[::1]", "[::1]:3000"])
def test_this_machine_needs_no_tls_for_development_alone(host: str) -> None:
    assert returning(f"http://{host}/t", BOOKING_ID, HOME).endswith(ID)
    with pytest.raises(Unfit, match="https"):
        returning(f"http://{host}/t", BOOKING_ID, Allowed())


@pytest.mark.parametrize(
    "host", ["localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "0.0.0.0", "2130706433"]
)
def test_another_machine_needs_tls_for_development_too(host: str) -> None:
    with pytest.raises(Unfit, match="https"):
        returning(f"http://{host}/t", BOOKING_ID, HOME)


def test_only_the_hosts_that_are_named_count_where_some_are() -> None:
    allowed = Allowed(hosts=frozenset({"harbour.example"}))
    assert returning("https://Harbour.Example/t", BOOKING_ID, allowed).endswith(ID)
    for other in ("https://evil.example/", "https://harbour.example.evil.example/", "https://www.harbour.example/"):
        with pytest.raises(Unfit, match="not allowed"):
            returning(other, BOOKING_ID, allowed)


@given(st.one_of(st.text(max_size=60), st.from_regex(r"[hH]ttp[sS]?:[/\\@:.?#\[\]a-z0-9%-]{0,40}", fullmatch=True)))
def test_whatever_is_given_is_a_plain_https_address_with_the_id_or_is_refused(url: str) -> None:
    try:
        made = returning(url, BOOKING_ID, Allowed())
    except Unfit:
        return
    assert made.startswith("https://")
    page = {**dict(CREATE_CHECKOUT), "success_url": made}
    assert CreateCheckout(**page).success_url == made, "a checkout takes it"
    assert ID in made.partition("#")[0].partition("?")[2].split("&")
    assert "@" not in made[8:].partition("/")[0].partition("?")[0].partition("#")[0]
    assert len(made) <= 2000
