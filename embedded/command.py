"""The `holdfast` command."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from embedded import heard, payments, supported
from embedded.operate import asking
from embedded.operate import commands as operate

# Everything that needs a Unix is imported inside the commands: Windows has to get its word instead of a traceback.

app = typer.Typer(
    help="Holdfast, the booking engine: run the whole platform on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(payments.app, name="payments")

DataOption = Annotated[
    Path, typer.Option("--data", help="Folder with everything the platform remembers.", file_okay=False)
]
DEFAULT_DATA = Path(".data/up")
DEMO_HOLD = "20s"
NOT_WELL, NOT_RUNNING = 1, 3  # as system services answer `status`
STATES = {
    "starting": "starting",
    "running": "running",
    "stopping": "stopping",
    "ended": "ended: its supervisor is gone, what it left behind is about to end",
}


@app.command()
def up(
    port: Annotated[int, typer.Option(help="The gateway's port on 127.0.0.1; 0 takes a free one.", max=65535)] = 8000,
    hold: Annotated[str, typer.Option(help="How long a slot is held: 20s, 15m, 1h.")] = "15m",
    data: DataOption = DEFAULT_DATA,
    scale: Annotated[list[str] | None, typer.Option(help="Replicas, as in booking=2; repeatable.")] = None,
) -> None:
    """Start the platform and keep it in the foreground; Ctrl-C stops it, its data stays."""
    from embedded import platform

    replicas = dict(_replicas(word) for word in scale or [])

    async def work() -> int:
        _say("starting Kafka, Postgres and the services")
        async with platform.running(data, port=port, hold=hold, scale=replicas, say=_say) as running:
            _say(f"\nHoldfast runs at {running.url}  (slots are held for {hold})")
            _say(f"All it can do is shown at {running.url}/docs.")
            _say(f"Kafka is at {running.kafka}; data and logs are in {data}.")
            _say(
                "Clients for development: demo / demo-secret and rival / rival-secret, each of the organisation of its name."
            )
            _say(running.money.about)
            _say("Ctrl-C stops everything, the data stays.\n")
            await asyncio.Event().wait()
        return 0

    _run(work, interrupted=0)


@app.command()
def demo(
    url: Annotated[
        str | None,
        typer.Option(help="The gateway of a platform that runs, new and with short holds; else one is started."),
    ] = None,
    kafka: Annotated[str, typer.Option(help="That platform's Kafka.")] = "localhost:9092",
) -> None:
    """Show a booking's life on a platform of its own, which leaves nothing behind, or on one that runs."""
    from embedded import platform
    from examples import demo as shown

    async def work() -> int:
        if url is not None:
            there: int = await shown.main(shown.Elsewhere(url.rstrip("/"), kafka))
            return there
        async with platform.running(hold=DEMO_HOLD, say=_say) as running:
            code: int = await shown.main(running)
        _say("\nThe platform is stopped and its data removed.")
        return code

    _run(work, interrupted=130)


