"""The version of a workflow that a run is of: what its spec and the specs below it say, whatever the inputs."""

from __future__ import annotations

import hashlib

from runner.compiler.canonical import Json, digest
from runner.compiler.plan.model import Plan


def version_of(plan: Plan, now: str) -> tuple[str, dict[str, Json]]:
    """(its key, its document): the key is the digest of what is in it, so that many runs of one spec have one version.

    The document tells where and with which plan it was seen first, at `now` as events write it.
    """
    below: dict[str, Json] = {
        path: hashlib.sha256(one.text.encode()).hexdigest() for path, one in sorted(plan.workflows.items())
    }
    held: dict[str, Json] = {"name": plan.name, "spec_sha256": plan.source.get("sha256", ""), "workflows": below}
    seen: dict[str, Json] = {"title": plan.title, "path": plan.source.get("path", "<stdin>")}
    return digest(held), {**held, **seen, "plan_digest": plan.digest, "first_seen": now}
