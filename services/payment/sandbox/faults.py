"""Switches for what goes wrong at a provider. They are stored, so a restart leaves them on."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.payment.sandbox import money
from services.payment.sandbox.store import Store

Kind = Literal[
    "lost",
    "rate_limited",
    "conflict",
    "slow",
    "stored_500",
    "balance_insufficient",
    "timeout_after_effect",
    "wrong_amount",
    "webhooks_duplicated",
    "webhooks_reversed",
    "webhooks_delayed",
    "webhooks_never",
]
OPERATIONS = (
    "checkout.sessions.create",
    "checkout.sessions.retrieve",
    "checkout.sessions.list",
    "checkout.sessions.expire",
    "payment_intents.retrieve",
    "refunds.create",
    "refunds.retrieve",
    "refunds.list",
    "events.retrieve",
    "events.list",
)
PAY = "pay"
SECONDS = {"slow": 30.0, "timeout_after_effect": 30.0, "webhooks_delayed": 3600.0, "webhooks_reversed": 60.0}


class Fault(BaseModel):
    """One switch; README.md says what each does and which fields it heeds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: Kind
    operation: str | None = None
    times: Annotated[int, Field(ge=1)] | None = 1
    seconds: Annotated[float, Field(ge=0, le=1_000_000)] | None = None
    effect: bool = True
    cents: Annotated[int, Field(ge=-money.LARGEST, le=money.LARGEST)] = -1
    currency: str | None = None
    copies: Annotated[int, Field(ge=2, le=100)] = 5
    id: int = 0

    @model_validator(mode="after")
    def _makes_sense(self) -> "Fault":
        if self.fault.startswith("webhooks_"):
            if self.operation is not None:
                raise ValueError("a webhook belongs to no operation")
        elif self.operation not in (None, PAY if self.fault == "wrong_amount" else None, *OPERATIONS):
            raise ValueError(f"operations are {', '.join(OPERATIONS)}")
        if self.fault == "webhooks_reversed" and (self.times is None or self.times < 2):
            raise ValueError("webhooks_reversed needs times, the number of events, of at least 2")
        if self.currency is not None and self.currency not in money.CURRENCIES:
            raise ValueError("there is no such currency")
        return self

    @property
    def lasts(self) -> float:
        """Seconds, where the fault has any."""
        return SECONDS.get(self.fault, 0.0) if self.seconds is None else self.seconds


class Faults:
    """Those that are switched on."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, fault: Fault) -> Fault:
        """Switch one on."""
        # A wrong amount shows when the customer pays, unless it is to show at once.
        operation = fault.operation or (PAY if fault.fault == "wrong_amount" else None)
        added = self._store.db.execute(
            "INSERT INTO faults (fault, operation, remaining, body) VALUES (?, ?, ?, ?)",
            (fault.fault, operation, fault.times, fault.model_dump_json()),
        )
        return fault.model_copy(update={"id": added.lastrowid, "operation": operation})

    def all(self) -> list[dict[str, Any]]:
        """Every switch that is on; `times` is how often it still strikes."""
        rows = self._store.db.execute("SELECT * FROM faults ORDER BY id")
        return [
            {**json.loads(row["body"]), "id": row["id"], "operation": row["operation"], "times": row["remaining"]}
            for row in rows
        ]

    def clear(self, now: float) -> None:
        """Switch all off; events that were kept back for their order go out."""
        self._store.db.execute("DELETE FROM faults")
        self._store.db.execute("UPDATE deliveries SET due_at = ?, held_by = NULL WHERE held_by IS NOT NULL", (now,))

    def take(self, operation: str | None, *kinds: Kind) -> Fault | None:
        """The oldest fault of these kinds that strikes here, and one strike less of it."""
        row = self._store.db.execute(
            f"""SELECT id, remaining, body FROM faults
                WHERE fault IN ({", ".join("?" * len(kinds))}) AND (operation IS NULL OR operation = ?)
                ORDER BY id LIMIT 1""",  # noqa: S608 - question marks
            (*kinds, operation),
        ).fetchone()
        if row is None:
            return None
        if row["remaining"] == 1:
            self._store.db.execute("DELETE FROM faults WHERE id = ?", (row["id"],))
        else:
            self._store.db.execute("UPDATE faults SET remaining = remaining - 1 WHERE id = ?", (row["id"],))
        fault = Fault.model_validate_json(row["body"])
        return fault.model_copy(update={"id": row["id"], "times": row["remaining"]})
