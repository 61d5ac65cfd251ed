"""The plain service to compare with: `async def` FastAPI, asyncpg with a pool of 20, one insert that does nothing on conflict.

`python -m bench.plain_service DSN PORT` runs it on one uvicorn with uvloop and httptools. It remembers no request, tells
nobody, and releases nothing: it is the least that a booking needs.
"""

import contextlib
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import datetime

import asyncpg
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from bench.guarded import INSERT
from embedded.ports import HOST

CONNECTIONS = 20
HOLD = INSERT.format(id="$1", space="$2", starts="$3", ends="$4")


class Slot(BaseModel):
    from_: AwareDatetime = Field(alias="from")
    to: AwareDatetime


class NewBooking(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    product_id: uuid.UUID
    space_id: uuid.UUID
    slot: Slot


class Booked(BaseModel):
    id: uuid.UUID
    status: str
    expires_at: datetime


def build(dsn: str) -> FastAPI:
    """The application."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(dsn, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/bookings", status_code=201)
    async def create_booking(new: NewBooking) -> Booked:
        booking = uuid.uuid4()
        ends = await app.state.pool.fetchval(HOLD, booking, new.space_id, new.slot.from_, new.slot.to)
        if ends is None:
            raise HTTPException(409, "The slot is taken.")
        return Booked(id=booking, status="RESERVED_15_MIN", expires_at=ends)

    return app


if __name__ == "__main__":
    uvicorn.run(build(sys.argv[1]), host=HOST, port=int(sys.argv[2]), loop="uvloop", http="httptools", access_log=False)
