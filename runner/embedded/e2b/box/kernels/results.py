"""What a kernel says, as the lines of the code interpreter's answer (`e2b_code_interpreter/models.py` reads them)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

#: One line of the answer, before it becomes JSON. Any is meant: a result may hold any data.
Line = dict[str, Any]

_NAMES = {
    "text/plain": "text", "text/html": "html", "text/markdown": "markdown", "image/svg+xml": "svg",
    "image/png": "png", "image/jpeg": "jpeg", "application/pdf": "pdf", "text/latex": "latex",
    "application/json": "json", "application/javascript": "javascript", "e2b/data": "data", "e2b/chart": "chart",
}  # fmt: skip

END: Line = {"type": "end_of_execution"}


def result(data: Mapping[str, Any], *, main: bool) -> Line:
    """A value or something displayed, by MIME type; `main` when it is the value of the last line."""
    line: Line = {"type": "result", "is_main_result": main}
    extra = {kind: value for kind, value in data.items() if kind not in _NAMES}
    line.update({name: data[kind] for kind, name in _NAMES.items() if kind in data})
    text = line.get("text")
    if isinstance(text, str) and len(text) > 1 and text[0] == text[-1] == "'":
        line["text"] = text[1:-1]  # the vendor shows a plain string without its quotes
    # The vendor's server always sends `extra`.
    line["extra"] = extra
    return line


def error(name: str, value: str, traceback: Sequence[str]) -> Line:
    """An exception that ended the execution."""
    return {"type": "error", "name": name, "value": value, "traceback": "".join(traceback)}


def output(stream: str, text: str, when: datetime | None = None) -> Line:
    """A piece of standard output or error, and when it was said: now, unless the kernel says."""
    moment = when or datetime.now(UTC)
    return {"type": stream, "text": text, "timestamp": moment.isoformat().replace("+00:00", "Z")}


def count(number: int) -> Line:
    """The number of this execution in its context."""
    return {"type": "number_of_executions", "execution_count": number}


#: What stands for the rest of an execution whose kernel ended under it.
RESTARTED = error("ContextRestarting", "Context was restarted", [])
