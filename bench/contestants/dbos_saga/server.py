"""The same job on a durable-workflow library: each rollback is a DBOS workflow of one retried step, in PostgreSQL."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import compare_digest
from typing import Annotated, Any

import httpx
import uvicorn
from dbos import DBOS, DBOSConfig, SetWorkflowID
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import BaseModel

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--upstream", required=True)
parser.add_argument("--database", required=True)
given = parser.parse_args()


class Session(BaseModel):
    token: str


class Rollback(Session):
    mmTransactionId: str
    rollbackReason: str


client = httpx.AsyncClient(base_url=f"{given.upstream}/wallet/", auth=("gateway", "secret"))


def authorized(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> None:
    right = compare_digest(credentials.username, "quantum") and compare_digest(credentials.password, "MyPass")
    if not right:
        raise HTTPException(401, headers={"WWW-Authenticate": "Basic"})


@DBOS.step(retries_allowed=True, max_attempts=9, interval_seconds=5)
async def tell_operator(call: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(call, json=body)
    answer.raise_for_status()
    return answer.json()


@DBOS.workflow()
async def roll_back(body: dict[str, Any]) -> dict[str, Any]:
    return await tell_operator("rollbackWithdrawal", body)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    DBOS.launch()
    yield
    DBOS.destroy()


app = FastAPI(lifespan=lifespan, dependencies=[Depends(authorized)])
config: DBOSConfig = {"name": "saga", "system_database_url": given.database, "run_admin_server": False}
DBOS(config=config)


@app.post("/wallet/verifySession")
async def verify_session(body: Session) -> dict[str, Any]:
    answer = await client.post("verifySession", json=body.model_dump())
    return answer.json()


@app.post("/wallet/rollbackWithdrawal")
async def rollback_withdrawal(body: Rollback) -> dict[str, Any]:
    with SetWorkflowID(body.mmTransactionId):
        return await roll_back(body.model_dump())


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning", access_log=False)
