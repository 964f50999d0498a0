"""The gateway's job as most would write it: FastAPI, httpx, SQLAlchemy, SQLite, and one commit for each write.

It has what one call needs (credentials, validation, a row before and after the call, an answer) and none of the rest
(duplicates, retries, recovery, limits).
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from secrets import compare_digest
from typing import Annotated

import httpx
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import BaseModel
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--upstream", required=True)
parser.add_argument("--database", required=True)
given = parser.parse_args()


class Base(DeclarativeBase):
    pass


class Transfer(Base):
    __tablename__ = "transfers"
    id: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    amount: Mapped[str | None]


class Money(BaseModel):
    amount: Decimal
    currencyCode: str


class Session(BaseModel):
    token: str


class Rollback(Session):
    mmTransactionId: str
    rollbackReason: str


class Movement(Session):
    mmTransactionId: str
    amount: Money
    txDescription: str | None = None


class Player(Session):
    playerId: str
    balance: Money


class Balance(BaseModel):
    balance: Money


class Receipt(Balance):
    mmTransactionId: str


engine = create_async_engine(f"sqlite+aiosqlite:///{given.database}")
new_session = async_sessionmaker(engine, expire_on_commit=False)


@event.listens_for(engine.sync_engine, "connect")
def durable(connection, _record) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=10000")
    cursor.close()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with httpx.AsyncClient(base_url=f"{given.upstream}/wallet/", auth=("gateway", "secret")) as client:
        app.state.client = client
        yield


async def database() -> AsyncIterator[AsyncSession]:
    async with new_session() as session:
        yield session


def authorized(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> None:
    right = compare_digest(credentials.username, "quantum") and compare_digest(credentials.password, "MyPass")
    if not right:
        raise HTTPException(401, headers={"WWW-Authenticate": "Basic"})


app = FastAPI(lifespan=lifespan, dependencies=[Depends(authorized)])
Database = Annotated[AsyncSession, Depends(database)]


async def forward(request: Request, call: str, body: BaseModel) -> bytes:
    answer = await request.app.state.client.post(
        call, content=body.model_dump_json(), headers={"Content-Type": "application/json"}
    )
    answer.raise_for_status()
    return answer.content


@app.post("/wallet/verifySession")
async def verify_session(request: Request, body: Session) -> Player:
    return Player.model_validate_json(await forward(request, "verifySession", body))


@app.post("/wallet/getBalance")
async def get_balance(request: Request, body: Session) -> Balance:
    return Balance.model_validate_json(await forward(request, "getBalance", body))


@app.post("/wallet/rollbackWithdrawal")
async def rollback_withdrawal(request: Request, body: Rollback, database: Database) -> Receipt:
    transfer = Transfer(
        id=body.mmTransactionId, token=body.token, state="rolling_back", reason=body.rollbackReason, amount=None
    )
    database.add(transfer)
    await database.commit()
    receipt = Receipt.model_validate_json(await forward(request, "rollbackWithdrawal", body))
    transfer.state = "rolled_back"
    await database.commit()
    return receipt


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning", access_log=False)
