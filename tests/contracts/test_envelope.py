"""What the headers of a record say, and what they may not say."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import envelope, examples
from contracts.envelope import UnreadableEnvelope, read, stamp, write
from contracts.model import EARLIEST, LATEST

ID = "0f0f0f0f-1111-5222-8333-444455556666"
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

ids = st.uuids().map(str)
organisations = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)
moments = st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
reply_topics = st.from_regex(r"[a-z0-9-]{1,20}(\.[a-z0-9-]{1,20}){0,3}\.replies", fullmatch=True)
traces = st.from_regex(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True)


def headers(**changes: bytes | None) -> list[tuple[str, bytes | None]]:
    """Those of a good record with these changed; None takes one away."""
    good = write(b"/clients/test", ID, "holdfast.HoldSlot.v1", "demo", ID, stamp(examples.NOON_BEFORE), ID)
    changed = {name.replace("content_type", "content-type"): value for name, value in changes.items()}
    return [(name, value) for name, value in (dict(good) | changed).items() if value is not None]


@given(
    ids,
    st.from_regex(r"holdfast\.[A-Z][A-Za-z]{0,40}\.v[0-9]{1,3}", fullmatch=True),
    organisations,
    ids,
    moments,
    st.none() | ids,
    st.none() | reply_topics,
    st.none() | moments,
    st.none() | traces,
)
def test_what_is_written_is_read(
    message_id: str,
    kind: str,
    organisation: str,
    correlation: str,
    created: datetime,
    causation: str | None,
    reply_to: str | None,
    due_at: datetime | None,
    trace: bytes | None,
) -> None:
    due = stamp(due_at).decode() if due_at else ""
    written = write(
        b"booking", message_id, kind, organisation, correlation, stamp(created), ID, causation, reply_to, due, trace
    )
    assert read(written, 0) == envelope.Envelope(
        message_id, kind, organisation, correlation, causation, created, reply_to, due_at, trace
    )


MALFORMED: dict[str, list[bytes | None]] = {
    "ce_specversion": [b"", b"0.3", b"1.0.2", b"\xff"],
    "ce_id": [
        None,
        b"",
        b"42",
        ID.upper().encode(),
        ID.encode() + b"\n",
        b" " + ID.encode(),
        ID.replace("-", "").encode(),
        b"{%s}" % ID.encode(),
        b"\xff" * 36,
        b"x" * 1_000_000,
    ],
    "ce_type": [None, b"", b"holdfast Hold", "holdfast.Höld.v1".encode(), b"x" * 201, b"a\x00", b"a\n", b"\xff"],
    "ce_organisationid": [
        None,
        b"",
        b"a|b",
        b"Demo",
        b"-demo",
        b"a" * 64,
        b"de mo",
        b"demo\n",
        "dém".encode(),
        b"\xff",
    ],
    "ce_correlationid": [b"", b"42", ID.encode() + b"\n", b"\xff"],
    "ce_causationid": [b"", b"42", ID.upper().encode(), b"\x00"],
    "ce_replyto": [
        b"",
        b"replies",
        b".replies",
        b"booking.commands",
        b"booking.commands.replies.x",
        b"gateway.replies\n",
        b"gateway.replies ",
        b"Gateway.replies",
        b"gateway..replies",
        b"../gateway.replies",
        b"gateway_1.replies",
        b"gateway.repliess",
        b"x" * 242 + b".replies",
        b"\xff.replies",
    ],
    "ce_time": [
        b"",
        b"1768122000",
        b"2027-01-10",
        b"2027-01-10T12:00:00",
        b"2027-01-10 12:00:00Z",
        b"2027-01-10T12:00:00,5Z",
        b"20270110T120000Z",
        b"2027-W01-7T12:00:00Z",
        b"2027-13-10T12:00:00Z",
        b"2027-01-10T25:00:00Z",
        b"2027-01-10T12:00:00+24:00",
        b"2027-01-10T12:00:00+01:00:01",
        b"9999-12-31T23:59:59-14:00",
        b"0001-01-01T00:00:00+14:00",
        b"1969-12-31T23:59:59Z",
        b"2200-01-01T00:00:01Z",
        b"2027-01-10T12:00:00Z\n",
        "٢٠٢٧-01-10T12:00:00Z".encode(),
        b"\xff",
    ],
}
MALFORMED["ce_dueat"] = MALFORMED["ce_time"]


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in MALFORMED.items() for value in values],
    ids=lambda part: repr(part)[:40],
)
def test_malformed_header_is_refused_by_its_name(name: str, value: bytes | None) -> None:
    with pytest.raises(UnreadableEnvelope, match=f"^{name} is "):
        read(headers(**{name: value}), 0)


@given(st.dictionaries(st.sampled_from([*MALFORMED, "traceparent", "x"]), st.binary(max_size=60)), st.integers())
def test_no_header_is_more_than_unreadable(changes: dict[str, bytes], timestamp: int) -> None:
    without_time = [header for header in headers(**changes) if header[0] != "ce_time" or "ce_time" in changes]
    try:
        found = read(without_time, timestamp)
    except UnreadableEnvelope:
        return
    assert EARLIEST <= found.created <= LATEST
    assert found.created.tzinfo is UTC


@pytest.mark.parametrize("timestamp", [-1, -(10**18), 10**18, 2**63 - 1])
def test_timestamp_of_a_record_that_is_no_time_is_refused(timestamp: int) -> None:
    with pytest.raises(UnreadableEnvelope, match="the record's timestamp is out of range"):
        read(headers(ce_time=None), timestamp)


def test_without_a_time_the_message_was_made_when_its_record_was_written() -> None:
    assert read(headers(ce_time=None), 1_768_122_000_123).created == datetime(2026, 1, 11, 9, 0, 0, 123000, UTC)


def test_without_a_correlation_a_message_began_by_itself() -> None:
    assert read(headers(ce_correlationid=None), 0).correlation == ID


def test_without_a_specversion_it_is_taken_for_ours() -> None:
    assert read(headers(ce_specversion=None), 0).id == ID


@pytest.mark.parametrize("trace", [b"", b"00-0", TRACE.upper(), b"\xff", TRACE + b"\n"])
def test_malformed_trace_begins_anew(trace: bytes) -> None:
    assert read(headers(traceparent=trace), 0).traceparent is None
    assert read(headers(traceparent=TRACE), 0).traceparent == TRACE


def test_null_header_is_a_missing_one() -> None:
    assert read([*headers(ce_replyto=None), ("ce_replyto", None)], 0).reply_to is None
    with pytest.raises(UnreadableEnvelope, match="ce_id is missing"):
        read([*headers(ce_id=None), ("ce_id", None)], 0)


@given(st.binary(max_size=40) | reply_topics.map(str.encode))
def test_nothing_but_a_reply_topic_is_ever_answered_to(topic: bytes) -> None:
    try:
        accepted = read(headers(ce_replyto=topic), 0).reply_to
    except UnreadableEnvelope:
        return
    assert accepted is not None
    assert accepted.endswith(".replies")
    assert accepted.encode() == topic


@given(moments, st.integers(-14 * 60, 14 * 60))
def test_stamp_is_utc_and_sorts_as_text(moment: datetime, offset: int) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(minutes=offset)))
    assert stamp(elsewhere) == stamp(moment)
    assert read(headers(ce_time=elsewhere.isoformat().encode()), 0).created == moment
    assert stamp(moment) < stamp(moment + timedelta(microseconds=1))
