"""What an address of Kafka says, and that its errors keep its secret."""

import pytest

from contracts.connecting import NoAddress, address


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("kafka:9092", {"bootstrap_servers": "kafka:9092"}),
        ("one:9092,two:9092", {"bootstrap_servers": "one:9092,two:9092"}),
        ("[::1]:9092", {"bootstrap_servers": "[::1]:9092"}),
        (
            "scram-sha-512://booking:s3cret@one:9092,two:9092",
            {
                "bootstrap_servers": "one:9092,two:9092",
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": "booking",
                "sasl_plain_password": "s3cret",
            },
        ),
        (
            "plain://a%40b:c%3A%2F@kafka:9092",
            {
                "bootstrap_servers": "kafka:9092",
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "PLAIN",
                "sasl_plain_username": "a@b",
                "sasl_plain_password": "c:/",
            },
        ),
    ],
)
def test_an_address_says_where_and_as_whom(text: str, options: dict[str, str]) -> None:
    assert address(text).options == options


@pytest.mark.parametrize(
    ("text", "protocol"), [("tls://kafka:9093", "SSL"), ("plain+tls://a:b@kafka:9093", "SASL_SSL")]
)
def test_an_encrypted_line_is_asked_for_by_name(text: str, protocol: str) -> None:
    options = address(text).options
    assert options["security_protocol"] == protocol
    assert options["ssl_context"].check_hostname


@pytest.mark.parametrize(
    "text",
    [
        "",
        "scram-sha-512://kafka:9092",  # nobody
        "scram-sha-512://user@kafka:9092",  # without a password
        "scram-sha-512://user:hidden@",  # nowhere
        "user:hidden@kafka:9092",  # by which mechanism?
        "plain+scram-sha-512://user:hidden@kafka:9092",
        "gssapi://user:hidden@kafka:9092",
    ],
)
def test_half_an_address_is_refused_and_its_secret_kept(text: str) -> None:
    with pytest.raises(NoAddress) as refused:
        address(text)
    assert "hidden" not in str(refused.value)


def test_a_password_is_not_shown() -> None:
    assert "hidden" not in repr(address("plain://user:hidden@kafka:9092"))
