"""The Python kernel: IPython's, and the formats that the vendor adds to it (charts, tables, JSON, images).

A program of its own, started with `-f CONNECTION_FILE`. Formats are bound to the names of types, so that neither
pandas nor matplotlib is loaded before somebody uses it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any


def _chart(figure: Any) -> Any:
    """The chart in a figure as data; nothing where it is of no known kind."""
    from e2b_charts import chart_figure_to_dict

    try:
        return chart_figure_to_dict(figure)
    except Exception:  # noqa: BLE001 - somebody's figure; its picture is shown all the same
        return None


def _table(frame: Any) -> Any:
    """A data frame's columns."""
    columns = frame.to_dict(orient="list")
    return {str(name): [_plain(value) for value in values] for name, values in columns.items()}


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "tolist"):  # a number or an array of numpy's
        return value.tolist()
    return value


def _json(value: Any) -> Any:
    """A list or dict as JSON, where it is such; numpy's numbers are numbers."""
    try:
        return json.loads(json.dumps(value, default=_number, allow_nan=False)), {"expanded": True}
    except (TypeError, ValueError, RecursionError):
        return None


def _number(value: Any) -> Any:
    if not hasattr(value, "tolist"):
        raise TypeError(type(value).__name__)
    return value.tolist()


def _formats(shell: Any) -> None:
    from IPython.core.formatters import BaseFormatter
    from traitlets import ObjectName, Unicode

    class DataFormatter(BaseFormatter):  # type: ignore[misc]  # IPython is known in boxes only
        format_type = Unicode("e2b/data")
        print_method = ObjectName("_repr_e2b_data_")
        _return_type = (dict, str)

    class ChartFormatter(BaseFormatter):  # type: ignore[misc]
        format_type = Unicode("e2b/chart")
        print_method = ObjectName("_repr_e2b_chart_")
        _return_type = (dict, str)

        def __call__(self, value: Any) -> Any:
            # Not bound to the type: matplotlib's set-up for notebooks takes figures out of every formatter.
            figures = sys.modules.get("matplotlib.figure")
            if figures is not None and isinstance(value, figures.Figure):
                return _chart(value)
            return super().__call__(value)

    display = shell.display_formatter
    data = DataFormatter(parent=display)
    display.formatters["e2b/chart"], display.formatters["e2b/data"] = ChartFormatter(parent=display), data
    for module in ("pandas", "pandas.core.frame"):
        data.for_type_by_name(module, "DataFrame", _table)
    for kind in (list, dict):
        display.formatters["application/json"].for_type(kind, _json)


def _images() -> None:
    """A picture that is shown, or saved to a file, becomes a result."""
    from IPython.display import display
    from PIL import ImageShow
    from PIL.Image import Image

    class Shower(ImageShow.Viewer):
        def show(self, image: Any, **_: Any) -> int:
            display(image)
            return 1

    save: Callable[..., None] = Image.save

    def saved(image: Any, place: Any, *words: Any, **named: Any) -> None:
        if isinstance(place, str):
            display(image)
        save(image, place, *words, **named)

    ImageShow._viewers[:] = [Shower()]
    setattr(Image, "save", saved)  # noqa: B010 - a type checker takes no method in another's place


def main() -> None:
    """Serve until told to end."""
    # The program's own folder would hide modules of the user's.
    sys.path[0] = ""
    import zmq
    from ipykernel.kernelapp import IPKernelApp

    class App(IPKernelApp):  # type: ignore[misc]
        def init_iopub(self, context: Any) -> None:
            context.setsockopt(zmq.SNDHWM, 0)  # without it, all above a thousand messages under way is dropped
            super().init_iopub(context)

    app = App.instance()
    app.initialize(sys.argv[1:])
    _formats(app.shell)
    _images()
    app.start()


if __name__ == "__main__":
    main()
