"""The process of a running stack: `python -m local.serve --data-dir DIR`, started by `footnote up`."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from footnote.platform.manifest import DEPLOYED_ONLY, load_manifests
from footnote.stores.postgres.migrate import upgrade
from local import secrets
from local.bootstrap import OWNER, create_database, create_roles
from local.control import ControlServer, StackState, write_state
from local.engines import Engine
from local.engines.moto import MotoEngine
from local.engines.postgres import PostgresEngine
from local.engines.postgres import dsn as postgres_dsn
from local.engines.process import end_remembered
from local.engines.redis import RedisEngine
from local.gateway import Gateway
from local.layers import LayerStore
from local.models import EmbeddingModel, reranker_engine
from local.paths import REPOSITORY, DataPaths
from local.ports import remembered_ports
from local.progress import Event, LineReporter, Reporter, step
from local.secrets import StackSecrets
from local.stack import ACCOUNT_ID, DATABASE, REGION, Ports, Runner, StackConfig
from local.supervisor import Supervisor

_ENGINE_PORTS = ("edge", "extension", "moto", "postgres", "redis", "models", "reranker")


class AlreadyRunning(RuntimeError):
    """Another stack uses this data directory."""


@contextmanager
def exclusive(data: DataPaths) -> Iterator[None]:
    """Holds the data directory for this process alone; the kernel lets go of it however the process ends.

    Raises:
        AlreadyRunning: Another process holds it.
    """
    with (data.run / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"a stack runs on {data.root} already: `footnote status`") from None
        yield


def configure(
    data: DataPaths, cache: Path, api_port: int, runner: Runner, reranker: Path | None = None
) -> tuple[StackConfig, StackSecrets]:
    """The configuration of the stack in a data directory, the same at every start as far as it can be."""
    known = secrets.load_or_create(data.secrets)
    config = StackConfig(
        data=data,
        ports=Ports(api=api_port, **remembered_ports(data.ports, _ENGINE_PORTS, {api_port})),
        cache=cache,
        credential_key=known.credential_key,
        secrets=known.for_secrets_manager(os.environ.get("FOOTNOTE_GENERATION_API_KEY")),
        runner=runner,
        operator=dict(os.environ),
        reranker=reranker,
    )
    return config, known


def engines(config: StackConfig, known: StackSecrets, layers: LayerStore) -> list[Engine]:
    """All engines of a stack; the first is stopped last."""
    data, ports = config.data, config.ports
    run = data.run
    reranker = reranker_engine(config, layers)
    return [
        PostgresEngine(
            data.postgres, ports.postgres, known.superuser, log=data.logs / "postgres.log", run_directory=run
        ),
        RedisEngine(data.redis, ports.redis, known.redis, log=data.logs / "redis.log", run_directory=run),
        EmbeddingModel(config.repository, config.cache, layers).engine(config),
        *([reranker] if reranker is not None else []),
        MotoEngine(
            ports.moto, log=data.logs / "aws.log", run_directory=run, region=REGION, account_id=ACCOUNT_ID
        ),
    ]


def prepare_database(config: StackConfig, known: StackSecrets, superuser_dsn: str, report: Reporter) -> None:
    """Roles, database and schema; blocks."""
    with step(report, "schema"):
        create_roles(superuser_dsn, known.roles)
        create_database(superuser_dsn, DATABASE)
        upgrade(postgres_dsn(config.ports.postgres, DATABASE, OWNER, known.roles[OWNER]))


async def serve(config: StackConfig, known: StackSecrets, report: LineReporter) -> None:
    """Runs the stack until a signal ends it."""
    layers = LayerStore(config.cache, config.repository)
    manifests = load_manifests(config.repository / "functions")
    gateway = Gateway(config, [each for each in manifests if each.kind not in DEPLOYED_ONLY], layers)
    started = engines(config, known, layers)
    postgres = next(engine for engine in started if isinstance(engine, PostgresEngine))
    supervisor = Supervisor(
        started,
        gateway,
        report,
        after_ready={"postgres": lambda: prepare_database(config, known, postgres.dsn(), report)},
    )
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, supervisor.request_stop)

    async def status() -> dict[str, Any]:
        told = gateway.status()
        return {
            "api_url": config.api_url,
            "runner": config.runner,
            "data": str(config.data.root),
            "pid": os.getpid(),
            "engines": {engine.name: engine_status(engine, supervisor.restarts) for engine in started},
            "functions": {name: {"pids": pids} for name, pids in told["functions"].items()},
            "queues": told["queues"],
        }

    control = ControlServer(
        {
            "status": status,
            "dead-letters": gateway.dead_letters,
            "redrive": gateway.redrive,
            "invoke": gateway.invoke,
        }
    )
    port = await control.start()

    def on_ready() -> None:
        me = psutil.Process()
        state = StackState(me.pid, me.create_time(), config.api_url, config.runner, port, control.token)
        write_state(config.data.state, state)
        report(Event(step="stack", state="ready", text=config.api_url))
        report.close()

    try:
        await supervisor.run(on_ready)
    finally:
        config.data.state.unlink(missing_ok=True)
        await control.stop()


def engine_status(engine: Engine, restarts: Mapping[str, int]) -> dict[str, Any]:
    """One engine, for people: where it runs and how often it had to be started again."""
    return {"pid": engine.process.pid, "port": engine.port, "restarts": restarts[engine.name]}


def end_leftovers(data: DataPaths) -> None:
    """Ends what a killed run left behind, before its ports are chosen again."""
    for pid_file in data.run.glob("*.pid"):
        end_remembered(pid_file, signal.SIGINT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until it is stopped; the exit status is 0 after an orderly end."""
    parser = argparse.ArgumentParser(prog="python -m local.serve")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--cache-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--runner", choices=("runtime-api", "rie"), default="runtime-api")
    parser.add_argument("--reranker", type=Path, help="the model directory of a cross-encoder")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
    report = LineReporter(sys.stdout)
    data = DataPaths(options.data_dir)
    os.umask(0o077)
    os.chdir(REPOSITORY)
    try:
        with exclusive(data):
            end_leftovers(data)
            config, known = configure(data, options.cache_dir, options.port, options.runner, options.reranker)
            _run(serve(config, known, report))
    except Exception as error:
        logging.getLogger("footnote.local").exception("the stack ended")
        report(Event(step="stack", state="failed", text=str(error)))
        return 1
    return 0


def _run(work: Any) -> None:
    """An event loop as fast as the platform has one."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)


if __name__ == "__main__":
    raise SystemExit(main())
