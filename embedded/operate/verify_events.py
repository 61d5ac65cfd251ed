"""The versions of bookings against the events that tell of them."""

from datetime import datetime

from embedded.operate import databases
from embedded.operate.findings import Report
from embedded.operate.places import Place
from embedded.operate.scratch import Scratch

# Of those that began while the log remembers every version counts; of older ones all from the first that it still has.
_GAPS = """
SELECT b.key, b.version, count(DISTINCT e.version) AS told, min(e.version), max(e.version), b.created >= ? AS whole
FROM bookings b
LEFT JOIN events e ON e.key = b.key AND e.version <= b.version
WHERE b.listed
GROUP BY b.key
HAVING (whole AND told <> b.version - 1) OR (told > 0 AND (told <> max(e.version) - min(e.version) + 1 OR max(e.version) < b.version))
"""
_TWICE = "SELECT key, version, count(*) FROM events GROUP BY key, version HAVING count(*) > 1"
_DISORDER = """
SELECT key, version, before
FROM (SELECT key, version, place, lag(version) OVER (PARTITION BY key ORDER BY place) AS before
  FROM (SELECT key, version, min(place) AS place FROM events GROUP BY key, version))
WHERE before > version
"""
_BEYOND = """
SELECT e.key, max(e.version), b.version
FROM events e
LEFT JOIN bookings b ON b.key = e.key
GROUP BY e.key
HAVING b.key IS NULL OR max(e.version) > b.version
"""
_VERSION = "SELECT version FROM bookings WHERE organisation_id = $1 AND id = $2::uuid"
_SOME = "SELECT DISTINCT version FROM events WHERE key = ?"
NAMED = 10
RULE = "versions-have-one-event-each"


async def compared(place: Place, scratch: Scratch, report: Report, begin: datetime) -> None:
    """Each version from 2 on has one event, in order, and there is no event of a version that never was."""
    for key, version, told, first, _, whole in list(scratch.ask(_GAPS, begin.timestamp())):
        there = {number for (number,) in scratch.ask(_SOME, key)}
        missing = sorted(set(range(2 if whole else first or 2, version + 1)) - there)
        if missing:
            names = ", ".join(map(str, missing[:NAMED])) + (" …" if len(missing) > NAMED else "")
            report.add(RULE, key, f"the booking is at version {version}, {told} events tell of it; missing: {names}")
    for key, version, count in scratch.ask(_TWICE):
        report.add(RULE, key, f"version {version} has {count} events of different ids")
    for key, version, before in scratch.ask(_DISORDER):
        report.add(RULE, key, f"the event of version {version} came after that of version {before}")
    beyond = list(scratch.ask(_BEYOND))
    async with databases.connected(place.databases["booking"]) as connection:
        for key, told, _ in beyond:  # the booking may have gone on since it was read
            organisation, _, booking_id = key.partition("/")
            version = await connection.fetchval(_VERSION, organisation, booking_id)
            if version is None or version < told:
                has = f"is at version {version}" if version else "is not there"
                report.add(RULE, key, f"an event tells of version {told}, the booking {has}")
    [(count,)] = scratch.ask("SELECT count(*) FROM events")
    report.looked["events"] = count
