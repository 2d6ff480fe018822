"""A secret that is printed, returned, thrown, named and asked about: afterwards it is in nothing that anybody keeps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.canary import CANARY, disguises, files_with

pytestmark = pytest.mark.acceptance

SPEC = """\
spec: 1
name: canary
secrets: {token: {env: CANARY}}
sandboxes: {own: {needs: {runtime: shell}, scope: step}}
steps:
  say:
    sandbox: own
    env: {TOKEN: "${{ secrets.token }}"}
    run: |
      echo "plain $TOKEN"; echo "$TOKEN" >&2
      printf %s "$TOKEN" | base64; printf %s "$TOKEN" | od -An -tx1 | tr -d ' \\n'; echo
      printf %s "$TOKEN" | cut -c1-9 | tr -d '\\n'; sleep 0.2; printf %s "$TOKEN" | cut -c10-
      mkdir -p made; echo public > "made/$(printf %s "$TOKEN" | tr -d /)"; echo "$TOKEN" >&2
      python3 - <<'END' >> "$RUNNER_OUTPUT"
      import json, os
      print("word=" + json.dumps(os.environ["TOKEN"]))
      print("deep=" + json.dumps({os.environ["TOKEN"]: [os.environ["TOKEN"]]}))
      print("list=" + json.dumps([os.environ["TOKEN"] + "1"]))
      END
    outputs:
      word: {type: string}
      deep: {type: object}
      list: {type: array, items: {type: string}}
      made: {artifact: made/**}
  each: {sandbox: own, for_each: "${{ steps.say.outputs.list }}", run: 'echo ${{ item }}'}
  wrong:
    sandbox: own
    env: {TOKEN: "${{ secrets.token }}"}
    run: 'echo "n=$TOKEN" >> "$RUNNER_OUTPUT"'
    outputs: {n: {type: integer}}
    allow_failure: true
  fail: {sandbox: own, env: {TOKEN: "${{ secrets.token }}"}, allow_failure: true, run: 'echo "no $TOKEN" >&2; exit 3'}
  below: {after: [say], workflow: child.yaml, with: {word: "${{ steps.say.outputs.word }}"}}
  gate: {after: [say], approve: {prompt: "Ship ${{ steps.say.outputs.word }}?", timeout: 1s, on_timeout: approve}}
  last: {sandbox: own, after: [gate], run: "sleep 1"}
outputs: {word: {value: "${{ steps.say.outputs.word }}"}}
milestones: [{id: m, title: M, week: 1, needs: [say], accept: ["steps.say.outputs.word != 'x'"]}]
"""
CHILD = """\
spec: 1
name: child
sandboxes: {own: {needs: {runtime: shell}, scope: step}}
inputs: {word: {type: string}}
steps: {say: {sandbox: own, run: 'echo "below ${{ inputs.word }}"'}}
outputs: {word: {value: "${{ inputs.word }}"}}
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short path (sockets have names of 108 characters), of which all is looked through."""
    folder = Path(tempfile.mkdtemp(prefix="rc-"))
    for name in ("home", "tmp", "work"):
        (folder / name).mkdir()
    (folder / "work" / "canary.yaml").write_text(SPEC)
    (folder / "work" / "child.yaml").write_text(CHILD)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def environment(place: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "PYTHONPATH")}
    return {**kept, "HOME": str(place / "home"), "TMPDIR": str(place / "tmp"), "XDG_RUNTIME_DIR": str(place / "tmp")}


def found_in_processes(runner: int) -> set[str]:
    """Processes that show the canary in their arguments, or in a variable that nobody gave it to."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words, variables = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended, or is somebody else's
        told = words.replace(b"\0", b" ").decode(errors="replace")[:200]
        if any(form in words for form in disguises()):
            found.add(f"arguments of {told}")
        if int(folder.name) == runner or any(each.startswith(b"TOKEN=") for each in variables):
            continue  # where the user put it: the command itself, and the step that asked for it
        if any(form in each for each in variables for form in disguises()):
            found.add(f"environment of {told}")
    return found


@pytest.fixture
def gateway(place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The gateway of the state, which all commands find."""
    command = [sys.executable, "-m", "runner", "endpoint", "surreal", "--state", "state"]
    with (place / "tmp" / "gateway.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=place / "work", env=environment(place), stdout=log, stderr=log)
        while not (place / "work" / "state" / "state.gateway").exists():
            assert process.poll() is None, (place / "tmp" / "gateway.log").read_text()
            time.sleep(0.05)
        yield process
        process.terminate()
        process.wait(20)


def test_a_secret_is_in_nothing_that_a_run_leaves(place: Path, gateway: subprocess.Popen[bytes]) -> None:
    command = [sys.executable, "-m", "runner", "run", "canary.yaml", "--state", "state"]
    environ = {**environment(place), "CANARY": CANARY}
    process = subprocess.Popen(
        command, cwd=place / "work", env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    shown: set[str] = set()
    while process.poll() is None:
        shown |= found_in_processes(process.pid)
        time.sleep(0.05)
    assert process.stdout is not None
    told = process.stdout.read()
    process.stdout.close()
    assert "plain ***" in told
    assert "below ***" in told
    assert process.returncode == 0, told
    assert gateway.poll() is None
    assert not shown
    assert not any(form in told.encode() for form in disguises()), told

    for words in (["status", "last", "--json"], ["logs", "last"], ["state", "export"], ["audit", "search", "ship"]):
        done = subprocess.run(
            [sys.executable, "-m", "runner", *words, "--state", "state"],
            cwd=place / "work",
            env=environment(place),
            capture_output=True,
            timeout=50,
        )
        assert done.returncode == 0, done.stderr
        assert not any(form in done.stdout + done.stderr for form in disguises()), words
    assert files_with(place) == []
