"""docs/kafka-without-python.md: its record is the sample, its hash and ids are the ones that services work out, no header is missing."""

import hashlib
import json
import re
import uuid
from pathlib import Path

from aiokafka import ConsumerRecord

from chassis import dead_letters
from chassis.inbox import Stored
from contracts import sample_records
from contracts.booking import CUSTOMERS, BookingAnswer, CreateBooking, customer_id
from contracts.booking_commands import booking_id
from contracts.envelope import EDGE, edge_id, stamp, write
from contracts.examples import NOON_BEFORE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "kafka-without-python.md").read_text(encoding="utf-8")
SAID = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])


def test_the_record_of_the_page_is_the_sample() -> None:
    assert json.loads((ROOT / "contracts/samples/CreateBooking.v1.json").read_text(encoding="utf-8")) == SAID


def test_the_hash_of_the_page_is_the_one_in_the_answer() -> None:
    canonical, hashed = re.findall(r"```text\n(.*?)\n(.*?)\n```", PAGE)[0]
    said = [SAID["headers"]["ce_organisationid"], SAID["headers"]["ce_type"], SAID["body"]]
    assert canonical == json.dumps(said, sort_keys=True, separators=(",", ":"))
    assert hashed == hashlib.sha256(canonical.encode()).hexdigest()
    answer = sample_records.records()[BookingAnswer.type]
    assert dict(answer.headers)["ce_requesthash"].decode() == hashed


def test_ids_are_made_as_the_page_says() -> None:
    key = re.findall(r"The key above is `(.*?)`, the client `(.*?)`", PAGE)[0]
    command = str(uuid.uuid5(uuid.UUID(EDGE), f"demo|{key[1]}|{key[0]}"))
    assert SAID["headers"]["ce_id"] == command == edge_id("demo", key[1], key[0])
    assert SAID["body"]["bookingId"] == str(uuid.uuid5(uuid.UUID(command), "booking")) == booking_id(command)
    ada = str(uuid.uuid5(uuid.UUID(CUSTOMERS), "demo|ada@example.org"))
    assert ada == customer_id("demo", "Ada@example.org")
    assert f'uuid5("{EDGE}", ' in PAGE
    assert f'uuid5("{CUSTOMERS}", ' in PAGE


def test_every_header_of_a_command_and_of_a_dead_letter_is_on_the_page() -> None:
    command = SAID["headers"]["ce_id"]
    when = stamp(NOON_BEFORE)
    written = write(b"-", command, CreateBooking.type, "demo", command, when, "-", command, "-", traceparent=b"-")
    record: ConsumerRecord[bytes, bytes] = ConsumerRecord("t", 0, 0, 0, 1, None, b"", 0, 0, 0, [])
    letter = dead_letters.headers(record, Stored("", "-", "why", "", b""), "booking")
    names = {name for name, _ in [*written, *letter]}
    assert {name for name in names if f"`{name}`" not in PAGE} == set()
