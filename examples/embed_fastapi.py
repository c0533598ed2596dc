"""A web service that runs workflows: one engine for the life of the application.

``uvicorn embed_fastapi:app`` in this folder, then ``curl -X POST localhost:8000/workflows/hello -d '{"name": "Ada"}'``.
A client that goes away cancels nothing here: the execution belongs to the engine, which ends it when the
application does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body, FastAPI, HTTPException, Request

import ael

HERE = Path(__file__).resolve().parent


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the engine with the application, and close it with it: what still runs is cancelled and awaited."""
    async with ael.create_engine(config=HERE / "hello" / "ael.toml") as engine:
        app.state.engine = engine
        yield


app = FastAPI(lifespan=lifespan, title="Workflows")


@app.get("/workflows")
async def workflows(request: Request) -> list[dict[str, Any]]:
    """Every workflow as a tool: its name, what it does, and the schema of its inputs."""
    engine: ael.WorkflowEngine = request.app.state.engine
    specs = [engine.tool_spec(name) for name in engine.registry.names()]
    return [{"name": spec.name, "description": spec.description, "inputs": spec.input_schema} for spec in specs]


@app.post("/workflows/{name}")
async def run(name: str, inputs: Annotated[dict[str, Any], Body()], request: Request) -> dict[str, Any]:
    """Run a workflow to its end. What goes wrong in it is in the result; bad inputs are the caller's."""
    engine: ael.WorkflowEngine = request.app.state.engine
    try:
        result = await engine.execute(name, inputs)
    except ael.WorkflowNotFoundError as error:
        raise HTTPException(404, error.to_dict()) from error
    if result.error is not None and result.error.code == "INPUT_INVALID":
        raise HTTPException(422, result.error.to_dict())
    return result.to_dict()
