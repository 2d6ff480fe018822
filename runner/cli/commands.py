"""Every command of `runner`, in the order of `runner --help`. A command's file is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

import typer

from runner.cli.group import Source


def _validate() -> Callable[..., None]:
    from runner.cli.validate import validate

    return validate


def _fmt() -> Callable[..., None]:
    from runner.cli.fmt import fmt

    return fmt


def _lsp() -> Callable[..., None]:
    from runner.cli.lsp import lsp

    return lsp


def _schema() -> Callable[..., None]:
    from runner.cli.schema import schema

    return schema


def _plan() -> Callable[..., None]:
    from runner.cli.plan import plan

    return plan


def _explain() -> Callable[..., None]:
    from runner.cli.explain import explain

    return explain


def _run() -> Callable[..., None]:
    from runner.cli.run import run

    return run


def _resume() -> Callable[..., None]:
    from runner.cli.resume import resume

    return resume


def _rerun() -> Callable[..., None]:
    from runner.cli.rerun import rerun

    return rerun


def _supervise() -> Callable[..., None]:
    from runner.cli.supervise import supervise

    return supervise


def _approve() -> Callable[..., None]:
    from runner.cli.approve import approve

    return approve


def _reject() -> Callable[..., None]:
    from runner.cli.approve import reject

    return reject


def _cancel() -> Callable[..., None]:
    from runner.cli.cancel import cancel

    return cancel


def _pause() -> Callable[..., None]:
    from runner.cli.cancel import pause

    return pause


def _deploy() -> Callable[..., None]:
    from runner.cli.deploy import deploy

    return deploy


def _worker() -> Callable[..., None]:
    from runner.cli.worker import worker

    return worker


def _up() -> Callable[..., None]:
    from runner.cli.up import up

    return up


def _down() -> Callable[..., None]:
    from runner.cli.down import down

    return down


def _status() -> Callable[..., None]:
    from runner.cli.status import status

    return status


def _report() -> Callable[..., None]:
    from runner.cli.report import report

    return report


def _logs() -> Callable[..., None]:
    from runner.cli.logs import logs

    return logs


def _audit() -> typer.Typer:
    from runner.cli.audit import app

    return app


def _snapshot() -> typer.Typer:
    from runner.cli.snapshot import app

    return app


def _state() -> typer.Typer:
    from runner.cli.state_care import app

    return app


def _endpoint() -> typer.Typer:
    from runner.cli.endpoint import app

    return app


def _doctor() -> Callable[..., None]:
    from runner.cli.doctor import doctor

    return doctor


def _setup() -> Callable[..., None]:
    from runner.cli.setup import setup

    return setup


COMMANDS: dict[str, Source] = {
    "validate": _validate,
    "fmt": _fmt,
    "lsp": _lsp,
    "schema": _schema,
    "explain": _explain,
    "plan": _plan,
    "run": _run,
    "resume": _resume,
    "rerun": _rerun,
    "supervise": _supervise,
    "approve": _approve,
    "reject": _reject,
    "cancel": _cancel,
    "pause": _pause,
    "deploy": _deploy,
    "worker": _worker,
    "up": _up,
    "down": _down,
    "status": _status,
    "report": _report,
    "logs": _logs,
    "audit": _audit,
    "snapshot": _snapshot,
    "state": _state,
    "endpoint": _endpoint,
    "doctor": _doctor,
    "setup": _setup,
}
