"""Real-sized files to check: specs in our language and GitHub Actions workflows, about 175 lines each.

Both kinds come from the same story (a few components that are installed, tested in a matrix, built, and
shipped), with names and numbers drawn by a generator that is seeded by the file's number: the
same number always gives the same bytes, and no two files are alike.
"""

from __future__ import annotations

import random
from pathlib import Path

LINES = 175
_COMPONENTS = (
    "api", "worker", "portal", "billing", "search", "ledger", "mailer", "gateway", "reports", "catalog",
    "identity", "scheduler", "storage", "metrics", "admin",
)  # fmt: skip
_TEAMS = ("platform", "payments", "growth", "data", "core")
_PIN = "08c6903cd8c0fde910a37f88322edcfb5dd907a8"
_ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC")


def write_specs(folder: Path, count: int) -> list[Path]:
    """Write `count` specs to the folder and return their paths."""
    return _write(folder, count, "spec", spec_text)


def write_workflows(folder: Path, count: int) -> list[Path]:
    """Write `count` GitHub Actions workflows to the folder and return their paths."""
    return _write(folder, count, "workflow", workflow_text)


def _write(folder: Path, count: int, stem: str, make: object) -> list[Path]:
    assert callable(make)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"{stem}-{number:04}.yaml"
        path.write_text(make(number))
        paths.append(path)
    return paths


def spec_text(number: int) -> str:
    """The spec with that number: typed inputs, sandboxes, a matrix, conditions, outputs, artifacts, milestones."""
    chance = random.Random(number)
    names = chance.sample(_COMPONENTS, 3)
    team = chance.choice(_TEAMS)
    parts = [_spec_head(number, team, names, chance)]
    parts += [_spec_component(index, name, chance) for index, name in enumerate(names)]
    parts.append(_spec_tail(names, team, chance))
    return "".join(parts)


def _spec_head(number: int, team: str, names: list[str], chance: random.Random) -> str:
    return f"""\
# yaml-language-server: $schema=../schemas/workflow.v1.schema.json
spec: 1
name: {team}-release-{number}
title: Release of {team}, line {number}
description: Tests and builds {", ".join(names[:-1])} and {names[-1]}, then ships what passed.
inputs:
  target:
    type: string
    enum: [dev, staging, prod]
    default: dev
    title: Where to ship
  shards:
    type: integer
    minimum: 1
    maximum: {chance.randint(4, 12)}
    default: {chance.randint(1, 4)}
    description: How many parts the tests are cut into.
  revision:
    type: string
    default: main
sandboxes:
  python:
    title: Python tool chain
    needs:
      runtime: python
      cpu: {chance.choice((1, 2))}
      memory: {chance.choice(("512MiB", "1GiB", "2GiB"))}
    scope: step
    prefer: [e2b]
agents:
  {team}:
    title: Team {team}
    human: true
defaults:
  timeout: {chance.randint(5, 30)}m
  retry:
    attempts: {chance.randint(2, 4)}
    delay: 2s
    max: 1m
phases:
  test: {{title: 1. Test}}
  build: {{title: 2. Build}}
  ship: {{title: 3. Ship}}
steps:
"""


def _spec_component(index: int, name: str, chance: random.Random) -> str:
    extra = chance.choice(("--strict", "--all", "--cached", "--no-color"))
    return f"""\
  {name}_test:
    title: Unit tests of {name}
    phase: test
    ref: "{index + 1}.1"
    sandbox: python
    matrix:
      suite: [unit, property, contract]
    env:
      REVISION: ${{{{ inputs.revision }}}}
      COMPONENT: {name}
    run: |
      set -eu
      echo "testing $COMPONENT at $REVISION, suite ${{{{ matrix.suite }}}}"
      seq 1 ${{{{ inputs.shards }}}} | while read -r part; do
        echo "part $part"
      done
      echo "passed={chance.randint(20, 900)}" >> "$RUNNER_OUTPUT"
    outputs:
      passed:
        type: integer
        minimum: 1
  {name}_build:
    title: Build {name}
    phase: build
    ref: "{index + 1}.2"
    sandbox: python
    after: [{name}_test]
    run: |
      mkdir -p dist
      printf '%s' {name} > dist/{name}.txt
      echo "bytes=$(wc -c < dist/{name}.txt)" >> "$RUNNER_OUTPUT"
      echo "built {extra}"
    outputs:
      bytes: {{type: integer}}
      package: {{artifact: dist/*.txt}}
"""


