"""Commands that are imported when they are asked for: `runner validate` does not wait for what `runner run` needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from runner.cli.printed import completed
from runner.errors import RunnerError

#: Imports a command's file; gives the command's function, or the typer application of a group of commands.
Source: TypeAlias = "Callable[[], Callable[..., None] | typer.Typer]"


class _Commands(Mapping[str, Any]):
    """Commands by name; each is made from its source when it is looked up for the first time."""

    def __init__(self, sources: dict[str, Source], registered: Mapping[str, Any]) -> None:
        self._sources = sources
        self._made = dict(registered)

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _command(name, self._sources[name]())
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._sources or name in self._made

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._sources, *self._made]))

    def __len__(self) -> int:
        return len(self._sources.keys() | self._made.keys())


def _command(name: str, source: Callable[..., None] | typer.Typer) -> Any:
    if isinstance(source, typer.Typer):
        group = get_group(source)
        group.name = name
        for each in group.commands.values():
            _hinting(each)
        return group
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(name)(source)
    return _hinting(get_command(app))


def _hinting(command: Any) -> Any:
    """The command, whose errors name the state folder that it was called for in what they advise."""
    invoke = command.invoke

    def told(context: typer.Context) -> Any:
        try:
            return invoke(context)
        except RunnerError as error:
            state = context.params.get("state")
            if state is not None:
                error.hint = completed(error.hint, Path(state))
            raise

    command.invoke = told
    return command


def on_demand(sources: dict[str, Source]) -> type[TyperGroup]:
    """Return the class of a group with the commands of `sources` beside those registered in the usual way."""

    class Group(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.commands = cast("Any", _Commands(sources, self.commands))

    return Group
