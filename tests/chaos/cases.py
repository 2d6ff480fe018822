"""The specs that are disturbed: small, and each of another shape.

What a step does leaves a mark: a line in a file of its box and the same line in its output. The step `finally` shows
the file, so that its box's own account of what was done in it reaches the judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

#: The line that an attempt leaves as the first thing that it does.
MARK = "did"
_MARK = f"echo {MARK} $RUNNER_STEP $RUNNER_ATTEMPT | tee -a ~/marks"
#: The step that shows the marks of its box.
ACCOUNT = "finally"


@dataclass(frozen=True)
class Case:
    """A spec to run: `files` by name, the first of them is run. `free` are outputs of the run that may differ from one
    time to the next; `once` are steps with `idempotent: false`. `state` is what it comes to when nobody is killed.
    """

    name: str
    files: Mapping[str, str]
    free: frozenset[str] = field(default=frozenset())
    once: frozenset[str] = field(default=frozenset())
    state: str = "succeeded"

    @property
    def spec(self) -> str:
        """The name of the file that is run."""
        return next(iter(self.files))


def _case(name: str, text: str, free: str = "", once: str = "", **others: str) -> Case:
    files = {f"{name}.yaml": text, **{f"{other}.yaml": more for other, more in others.items()}}
    return Case(
        name,
        {path: each.replace("MARK", _MARK) for path, each in files.items()},
        frozenset(free.split()),
        frozenset(once.split()),
    )


CHAIN = _case(
    "chain",
    """\
spec: 1
name: chain
steps:
  first: {run: "MARK; sleep 0.15; echo one > part"}
  second: {after: [first], run: "MARK; cp part two; sleep 0.1; echo two >> two"}
  third:
    after: [second]
    run: |
      MARK
      cp two three; echo three >> three
      echo "lines=$(wc -l < three)" >> "$RUNNER_OUTPUT"
      sleep 0.1
    outputs: {lines: {type: integer}, text: {artifact: three}}
  fourth:
    run: |
      MARK
      cat ${{ steps.third.outputs.text }}/three; sleep 0.1
      echo "last=\\"$(tail -n1 ${{ steps.third.outputs.text }}/three)\\"" >> "$RUNNER_OUTPUT"
    outputs: {last: {type: string}}
outputs:
  lines: {value: "${{ steps.third.outputs.lines }}"}
  last: {value: "${{ steps.fourth.outputs.last }}"}
finally: {run: cat ~/marks}
milestones:
  - {id: done, title: All is done, needs: [fourth], accept: ["steps.third.outputs.lines == 3"]}
""",
)

FAN = _case(
    "fan",
    """\
spec: 1
name: fan
steps:
  list:
    run: |
      MARK
      echo 'names=["ada","grace","mary"]' >> "$RUNNER_OUTPUT"
    outputs: {names: {type: array, items: {type: string}}}
  greet:
    for_each: {items: "${{ steps.list.outputs.names }}", as: name, max_parallel: 2}
    run: |
      MARK
      name=${{ name }}; sleep 0.1
      echo "letters=${#name}" >> "$RUNNER_OUTPUT"
    outputs: {letters: {type: integer}}
  grid:
    matrix: {row: [1, 2], column: [a, b]}
    run: "MARK; sleep 0.1; touch cell-${{ matrix.row }}-${{ matrix.column }}"
  join:
    after: [greet, grid]
    env: {LETTERS: "${{ steps.greet.outputs.letters }}"}
    run: |
      MARK
      echo "cells=$(ls cell-* | wc -l)" >> "$RUNNER_OUTPUT"
      echo "letters=\\"$LETTERS\\"" >> "$RUNNER_OUTPUT"
    outputs: {cells: {type: integer}, letters: {type: string}}
outputs:
  cells: {value: "${{ steps.join.outputs.cells }}"}
  letters: {value: "${{ steps.join.outputs.letters }}"}
finally: {run: cat ~/marks}
""",
)

OWN = _case(
    "own",
    """\
spec: 1
name: own
sandboxes:
  each: {needs: {runtime: shell}, scope: step}
  table: {needs: {runtime: shell}}
steps:
  make:
    sandbox: each
    matrix: {number: [1, 2, 3]}
    run: |
      MARK
      sleep 0.1; seq ${{ matrix.number }} > numbers
    outputs: {numbers: {artifact: numbers}}
  add:
    sandbox: table
    after: [make]
    env: {WHERE: "${{ steps.make.outputs.numbers }}"}
    run: |
      MARK
      sum=0
      for one in $(printf '%s' "$WHERE" | tr -d '[]"' | tr , ' '); do
        for number in $(cat $one/numbers); do sum=$((sum + number)); done
      done
      echo "sum=$sum" >> "$RUNNER_OUTPUT"
    outputs: {sum: {type: integer}}
outputs:
  sum: {value: "${{ steps.add.outputs.sum }}"}
finally: {sandbox: table, run: cat ~/marks}
""",
)

STUBBORN = _case(
    "stubborn",
    """\
spec: 1
name: stubborn
steps:
  flaky:
    run: "MARK; [ -e tried ] || { touch tried; exit 3; }"
    retry: {attempts: 5, backoff: fixed, delay: 50ms, on: [exit]}
  lint: {run: "MARK; exit 1", allow_failure: true}
  poll:
    repeat: {until: outputs.tries >= 3, max: 30, delay: 20ms}
    run: |
      MARK
      echo x >> tries; echo "tries=$(wc -l < tries)" >> "$RUNNER_OUTPUT"
    outputs: {tries: {type: integer}}
  after: {after: [flaky, poll], run: "MARK; sleep 0.1"}
  never: {after: [lint], if: "steps.lint.state == 'succeeded'", run: MARK}