def _spec_tail(names: list[str], team: str, chance: random.Random) -> str:
    first, second = names[0], names[1]
    builds = ", ".join(f"{name}_build" for name in names)
    return f"""\
  ship:
    title: Ship to the target
    phase: ship
    owner: {team}
    sandbox: python
    after: [{builds}]
    if: inputs.target != 'dev' && steps.{first}_build.outputs.bytes > 0
    run: |
      ls ${{{{ steps.{first}_build.outputs.package }}}} ${{{{ steps.{second}_build.outputs.package }}}}
      echo "shipping to ${{{{ inputs.target }}}}"
milestones:
  - id: tested
    week: 1
    title: Everything is tested
    needs: [{", ".join(f"{name}_test" for name in names)}]
    accept: ["steps.{first}_test.outputs.passed.all(n, n > 10)"]
  - id: shipped
    week: {chance.randint(2, 5)}
    title: Shipped
    needs: [ship]
    accept: ["steps.{second}_build.outputs.bytes < 1000000"]
schedules:
  - id: nightly
    cron: "{chance.randint(0, 59)} {chance.randint(0, 6)} * * MON-FRI"
    timezone: {chance.choice(_ZONES)}
    inputs: {{target: staging}}
"""


def workflow_text(number: int) -> str:
    """The GitHub Actions workflow with that number, telling the same story as the spec."""
    chance = random.Random(number)
    names = chance.sample(_COMPONENTS, 4)
    team = chance.choice(_TEAMS)
    parts = [_workflow_head(number, team, chance)]
    parts += [_workflow_component(name, chance) for name in names]
    parts.append(_workflow_tail(names))
    return "".join(parts)


def _workflow_head(number: int, team: str, chance: random.Random) -> str:
    return f"""\
# Release of {team}, line {number}
name: {team}-release-{number}
on:
  push:
    branches: [main]
  workflow_dispatch:
    inputs:
      target:
        description: Where to ship
        type: choice
        options: [dev, staging, prod]
        default: dev
      revision:
        description: What to check out
        type: string
        default: main
  schedule:
    - cron: "{chance.randint(0, 59)} {chance.randint(0, 6)} * * MON-FRI"
permissions:
  contents: read
concurrency: {team}-${{{{ github.ref }}}}
env:
  SHARDS: "{chance.randint(1, 4)}"
jobs:
"""


def _workflow_component(name: str, chance: random.Random) -> str:
    return f"""\
  {name}_test:
    name: Unit tests of {name}
    runs-on: ubuntu-latest
    timeout-minutes: {chance.randint(5, 30)}
    strategy:
      fail-fast: false
      matrix:
        suite: [unit, property, contract]
    outputs:
      passed: ${{{{ steps.run.outputs.passed }}}}
    steps:
      - {{uses: actions/checkout@{_PIN}, with: {{persist-credentials: false}}}}
      - id: run
        env:
          COMPONENT: {name}
          SUITE: ${{{{ matrix.suite }}}}
        run: |
          set -eu
          echo "testing $COMPONENT, suite $SUITE"
          seq 1 "$SHARDS" | while read -r part; do
            echo "part $part"
          done
          echo "passed={chance.randint(20, 900)}" >> "$GITHUB_OUTPUT"
  {name}_build:
    runs-on: ubuntu-latest
    needs: [{name}_test]
    outputs:
      bytes: ${{{{ steps.build.outputs.bytes }}}}
    steps:
      - id: build
        run: |
          mkdir -p dist
          printf '%s' {name} > dist/{name}.txt
          echo "bytes=$(wc -c < dist/{name}.txt)" >> "$GITHUB_OUTPUT"
"""


def _workflow_tail(names: list[str]) -> str:
    return f"""\
  ship:
    name: Ship to the target
    runs-on: ubuntu-latest
    needs: [{", ".join(f"{name}_build" for name in names)}]
    if: ${{{{ github.event_name == 'workflow_dispatch' && needs.{names[0]}_build.outputs.bytes != '0' }}}}
    environment: production
    steps:
      - {{uses: actions/checkout@{_PIN}, with: {{persist-credentials: false}}}}
      - name: Ship
        env:
          TARGET: ${{{{ inputs.target }}}}
          BYTES: ${{{{ needs.{names[1]}_build.outputs.bytes }}}}
        run: |
          echo "shipping $BYTES bytes to $TARGET"
          ls -l
"""
