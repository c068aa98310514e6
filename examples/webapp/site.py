"""The routes. They know the queue, and nothing of workers."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

import headrace
from headrace import errors

WAIT_MAX_S = 30


class Order(BaseModel):
    """What is to be painted, and how carefully."""

    subject: str
    seconds: float = Field(default=1, ge=0, le=60)


def make_site(jobs: headrace.App, *, has_worker: bool) -> FastAPI:
    """The site on this app; with a worker in the same process if asked for."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(jobs)
            if has_worker:
                await stack.enter_async_context(jobs.worker(concurrency=10))
            yield

    site = FastAPI(title="Pictures", lifespan=lifespan)
    pictures = jobs.queue("pictures")

    @site.exception_handler(errors.NoSuchJob)
    async def missing(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 404)

    @site.post("/pictures", status_code=202)
    async def order(order: Order, idempotency_key: Annotated[str | None, Header()] = None) -> dict[str, str]:
        call = jobs.tasks["paint"].call(order.subject, seconds=order.seconds)
        try:
            job = await jobs.enqueue(call.options(job_id=idempotency_key))
        except errors.InvalidId as error:
            raise HTTPException(422, str(error)) from None
        return {"id": job.id, "state": f"/pictures/{job.id}", "result": f"/pictures/{job.id}/result"}

    @site.get("/pictures/{job_id}")
    async def state(job_id: str) -> dict[str, Any]:
        job = await pictures.get(job_id)
        return {"state": await job.state(), "progress": await job.progress(), "why": await job.why()}

    @site.get("/pictures/{job_id}/result")
    async def result(job_id: str, wait: Annotated[float, Query(ge=0, le=WAIT_MAX_S)] = 0) -> JSONResponse:
        job = await pictures.get(job_id)
        try:
            return JSONResponse({"result": await job.result(timeout=wait)})
        except errors.ResultTimeout:
            return JSONResponse({"detail": f"{job.ref} is not ready"}, 202)
        except errors.JobFailed as error:
            return JSONResponse({"detail": str(error), "cause": error.cause}, 500)

    return site
