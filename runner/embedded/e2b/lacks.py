"""What the boxes of the embedded endpoint cannot give, in sentences for the Chooser."""

from __future__ import annotations

import shutil
from pathlib import Path

from runner.embedded.e2b.setup.catalog import names as setup_names
from runner.embedded.e2b.setup.catalog import remedy
from runner.embedded.e2b.templates import DEFAULT_TAG


def known_templates() -> tuple[str, ...]:
    """What a spec may call the templates that an endpoint of our own has when it starts for a run."""
    names = _templates()
    return (*names, *(f"{name}:{DEFAULT_TAG}" for name in names))


def _templates() -> list[str]:
    return ["base", *(name for name in setup_names() if not remedy(name))]


def lacks(egress: bool = False) -> dict[str, str]:
    """A sentence for each need that would be taken on and then not met: no step should find out by itself.

    `egress` is whether the endpoint lets boxes out.
    """
    here = "the embedded endpoint"
    found = {
        "template": f"{here} has the templates {', '.join(_templates())}; `runner setup` makes others",
        "persist": f"{here} keeps no box when the run has ended; set E2B_API_KEY for the hosted service",
    }
    if not egress:
        found["network"] = (
            f"{here} of a run gives boxes no network; set RUNNER_E2B_EGRESS=1 to let them reach what the spec names,"
            " take it out of `needs`, or set E2B_API_KEY for the hosted service"
        )
    if absent := remedy("desktop"):
        found["desktop"] = f"{here} has no desktop: {absent}, or set E2B_API_KEY for the hosted service"
    node = shutil.which("node")
    # Boxes see the host's /usr, and nothing of anybody's home folder.
    if node is None or not Path(node).resolve().is_relative_to("/usr"):
        found["runtime node"] = f"{here} finds no Node below /usr; apt-get install nodejs"
    return found
