"""How many slots a client may hold, and how often that is counted."""

from services.booking.caps import MOST_CLIENTS, WORKERS, Caps, Client

ADA, BOB = ("demo", "ada"), ("demo", "bob")


class Rows:
    """What the database has, and how often it was asked."""

    def __init__(self, most: int) -> None:
        self.now = 0.0
        self.caps = Caps(most, lambda: self.now)
        self.held: dict[Client, int] = {}
        self.counts = 0

    def batch(self, client: Client, wanted: int) -> int:
        """A batch of bookings of one client; how many were admitted."""
        for due in self.caps.due({client: wanted}):
            self.counts += 1
            self.caps.counted(due, min(self.held.get(due, 0), self.caps.most))
        admitted = sum(self.caps.admits(client) for _ in range(wanted))
        self.held[client] = self.held.get(client, 0) + admitted
        return admitted


def test_client_holds_the_most_and_not_one_more() -> None:
    rows = Rows(50)
    assert [rows.batch(ADA, 30), rows.batch(ADA, 30), rows.batch(ADA, 1)] == [30, 20, 0]
    assert rows.batch(BOB, 50) == 50
    assert rows.batch(("rival", "ada"), 1) == 1


def test_client_may_hold_again_when_something_was_let_go() -> None:
    rows = Rows(50)
    rows.batch(ADA, 50)
    rows.held[ADA] -= 1
    rows.now += 1
    assert [rows.batch(ADA, 1), rows.batch(ADA, 1)] == [1, 0]


def test_client_far_from_the_cap_is_not_counted_for_every_batch() -> None:
    rows = Rows(100_000)
    for _ in range(1000):
        rows.now += 0.01
        rows.batch(ADA, 50)
    assert rows.held[ADA] == 50_000
    assert rows.counts < 30


def test_client_at_a_large_cap_is_counted_no_more_often_than_it_is_worth() -> None:
    rows = Rows(100_000)
    rows.held[ADA] = 100_000
    for _ in range(1000):
        rows.now += 0.01
        assert rows.batch(ADA, 50) == 0
    assert rows.counts <= 6, "a count of 100,000 rows every two seconds"


def test_workers_side_by_side_exceed_the_cap_by_little() -> None:
    """Each admits the same number, none sees what the others have not committed."""
    rows = Rows(1000)
    others = [Caps(1000, lambda: rows.now) for _ in range(WORKERS)]
    for _ in range(1000):
        rows.now += 0.1
        seen = rows.held.get(ADA, 0)
        for caps in others:
            for due in caps.due({ADA: 1}):
                caps.counted(due, min(seen, 1000))
            rows.held[ADA] = rows.held.get(ADA, 0) + caps.admits(ADA)
    assert 1000 <= rows.held[ADA] < 1000 + WORKERS


def test_clients_that_are_forgotten_are_counted_again() -> None:
    rows = Rows(2)
    for number in range(MOST_CLIENTS + 1):
        rows.batch(("demo", str(number)), 1)
    before = rows.counts
    rows.batch(("demo", "0"), 1)
    assert rows.counts == before + 1
