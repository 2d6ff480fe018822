"""A text with a `│` where the cursor is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runner.editor.analysis import Analysis

SPEC = """\
spec: 1
name: demo
title: "😀 größe"
inputs:
  target: {type: string, enum: [dev, prod], default: dev, description: Where to.}
  shards: {type: integer, minimum: 1, maximum: 8, default: 3}
secrets:
  token: {env: TOKEN}
sandboxes:
  py: {needs: {runtime: python, memory: 2GiB}, prefer: [e2b]}
agents:
  ann: {title: Ann, human: true}
templates:
  lint:
    params: {folder: {type: string}}
    step: {run: "lint ${{ params.folder }}"}
phases:
  build: {title: 1. Build}
steps:
  bundle:
    title: Bundle it
    phase: build
    owner: ann
    sandbox: py
    env: {TOKEN: "${{ secrets.token }}"}
    run: |
      make ${{ inputs.target }}
      echo "size=1" >> "$RUNNER_OUTPUT"
    outputs:
      size: {type: integer, minimum: 0, description: Its bytes.}
      dist: {artifact: dist/**}
  test:
    phase: build
    owner: ann
    after: [bundle]
    matrix: {shard: "${{ range(inputs.shards) }}"}
    run: t ${{ matrix.shard }}
  look: {after: ["test"], phase: build, owner: ann, use: lint, with: {folder: src}}
  last:
    phase: build
    owner: ann
    after: [look]
    if: steps.bundle.outputs.size > 1
    run: cat ${{ steps.bundle.outputs.dist }}/*
milestones:
  - {id: done, needs: [last], accept: ["steps.bundle.outputs.size > 0"]}
"""


Place = tuple[Analysis, int, int]


@pytest.fixture(scope="session")
def spec() -> str:
    """A sound spec that has a bit of everything."""
    return SPEC


@pytest.fixture(scope="session")
def placed() -> Callable[[str], Place]:
    """Reads a text with `│` where the cursor is; a sound version of it was there before."""

    def place(text: str) -> Place:
        before, _, after = text.partition("│")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        return Analysis(SPEC).then(before + after), line, column

    return place
