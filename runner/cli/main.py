"""The command line: one file per command, one handler that decides the exit code.

Exit codes: 0 ok · 1 problems in the spec or a failed run · 2 bad usage · 3 internal error ·
4 a service is unreachable · 130 interrupted.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from pathlib import Path

import typer

from runner import __version__
from runner.cli.commands import COMMANDS
from runner.cli.group import on_demand
from runner.errors import RunnerError, ServiceError

app = typer.Typer(
    name="runner",
    cls=on_demand(COMMANDS),
    help="Declarative workflows: checked before they run, executed in sandboxes, every event kept.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"runner {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    """Declarative workflows: checked before they run, executed in sandboxes, every event kept."""


def _report(error: RunnerError) -> int:
    typer.echo(f"runner: {error.message}", err=True)
    if error.hint:
        typer.echo(f"  hint: {error.hint}", err=True)
    return error.exit_code


def _refused(error: OSError) -> ServiceError:
    """What the operating system refused, for people: a full disk, a path that cannot be used."""
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "output or files"
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    return ServiceError(f"{where}: {reason}", "check the path, its rights and the free space")


def _prepare_streams() -> None:
    """Printing must not fail for the reader's sake: a closed stream (`>&-`), an encoding without our characters."""
    nowhere = Path(os.devnull)
    sys.stdout = sys.stdout or nowhere.open("w", encoding="utf-8")
    sys.stderr = sys.stderr or nowhere.open("w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _reach_this_machine_directly() -> None:
    """No proxy of the environment can reach our own endpoints: the vendors' clients must not ask one for loopback."""
    proxies = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
    if proxies.intersection(name.upper() for name in os.environ):
        known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
        for name in ("no_proxy", "NO_PROXY"):
            os.environ[name] = ",".join(filter(None, [known, "127.0.0.1", "localhost", "::1"]))


def _drop_output() -> None:
    """What standard output still holds goes nowhere, so that Python does not fail to write it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run() -> int:
    """Run the command line and return its exit code; every error ends in a sentence, never a traceback."""
    try:
        try:
            app(standalone_mode=True)
        finally:
            sys.stdout.flush()  # here, where a full disk can still be told
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except RunnerError as error:
        return _report(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _drop_output()  # the reader went away (`runner … | head`): not an error of ours
        return 141
    except OSError as error:
        _drop_output()
        return _report(_refused(error))
    except Exception as error:  # noqa: BLE001 - the one place that turns the unforeseen into exit code 3
        typer.echo(f"runner: internal error: {type(error).__name__}: {error}", err=True)
        if os.environ.get("RUNNER_DEBUG"):
            traceback.print_exc()
        else:
            typer.echo("  hint: this is a bug in runner; set RUNNER_DEBUG=1 to see the traceback", err=True)
        return 3
    return 0


def main() -> None:
    """The console script: one command, then the end of the process with the command's exit code."""
    _prepare_streams()
    _reach_this_machine_directly()
    code = _run()
    if "prefect" in sys.modules:
        sys.exit(code)  # Prefect delivers its last logs and events at Python's exit
    # Everything of ours is closed by now. Python would take its modules apart for another tenth of a second.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