@app.command()
def listen(
    forward: Annotated[str | None, typer.Option(help="Where deliveries go: http://localhost:3000/hook.")] = None,
    url: Annotated[str | None, typer.Option(help="The platform's gateway; else what the data folder says.")] = None,
    events: Annotated[
        list[str] | None,
        typer.Option("--event", help="As in 'booking.*' (quoted, for the shell); repeatable; all without."),
    ] = None,
    client_id: Annotated[str, typer.Option(help="Whose events.")] = "demo",
    client_secret: Annotated[str | None, typer.Option(envvar="HOLDFAST_CLIENT_SECRET")] = None,
    secret: Annotated[str | None, typer.Option(help="whsec_…, to sign with the same one each time.")] = None,
    public_url: Annotated[str | None, typer.Option(help="A tunnel's https address that leads to --port here.")] = None,
    port: Annotated[
        int, typer.Option(help="Where deliveries come in, on 127.0.0.1; 0 takes a free one.", max=65535)
    ] = 0,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Forward webhooks to a server on this machine and show them as they come; needs a platform that runs."""
    from embedded import listen as listening
    from embedded.problem import Problem
    from examples import addresses
    from examples.telling import Unexpected

    if forward and not forward.startswith(("http://", "https://")):
        raise typer.BadParameter("write http://localhost:3000/hook", param_hint="--forward")
    if public_url and not port:
        raise typer.BadParameter("say with --port where the tunnel leads", param_hint="--public-url")

    async def work() -> int:
        try:
            gateway = (url or addresses.of("gateway", data)).rstrip("/")
        except Unexpected:
            raise Problem(
                f"nothing runs in {data}: start it with `make up`, or say where the platform is with --url"
            ) from None
        wishes = listening.Wishes(gateway, forward, client_id, client_secret, events or ["*"], secret, public_url, port)
        return await listening.listen(wishes, _say)

    _run(work, interrupted=0, stopped="no longer listening")


@app.command()
def traces(
    port: Annotated[int, typer.Option(help="Where spans come in (OTLP over HTTP), on 127.0.0.1.", max=65535)] = 4318,
    quiet: Annotated[float, typer.Option(help="Seconds without news after which a trace is shown.", min=0.1)] = 6.0,
) -> None:
    """Take OpenTelemetry traces and draw each as a tree; OTEL_EXPORTER_OTLP_ENDPOINT leads a platform here."""
    from embedded import traces as taking

    _run(lambda: taking.show(port, quiet, _say), interrupted=0, stopped="no longer taking traces")


@app.command()
def status(data: asking.DataOption = None, as_json: asking.JsonOption = False) -> None:
    """Say what runs and how it does; exit code 3 if no platform runs, 1 if one does and not all of it is well."""
    from embedded import folder
    from embedded.problem import Problem

    if data is None and os.environ.get("HOLDFAST_KAFKA"):
        raise typer.Exit(operate.seen_elsewhere(as_json))
    data = data or DEFAULT_DATA
    try:
        run = folder.running(data)
    except Problem as problem:
        _fail(problem)
    state = folder.state(run)
    seen = operate.seen(data, run) if run and state == "running" else {"well": False}
    if as_json:
        print(json.dumps({**(run or {}), "running": state == "running", "state": state, **seen}, indent=2))
    elif run is None:
        print(f"nothing runs in {data}")
    elif not run:
        print(f"a platform is starting in {data}")
    else:
        _show(run, state)
        operate.show(seen)
    raise typer.Exit(NOT_RUNNING if state != "running" else 0 if seen["well"] else NOT_WELL)


@app.command()
def reset(data: DataOption = DEFAULT_DATA) -> None:
    """Forget the data; refused while the platform runs."""
    from embedded import folder
    from embedded.problem import Problem

    try:
        existed = folder.forget(data)
    except Problem as problem:
        _fail(problem)
    print(f"{data} is forgotten" if existed else f"there is nothing to forget: {data} does not exist")


operate.register(app)


def main() -> None:
    """The entry point: says where Holdfast cannot run before anything else."""
    obstacle = supported.obstacle()
    if obstacle is not None:
        sys.exit(obstacle)
    heard.outlast()
    try:
        app()
    finally:
        if (why := heard.refused()) is not None:
            with contextlib.suppress(OSError):
                print(f"holdfast: standard output does not take all of it: {why.strerror}", file=sys.stderr)
            sys.exit(heard.UNSAID)


def _run(work: Callable[[], Awaitable[int]], *, interrupted: int, stopped: str = "everything is stopped") -> None:
    """Run to the end or to the first signal; whichever it is, everything that was started is stopped first."""
    from embedded.problem import Problem

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it logs every attempt to reach a Kafka that starts
    try:
        code = asyncio.run(_until_signal(work, interrupted, stopped))
    except Problem as problem:
        _fail(problem)
    raise typer.Exit(code)


async def _until_signal(work: Callable[[], Awaitable[int]], interrupted: int, stopped: str) -> int:
    stopping = False
    task = asyncio.current_task()
    assert task is not None

    def interrupt() -> None:
        nonlocal stopping
        # Only the first one cancels: a second would break the orderly stop that is under way.
        _say("still stopping" if stopping else "\nstopping")
        if not stopping:
            stopping = True
            task.cancel()

    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup wants it ignored
            asyncio.get_running_loop().add_signal_handler(number, interrupt)
    try:
        return await work()
    except asyncio.CancelledError:
        if not stopping:
            raise
        _say(stopped)
        return interrupted


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # a closed terminal is no reason to die before everything is stopped
        print(line, flush=True)


def _fail(problem: Exception) -> NoReturn:
    print(f"holdfast: {problem}", file=sys.stderr)
    raise typer.Exit(1) from None


def _replicas(word: str) -> tuple[str, int]:
    service, _, number = word.partition("=")
    if not number.isdecimal():
        raise typer.BadParameter(f"{word!r}: write booking=2")
    return service, int(number)


def _show(run: dict[str, Any], state: str) -> None:
    from embedded.operate import telling

    addresses = {name: run.get(name) for name in ("kafka", "postgres", "gateway", "sandbox")}
    addresses |= run.get("reads", {})
    metrics = run.get("metrics", {})
    rows = [("supervisor", _pid(run.get("supervisor")), "", "")]
    for name, pid in run.get("processes", {}).items():
        address = addresses.get(name) or addresses.get(name.rpartition("-")[0]) or ""
        rows.append((name, _pid(pid), address, metrics.get(name, "")))
    telling.processes(f"Holdfast, {STATES[state]} (started {run.get('started')})", rows)


def _pid(pid: object) -> str:
    from embedded import folder

    return str(pid) if folder.alive(pid) else f"{pid} (ended)"


if __name__ == "__main__":
    main()
