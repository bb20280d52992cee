"""The server of the console and of the gate. Paths may hold tokens, so it writes no access log."""

import asyncio

import uvicorn
from fastapi import FastAPI

from shared.settings import Settings
from workers.queues import say_ready


def serve(app: FastAPI, settings: Settings, *, part: str, port: int) -> None:
    """Serve on the loopback interface until told to stop."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, access_log=False, log_level="warning", server_header=False,
        limit_concurrency=256,
    )  # fmt: skip
    asyncio.run(_serve(uvicorn.Server(config), settings, part))


async def _serve(server: uvicorn.Server, settings: Settings, part: str) -> None:
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.05)
    if server.started:
        say_ready(settings, part)
    await serving
