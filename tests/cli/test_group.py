from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from runner.cli.commands import COMMANDS
from runner.cli.group import on_demand
from runner.cli.main import app


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_its_help(name: str) -> None:
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 0
    assert f" {name} " in result.output
    assert "completion" not in result.output


def test_help_lists_the_commands_in_order() -> None:
    output = CliRunner().invoke(app, ["--help"]).output
    places = [output.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)


def test_a_mistyped_command_is_bad_usage_with_a_suggestion() -> None:
    result = CliRunner().invoke(app, ["valdate"])
    assert result.exit_code == 2
    assert "Did you mean 'validate'?" in result.output


def test_commands_registered_in_the_usual_way_stand_beside_them() -> None:
    def late() -> None:
        typer.echo("late")

    def early() -> None:
        typer.echo("early")

    both = typer.Typer(cls=on_demand({"late": lambda: late}), add_completion=False)
    both.callback()(lambda: None)
    both.command()(early)
    assert CliRunner().invoke(both, ["late"]).output == "late\n"
    assert CliRunner().invoke(both, ["early"]).output == "early\n"


def test_validate_imports_nothing_that_only_other_commands_need() -> None:
    spec = Path(__file__).parents[1] / "golden" / "ok" / "minimal.yaml"
    program = (
        "import sys; from runner.cli.main import app; app(['validate', sys.argv[1]], standalone_mode=False);"
        "heavy = {'asyncio', 'prefect', 'e2b', 'surrealdb', 'starlette', 'rich', 'httpx', 'pydantic', 'runner.wiring'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(spec)], capture_output=True, text=True, check=False)
    assert done.stdout == "1 file checked: no problems\n[]\n", done.stderr