outputs:
  tries: {value: "${{ steps.poll.outputs.tries }}"}
finally: {run: cat ~/marks}
""",
    free="tries",
)

DOOMED = replace(
    _case(
        "doomed",
        """\
spec: 1
name: doomed
steps:
  good: {run: "MARK; sleep 0.2; echo kept > kept"}
  bad: {run: "MARK; sleep 0.1; exit 7"}
  skipped: {after: [bad], run: MARK}
  beside: {after: [good], run: "MARK; sleep 0.1; cat kept"}
on_failure: {run: "MARK; cat kept || true; sleep 0.1"}
finally: {run: cat ~/marks}
""",
    ),
    state="failed",
)

ASKED = _case(
    "asked",
    """\
spec: 1
name: asked
steps:
  build: {run: "MARK; sleep 0.1; echo built > built"}
  gate:
    after: [build]
    approve: {prompt: "Ship it?", form: {share: {type: integer, minimum: 1, maximum: 100, default: 5}}}
  beside: {run: "MARK; sleep 0.3"}
  pay: {after: [gate], idempotent: false, run: "MARK; cat built; sleep 0.3"}
outputs:
  share: {value: "${{ steps.gate.outputs.share }}"}
finally: {run: cat ~/marks}
""",
    once="pay",
)

ONCE = _case(
    "once",
    """\
spec: 1
name: once
steps:
  ada: {idempotent: false, run: "MARK; sleep 0.3"}
  grace: {idempotent: false, run: "MARK; sleep 0.2"}
  mary: {after: [ada, grace], idempotent: false, run: "MARK; sleep 0.2"}
finally: {run: cat ~/marks}
""",
    once="ada grace mary",
)

FAMILY = _case(
    "family",
    """\
spec: 1
name: family
steps:
  page:
    matrix: {number: [1, 2]}
    workflow: child.yaml
    with: {number: "${{ matrix.number }}"}
  cover: {run: "MARK; sleep 0.1"}
  bind:
    after: [page, cover]
    env: {SIZES: "${{ steps.page.outputs.size }}"}
    run: |
      MARK
      echo "sizes=\\"$SIZES\\"" >> "$RUNNER_OUTPUT"
    outputs: {sizes: {type: string}}
outputs:
  sizes: {value: "${{ steps.bind.outputs.sizes }}"}
finally: {run: cat ~/marks}
""",
    child="""\
spec: 1
name: child
inputs:
  number: {type: integer}
steps:
  write: {run: "MARK; seq ${{ inputs.number }} > lines; sleep 0.1"}
  count:
    after: [write]
    run: |
      MARK
      echo "size=$(wc -l < lines)" >> "$RUNNER_OUTPUT"; sleep 0.1
    outputs: {size: {type: integer}}
outputs:
  size: {value: "${{ steps.count.outputs.size }}"}
finally: {run: cat ~/marks}
""",
)

#: Runs in boxes of the runner's own endpoint.
CASES = (CHAIN, FAN, OWN, STUBBORN, DOOMED, ASKED, ONCE, FAMILY)

#: Boxes of an endpoint that is killed: what is made again is what was under way.
PATIENT = _case(
    "patient",
    """\
spec: 1
name: patient
defaults:
  retry: {attempts: 12, backoff: fixed, delay: 500ms, on: [provider, box_gone, timeout]}
sandboxes:
  # runner: ignore[sandbox-network] the witness is on this machine
  each: {needs: {runtime: shell, network: "*"}, prefer: [e2b], scope: step}
steps:
  make:
    sandbox: each
    matrix: {number: [1, 2, 3]}
    run: |
      MARK
      curl --noproxy "" -fsSg "WITNESS/$RUNNER_RUN/$RUNNER_STEP/$RUNNER_ATTEMPT"
      sleep 0.2; seq ${{ matrix.number }} > numbers
    outputs: {numbers: {artifact: numbers}}
  add:
    sandbox: each
    after: [make]
    env: {WHERE: "${{ steps.make.outputs.numbers }}"}
    run: |
      MARK
      curl --noproxy "" -fsSg "WITNESS/$RUNNER_RUN/$RUNNER_STEP/$RUNNER_ATTEMPT"
      sleep 0.2
      echo "places=$(printf '%s' "$WHERE" | tr -cd , | wc -c)" >> "$RUNNER_OUTPUT"
    outputs: {places: {type: integer}}
outputs:
  places: {value: "${{ steps.add.outputs.places }}"}
""",
)

#: In a browser that is killed; what succeeded in the tab comes along.
TAB = _case(
    "tab",
    """\
spec: 1
name: tab
defaults:
  retry: {attempts: 6, backoff: fixed, delay: 300ms, on: [provider, box_gone]}
sandboxes:
  tab: {needs: {runtime: node}, prefer: [webcontainer]}
steps:
  first: {sandbox: tab, run: "MARK; echo one > part; sleep 0.3"}
  second:
    sandbox: tab
    after: [first]
    run: |
      MARK
      node -e 'console.log("size=" + require("fs").readFileSync("part").length)' >> "$RUNNER_OUTPUT"
      sleep 0.3
    outputs: {size: {type: integer}}
outputs:
  size: {value: "${{ steps.second.outputs.size }}"}
finally: {sandbox: tab, run: cat ~/marks}
""",
)
