# ruff: noqa: E501 - a table of specs
"""Each rule: a spec in which it fires, with what it says, and the mended spec in which it is silent."""

from __future__ import annotations

import pytest

from runner.compiler.diagnostic import Diagnostic
from runner.compiler.document import read
from runner.compiler.rules import RULES, check_all, composition
from runner.compiler.surroundings import ShellNote, Surroundings

AROUND = Surroundings(
    shell=lambda texts: [
        [ShellNote("SC2086", "info", "quote it", 1, 6, 1, 8)] if text.startswith("echo $x") else [] for text, _ in texts
    ]
)
HEAD = "spec: 1\nname: demo\n"
ONE = "steps: {a: {run: echo}}\n"

#: code → (wrong, part of the message, part of the hint, right); several cases of a rule get `#` and a word.
CASES: dict[str, tuple[str, str, str, str]] = {
    "output-value": (
        "steps: {a: {run: 'echo who=me >> $RUNNER_OUTPUT', outputs: {who: {type: string}}}}",
        "the output `who` is no JSON: `me`",
        "echo 'who=\"me\"'",
        'steps: {a: {run: "echo \'who=\\"me\\"\' >> $RUNNER_OUTPUT", outputs: {who: {type: string}}}}',
    ),
    "output-value#quotes that the shell takes": (
        "steps: {a: {run: 'echo who=\"me too\" >> $RUNNER_OUTPUT', outputs: {who: {type: string}}}}",
        "is no JSON: `me too`",
        "",
        "steps: {a: {run: 'echo who=\\\"me\\\" >> $RUNNER_OUTPUT', outputs: {who: {type: string}}}}",
    ),
    "output-value#begins": (
        "steps: {a: {run: 'echo \"v=v$X\" >> $RUNNER_OUTPUT', outputs: {v: {type: string}}}}",
        "the output `v` is no JSON: it begins with `v`",
        "jq",
        "steps: {a: {run: 'echo \"v=$X\" >> $RUNNER_OUTPUT', outputs: {v: {type: string}}}}",
    ),
    "output-value#type": (
        "steps: {a: {run: 'echo n=1.5 >> $RUNNER_OUTPUT', outputs: {n: {type: integer}}}}",
        "the output `n` does not fit",
        "declared type",
        "steps: {a: {run: 'echo n=15 >> $RUNNER_OUTPUT', outputs: {n: {type: integer}}}}",
    ),
    "env-unknown": (
        "steps: {a: {run: 'echo a=1 >> $RUNNER_OUTPTU', outputs: {a: {type: integer}}}}",
        "runner sets no variable `RUNNER_OUTPTU`",
        "did you mean `RUNNER_OUTPUT`?",
        "steps: {a: {run: 'echo a=1 >> ${RUNNER_OUTPUT}', outputs: {a: {type: integer}}}}",
    ),
    "env-unknown#far": (
        "steps: {a: {run: 'ls $RUNNER_WORKSPACE'}}",
        "runner sets no variable `RUNNER_WORKSPACE`",
        "declare it in `env`",
        "steps: {a: {run: 'ls $RUNNER_WORKSPACE $GITHUB_SHA', env: {RUNNER_WORKSPACE: /src}}, b: {run: 'RUNNER_TEMP=/tmp; ls $RUNNER_TEMP'}, c: {run: 'ls ${RUNNER_TEMP:-/tmp}'}, d: {run: ''}}",
    ),
    "env-unknown#Actions": (
        "steps: {a: {run: 'echo a=1 >> $GITHUB_OUTPUT', outputs: {a: {type: integer}}}}",
        "`GITHUB_OUTPUT` is a variable of GitHub Actions",
        '"$RUNNER_OUTPUT"',
        "steps: {a: {run: \"echo '$RUNNER_X' a=1 >> $RUNNER_OUTPUT\", outputs: {a: {type: integer}}}}",
    ),
    "env-unknown#command": (
        "steps: {a: {run: 'echo \"::set-output name=a::1\"', outputs: {a: {type: integer}}}}",
        "`::set-output` is a command of GitHub Actions",
        '"$RUNNER_OUTPUT"',
        "steps: {a: {run: 'echo a=1 >> $RUNNER_OUTPUT', outputs: {a: {type: integer}}}, b: {script: {language: python, code: '$RUNNER_X'}}}",
    ),
    "policy-event": (
        "steps: {a: {run: a}}\npolicies: [{id: p, on: sandbox.qouta, do: fallback}]",
        "no event `sandbox.qouta`",
        "did you mean `sandbox.quota`?",
        "steps: {a: {run: a}}\npolicies: [{id: p, on: sandbox.quota, do: fallback}, {id: q, on: step.failed, do: notify}, {id: r, on: ''}]",
    ),
    "policy-event#far": (
        "steps: {a: {run: a}}\npolicies: [{id: p, on: milestone.seen_by_nobody, do: notify}]",
        "so the policy never acts",
        "events are `milestone.reached` and `milestone.missed`",
        "steps: {a: {run: a}}\npolicies: [{id: p, on: milestone.missed, do: notify}]",
    ),
    "output-unused": (
        "steps: {a: {run: a, outputs: {x: {type: string}, y: {type: string}}}}\noutputs: {x: {value: '${{ steps.a.outputs.x }}'}}",
        "nothing reads the output `y` of `a`",
        "hand it on",
        "steps: {a: {run: a, outputs: {x: {type: string}, y: {type: string}}}, b: {run: '${{ steps.a.outputs.y }}'}}\noutputs: {x: {value: '${{ steps.a.outputs.x }}'}}",
    ),
    "output-unused#template": (
        "templates: {t: {step: {run: a, outputs: {x: {type: string}, y: {type: string}}}}}\nsteps: {a: {use: t}, b: {use: t}}\noutputs: {x: {value: '${{ steps.b.outputs.x }}'}}",
        "nothing reads the output `y` of `a`",
        "hand it on",
        "templates: {t: {step: {run: a, outputs: {x: {type: string}}}}}\nsteps: {a: {use: t}, b: {use: t}}\noutputs: {x: {value: '${{ steps.b.outputs.x }}'}}",
    ),
    "output-unused#whole": (
        "steps: {a: {run: a, outputs: {x: {type: string}}}}\noutputs: {x: {value: '1'}}",
        "nothing reads the output `x` of `a`",
        "hand it on",
        "steps: {a: {run: a, outputs: {x: {type: string}}}}\noutputs: {x: {value: '${{ steps.a.outputs }}'}, y: {value: '${{ steps.a.state }}'}}",
    ),
    "output-unused#until": (
        "steps: {a: {run: a, outputs: {x: {type: integer}}, repeat: {until: 'run.id == \"\"', max: 2}}}\noutputs: {y: {value: '1'}}",
        "nothing reads the output `x` of `a`",
        "hand it on",
        "steps: {a: {run: a, outputs: {x: {type: integer}}, repeat: {until: outputs.x > 1, max: 2}}}\noutputs: {y: {value: '1'}}",
    ),
    "needs-unknown": (
        "steps: {build: {run: a}, b: {run: b, after: [biuld]}}",
        "the step `biuld` does not exist; there is `build`",
        "did you mean `build`?",
        "steps: {build: {run: a}, b: {run: b, after: [build]}}",
    ),
    "needs-unknown#one word": (
        "steps: {a: {run: a}, b: {run: b, after: zzz}}",
        "the step `zzz` does not exist",
        "ids of `steps`",
        "steps: {a: {run: a}, b: {run: b, after: a}}",
    ),
    "needs-self": ("steps: {a: {run: a, after: [a]}}", "waits for itself", "remove", "steps: {a: {run: a}}"),
    "needs-cycle": (
        "steps: {z: {run: a}, a: {run: a, after: [c]}, b: {run: b, after: [a, z]}, c: {run: c, after: [b]}}",
        "a → c → b → a",
        "remove one",
        "steps: {a: {run: a}, b: {run: b, after: [a]}, c: {run: c, after: [b]}}",
    ),
    "needs-cycle#implied": (
        "steps: {a: {run: a, after: [b], outputs: {x: {type: string}}}, b: {run: 'echo ${{ steps.a.outputs.x }}'}}",
        "a → b → a",
        "",
        "steps: {a: {run: a, outputs: {x: {type: string}}}, b: {run: 'echo ${{ steps.a.outputs.x }}'}}",
    ),
    "sandbox-unknown": (
        "sandboxes: {web: {}}\nsteps: {a: {run: a, sandbox: wep}, b: {run: b, sandbox: web}}",
        "the sandbox `wep`",
        "did you mean `web`?",
        "sandboxes: {web: {}}\nsteps: {a: {run: a, sandbox: default}, b: {run: b, sandbox: web}}",
    ),
    "agent-unknown": (
        "steps: {a: {agent: bob, prompt: p}}",
        "the agent `bob`",
        "under `agents`",
        "agents: {bob: {model: 'x:y'}}\nsteps: {a: {agent: bob, prompt: p}}",
    ),
    "owner-unknown": (
        "agents: {anna: {human: true}}\nsteps: {a: {run: a, owner: ana}}",
        "the owner `ana`",
        "did you mean `anna`?",
        "agents: {anna: {human: true}}\nsteps: {a: {run: a, owner: anna}}",
    ),
    "phase-unknown": (
        "phases: {build: {}}\nsteps: {a: {run: a, phase: biuld}}",
        "the phase `biuld`",
        "did you mean `build`?",
        "phases: {build: {}}\nsteps: {a: {run: a, phase: build}}",
    ),
    "template-unknown": (
        "steps: {a: {use: t}}",
        "the template `t`",
        "under `templates`",
        "templates: {t: {step: {run: a}}}\nsteps: {a: {use: t}}",
    ),
    "input-default": (
        "inputs: {t: {type: string, enum: [dev, prod], default: prd}}\nsteps: {a: {run: 'echo ${{ inputs.t }}'}}",
        '"prd" is not one of "dev", "prod"; did you mean `prod`?',
        "change",
        "inputs: {t: {type: string, enum: [dev, prod], default: prod}}\nsteps: {a: {run: 'echo ${{ inputs.t }}'}}",
    ),
    "type-schema": (
        "steps: {a: {run: a, outputs: {n: {type: integer, minimum: 5, maximum: 3}}}}",
        "`minimum` (5) is more than `maximum` (3)",
        "exchange",
        "steps: {a: {run: a, outputs: {n: {type: integer, minimum: 3, maximum: 5}}}}",
    ),
    "type-schema#pattern": (
        "steps: {a: {run: a, outputs: {n: {type: string, pattern: '('}}}}",
        "no regular expression",
        "",
        "steps: {a: {run: a, outputs: {n: {type: string, pattern: '(a)'}}}}",
    ),
    "type-schema#enum": (
        "steps: {a: {run: a, outputs: {n: {type: integer, enum: [1, x]}}}}",
        '"x" is of type string, not `integer`',
        "remove",
        "steps: {a: {run: a, outputs: {n: {type: integer, enum: [1, 2]}}}}",
    ),
    "type-schema#required": (
        "agents: {b: {model: m}}\n"
        "steps: {a: {agent: b, prompt: p, returns: {type: object, required: [verdikt], properties: {verdict: {type: string}}}}}",
        "`required` names `verdikt`",
        "did you mean `verdict`?",
        "agents: {b: {model: m}}\n"
        "steps: {a: {agent: b, prompt: p, returns: {type: object, required: [verdict], properties: {verdict: {type: string}}}}}",
    ),
    "matrix-empty": (
        "inputs: {n: {type: integer, default: 0}}\nsteps: {a: {run: a, matrix: {i: '${{ range(inputs.n) }}'}}}",
        "has no leg",
        "add",
        "inputs: {n: {type: integer, default: 1}}\nsteps: {a: {run: a, matrix: {i: '${{ range(inputs.n) }}'}}}",
    ),
    "matrix-duplicate": (
        "steps: {a: {run: a, matrix: {i: [1, 2, 1]}}}",
        "the axis `i` of `a` has 1 twice",
        "remove",
        "steps: {a: {run: a, matrix: {i: [1, 2, x, true]}}}",
    ),
    "matrix-exclude": (
        "steps: {a: {run: a, matrix: {i: [1, 2], exclude: [{i: 3}]}}}",
        "matches no combination",
        "correct",
        "steps: {a: {run: a, matrix: {i: [1, 2], exclude: [{i: 2}]}}}",
    ),
    "matrix-exclude#axis": (
        "steps: {a: {run: a, matrix: {shard: [1, 2], exclude: [{shart: 2}]}}}",
        "there is no axis `shart`",
        "did you mean `shard`?",
        "steps: {a: {run: a, matrix: {shard: [1, 2], exclude: [{shard: 2}]}}}",
    ),
    "matrix-size": (
        "steps: {a: {run: a, matrix: {i: '${{ range(300) }}'}}}",
        "has 300 legs, at most 256",
        "shorten",
        "steps: {a: {run: a, matrix: {i: '${{ range(256) }}'}}}",
    ),
    "expression-syntax": (
        "steps: {a: {run: 'echo ${{ 1 + }}'}}",
        "the expression ends too early",
        "CEL",
        "steps: {a: {run: 'echo ${{ 1 + 1 }}'}}",
    ),
    "expression-syntax#unclosed": (
        "steps: {a: {run: 'echo ${{ 1'}}",
        "is not closed",
        "",
        "steps: {a: {run: 'echo ${{ 1 }}'}}",
    ),
    "expression-syntax#empty": (
        "steps: {a: {run: 'echo ${{ }}'}}",
        "is empty",
        "",
        "steps: {a: {run: 'echo ${{ 1 }}'}}",
    ),
    "expression-syntax#token": (
        "steps: {a: {run: 'echo ${{ 1 == = 2 }}'}}",
        "syntax error at `=`",
        "",
        "steps: {a: {run: 'echo ${{ 1 == 2 }}'}}",
    ),
    "expression-bare": (
        "steps: {a: {run: a, if: '${{ run.id == 1 }}'}}",
        "without `${{ }}`",
        "bare",
        "steps: {a: {run: a, if: \"run.id == '1'\"}}",
    ),
    "expression-syntax#script": (
        "steps: {a: {script: {language: bash, code: 'echo ${{ 1 }}'}}}",
        "takes no expressions",
        "`env`",
        "steps: {a: {script: {language: bash, code: 'echo $X'}, env: {X: '${{ 1 }}'}}}",
    ),
    "expression-unknown": (
        "inputs: {target: {type: string, default: a}}\nsteps: {a: {run: 'echo ${{ inputs.target }} ${{ inputs.tagret }}'}}",
        "there is no input `tagret`; there is `target`",
        "did you mean `target`?",
        "inputs: {target: {type: string, default: a}}\nsteps: {a: {run: 'echo ${{ inputs.target }}'}}",
    ),
    "expression-unknown#output": (
        "steps: {a: {run: a, outputs: {size: {type: integer}}}, b: {run: 'echo ${{ steps.a.outputs.sise }}'}}",
        "the step `a` declares no output `sise`; there is `size`",
        "did you mean `size`?",
        "steps: {a: {run: a, outputs: {size: {type: integer}}}, b: {run: 'echo ${{ steps.a.outputs.size }}'}}",
    ),
    "expression-unknown#function": (
        "steps: {a: {run: 'echo ${{ rnage(3).size() }}'}}",
        "there is no function `rnage`",
        "did you mean `range`?",
        "steps: {a: {run: 'echo ${{ range(3).size() }}'}}",
    ),
    "expression-unknown#word": (
        "steps: {a: {run: a, if: prod == 'x'}}",
        "`prod` is not known",
        "text stands in quotes",
        "steps: {a: {run: a, if: \"'prod' == run.name\"}}",
    ),
    "expression-unknown#bare": (
        "inputs: {t: {type: string, default: a}}\nsteps: {a: {run: 'echo ${{ inputs }} ${{ inputs.t }}'}}",
        "`inputs` is no value by itself",
        "there is `t`",
        "inputs: {t: {type: string, default: a}}\nsteps: {a: {run: 'echo ${{ inputs.t }}'}}",
    ),
    "expression-unknown#step": (
        "steps: {a: {run: a}, b: {run: b, if: 'steps.a == 1'}}",
        "`steps.a` is no value by itself",
        "`steps.a.state` and `steps.a.outputs`",
        "steps: {a: {run: a}, b: {run: b, if: \"steps.a.state == 'failed'\"}}",
    ),
    "expression-unknown#property": (
        "inputs: {o: {type: object, properties: {size: {type: integer}}, default: {}}}\n"
        "steps: {a: {run: 'echo ${{ inputs.o.siez }}'}}",
        "`inputs.o` has no property `siez`",
        "did you mean `size`?",
        "inputs: {o: {type: object, properties: {size: {type: integer}}, default: {}}}\n"
        "steps: {a: {run: 'echo ${{ inputs.o.size + 1 }}'}}",
    ),
    "expression-context": (
        "steps: {a: {run: 'echo ${{ matrix.x }}'}}",
        "`matrix` is not known here",
        "`inputs`, `secrets`, `run` and `steps`",
        "steps: {a: {run: 'echo ${{ matrix.x }}', matrix: {x: [1]}}}",
    ),
    "expression-context#self": (
        "steps: {a: {run: 'echo ${{ steps.a.state }}'}}",
        "cannot use its own values",
        "",
        "steps: {a: {run: a}, b: {run: 'echo ${{ steps.a.state }}'}}",
    ),
    "expression-context#hash": (
        "steps: {a: {run: \"echo ${{ hash('x') }}\"}}",
        "only in the key of a `cache`",
        "sha256sum",
        "steps: {a: {run: a, cache: {key: \"v1-${{ hash('x') }}\"}}}",
    ),
    "expression-context#milestone": (
        "steps: {a: {run: a}, b: {run: b}}\nmilestones: [{id: m, needs: [a], accept: [\"steps.b.state == 'failed'\"]}]",
        "the step `b` is neither among the steps",
        "",
        "steps: {b: {run: b}, a: {run: a, after: [b]}}\nmilestones: [{id: m, needs: [a], accept: [\"steps.b.state == 'failed'\"]}]",
    ),
    "expression-type": (
        "inputs: {n: {type: number, default: 1.5}}\nsteps: {a: {run: a, if: inputs.n < '3'}}",
        "`inputs.n` is a number and `'3'` is text: `<` cannot compare them",
        "int(x)",
        "inputs: {n: {type: number, default: 1.5}}\nsteps: {a: {run: a, if: inputs.n < 3}}",
    ),
    "expression-type#bool": (
        "inputs: {n: {type: integer, default: 1}}\nsteps: {a: {run: a, if: inputs.n}}",
        "`if` must be true or false, this is an integer",
        "compare",
        "inputs: {n: {type: integer, default: 1}}\nsteps: {a: {run: a, if: inputs.n > 0}}",
    ),
    "expression-type#axis": (
        "inputs: {n: {type: integer, default: 1}}\nsteps: {a: {run: a, matrix: {i: '${{ inputs.n }}'}}}",
        "a matrix axis must be a list",
        "range(n)",
        "inputs: {n: {type: integer, default: 1}}\nsteps: {a: {run: a, matrix: {i: '${{ range(inputs.n) }}'}}}",
    ),
    "expression-type#axis element": (
        "steps: {a: {run: 'echo ${{ matrix.i + \"x\" }}', matrix: {i: '${{ range(2) }}'}}}",
        "`+` cannot be applied to an integer and text: `matrix.i` is an integer",
        "string(matrix.i)",
        "steps: {a: {run: 'echo ${{ matrix.i + 1 }}', matrix: {i: '${{ range(2) }}'}}}",
    ),
    "expression-text": (
        "inputs: {l: {type: array, items: {type: string}, default: []}}\nsteps: {a: {run: 'echo ${{ inputs.l }}'}}",
        "a list cannot stand in a shell text",
        "join",
        "inputs: {l: {type: array, items: {type: string}, default: []}}\nsteps: {a: {run: \"echo ${{ inputs.l.join(' ') }}\"}}",
    ),
    "expression-syntax#where none is filled in": (
        "inputs: {t: {type: string, default: x}}\nsteps: {a: {run: 'echo ${{ inputs.t }}', outputs: {o: {artifact: '${{ inputs.t }}/*'}}}}",
        "no expression is filled in here",
        "runner schema",
        "description: 'says ${{ what }}'\ninputs: {t: {type: string, examples: ['${{ no }}']}}\nsteps: {a: {run: 'echo ${{ inputs.t }}'}}",
    ),
    "expression-syntax#trigger": (
        "steps: {a: {run: a}}\ntriggers: [{id: t, webhook: github, when: event.x ==}]",
        "the expression ends too early",
        "CEL",
        "inputs: {y: {type: string}}\nsteps: {a: {run: a}}\ntriggers: [{id: t, webhook: github, when: event.x == 1, inputs: {y: '${{ event.y }}'}}]",
    ),
    "expression-unknown#concurrency": (
        "concurrency: {group: 'x-${{ inputs.t }}'}\nsteps: {a: {run: a}}",
        "there is no input `t`",
        "declare it",
        "inputs: {t: {type: string}}\nconcurrency: {group: 'x-${{ inputs.t }}'}\nsteps: {a: {run: a}}",
    ),
    "expression-unknown#concurrency of a step": (
        "steps: {a: {run: a, concurrency: {group: '${{ inputs.t }}'}}}",
        "there is no input `t`",
        "declare it",
        "inputs: {t: {type: string}}\nsteps: {a: {run: a, concurrency: {group: '${{ inputs.t }}'}}}",
    ),
    "expression-unknown#method called as a function": (
        "steps: {a: {run: 'echo ${{ contains(run.id, \"x\") }}'}}",
        "there is no function `contains`",
        "x.contains(text)",
        "steps: {a: {run: 'echo ${{ run.id.contains(\"x\") ? 1 : 2 }}'}}",
    ),
    "expression-unknown#name of another language": (
        "steps: {a: {run: 'echo ${{ len(run.id) }}'}}",
        "there is no function `len`",
        "`size`",
        "steps: {a: {run: 'echo ${{ size(run.id) }}'}}",
    ),
    "expression-type#text in arithmetic": (
        "inputs: {s: {type: string, default: '1'}}\nsteps: {a: {run: 'echo $(( ${{ inputs.s }} + 1 ))'}}",
        "in `(( ))` only an integer may stand, this is text",
        "int(x)",
        "inputs: {s: {type: string, default: '1'}}\nsteps: {a: {run: 'echo $(( ${{ int(inputs.s) }} + 1 ))'}}",
    ),
    "expression-type#anything in arithmetic": (
        "inputs: {x: {default: 1}}\nsteps: {a: {run: '((${{ inputs.x }} > 1))'}}",
        "in `(( ))` only an integer may stand, this is any value",
        "int(x)",
        "inputs: {x: {default: 1}}\nsteps: {a: {run: '((${{ int(inputs.x) }} > 1))'}}",
    ),
    "expression-text#object": (
        "inputs: {o: {type: object, default: {}}}\nsteps: {a: {run: a, env: {X: 'x ${{ inputs.o }}'}}}",
        "an object cannot be part of a longer text",
        "name one of its properties",
        "inputs: {o: {type: object, default: {}}}\nsteps: {a: {run: a, env: {X: '${{ inputs.o }}'}}}",
    ),
    "expression-type#select": (
        "inputs: {s: {type: string, default: a}}\nsteps: {a: {run: 'echo ${{ inputs.s.length }}'}}",
        "has no properties",
        "",
        "inputs: {s: {type: string, default: a}}\nsteps: {a: {run: 'echo ${{ inputs.s.size() }}'}}",
    ),
    "expression-type#ternary": (
        "inputs: {b: {type: boolean, default: true}}\nsteps: {a: {run: 'echo ${{ inputs.b ? 1 : \"x\" }}'}}",
        "both sides of `:` must be of one type",
        "",
        'inputs: {b: {type: boolean, default: true}}\nsteps: {a: {run: \'echo ${{ inputs.b ? "y" : "x" }}\'}}',
    ),
    "expression-value": (
        "inputs: {t: {type: string, enum: [dev, prod], default: dev}}\nsteps: {a: {run: a, if: \"inputs.t == 'prd'\"}}",
        "`inputs.t` is never `prd`; it is `dev` or `prod`",
        "did you mean `prod`?",
        "inputs: {t: {type: string, enum: [dev, prod], default: dev}}\nsteps: {a: {run: a, if: \"'prod' == inputs.t\"}}",
    ),
    "expression-constant": (
        "inputs: {n: {type: integer, maximum: 8, default: 3}}\nsteps: {a: {run: a, if: inputs.n > 8}}",
        "`inputs.n > 8` is always false: `inputs.n` is at most 8; so the step `a` never runs",
        "depends on the run",
        "inputs: {n: {type: integer, maximum: 8, default: 3}}\nsteps: {a: {run: a, if: inputs.n > 7}}",
    ),
    "skipped-upstream": (
        "steps: {a: {run: a, outputs: {u: {type: string}}}}\nfinally: {run: 'echo ${{ steps.a.outputs.u }}'}",
        "`finally` runs even when `a` did not succeed",
        "steps.a.state == 'succeeded' ? steps.a.outputs.u : …",
        "steps: {a: {run: a, outputs: {u: {type: string}}}}\n"
        "finally: {run: \"echo ${{ steps.a.state == 'succeeded' ? steps.a.outputs.u : 'none' }}\"}",
    ),
    "expression-value#state": (
        "steps: {a: {run: a}, b: {run: b, if: \"'fialed' != steps.a.state\"}}",
        "`steps.a.state` is never `fialed`",
        "did you mean `failed`?",
        "steps: {a: {run: a}, b: {run: b, if: \"'failed' != steps.a.state\"}}",
    ),
    "secret-exposed": (
        "secrets: {tok: {env: TOK}}\nsteps: {a: {run: 'curl ${{ secrets.tok }}'}}",
        "the secret `secrets.tok` would be seen",
        "`env` or `stdin`",
        "secrets: {tok: {env: TOK}}\nsteps: {a: {run: curl, env: {T: 'x ${{ secrets.tok }}'}}}",
    ),
    "shell-quotes": (
        "inputs: {t: {type: string, default: a}}\nsteps: {a: {run: \"echo '${{ inputs.t }}'\"}}",
        "inside single quotes",
        "double quotes",
        "inputs: {t: {type: string, default: a}}\nsteps: {a: {run: 'echo \"${{ inputs.t }}\"'}}",
    ),
    "credential-literal": (
        f"steps: {{a: {{run: a, env: {{K: ghp_{'a' * 36}}}}}}}",
        "this looks like a GitHub token (`ghp_…`)",
        "revoke",
        "steps: {a: {run: a, env: {K: ghp_short}}}",
    ),
    "artifact-glob": (
        "steps: {a: {run: a, outputs: {d: {artifact: /etc/*}}}}",
        "`/etc/*` is absolute",
        "relative",
        "steps: {a: {run: a, outputs: {d: {artifact: etc/*}}}}",
    ),
    "artifact-glob#up": (
        "steps: {a: {run: a, outputs: {d: {artifact: x/../../y}}}}",
        "leaves the folder with `..`",
        "",
        "steps: {a: {run: a, outputs: {d: {artifact: x..y}}}}",
    ),
    "sandbox-impossible": (
        "sandboxes: {s: {needs: {runtime: cobol}}}\nsteps: {a: {run: a, sandbox: s}}",
        "e2b: E2B has no runtime `cobol`",
        "others come with a `template`",
        "sandboxes: {s: {needs: {runtime: python}}}\nsteps: {a: {run: a, sandbox: s}}",
    ),
    "milestone-unknown": (
        "steps: {build: {run: a}}\nmilestones: [{id: m, needs: [biuld]}]",
        "the step `biuld`",
        "did you mean `build`?",
        "steps: {build: {run: a}}\nmilestones: [{id: m, needs: [build]}]",
    ),
    "milestone-duplicate": (
        f"{ONE}milestones: [{{id: m, needs: [a]}}, {{id: m, needs: [a]}}]",
        "two milestones have the id `m`",
        "rename",
        f"{ONE}milestones: [{{id: m, needs: [a]}}, {{id: n, needs: [a]}}]",
    ),
    "milestone-order": (
        "steps: {a: {run: a}, b: {run: b, after: [a]}}\n"
        "milestones: [{id: w1, week: 1, needs: [b]}, {id: w2, week: 2, needs: [a]}]",
        "the milestone `w1` (week 1) needs `b`, which waits for `a`, and that is delivered only by `w2` (week 2)",
        "deliver `a` earlier",
        "steps: {a: {run: a}, b: {run: b, after: [a]}}\n"
        "milestones: [{id: w1, week: 1, needs: [a]}, {id: w2, week: 2, needs: [b]}, {id: x, due: 2026-01-01, needs: [b]}]",
    ),
    "milestone-order#due": (
        "steps: {a: {run: a}, b: {run: b, after: [a]}}\n"
        "milestones: [{id: m, due: 2026-01-01, needs: [b]}, {id: n, due: 2026-02-01, needs: [a]}]",
        "(due 2026-01-01)",
        "move `m`",
        "steps: {a: {run: a}, b: {run: b, after: [a]}}\n"
        "milestones: [{id: m, due: 2026-03-01, needs: [b]}, {id: n, due: 2026-02-01, needs: [a]}, {id: o, needs: [b]}]",
    ),
    "schedule-cron": (
        f"{ONE}schedules: [{{id: s, cron: '61 * * * *'}}]",
        "`61` is no minute: it is 0-59",
        "0 9 * * MON",
        f"{ONE}schedules: [{{id: s, cron: '*/5 0-6 1,15 JAN-MAR MON-FRI'}}]",
    ),
    "schedule-rrule": (
        f"{ONE}schedules: [{{id: s, rrule: FREQ=WEEKYL}}]",
        "`WEEKYL` is no FREQ",
        "did you mean `WEEKLY`?",
        f"{ONE}schedules: [{{id: s, rrule: FREQ=WEEKLY}}]",
    ),
    "schedule-never": (
        f"{ONE}schedules: [{{id: s, cron: '0 9 30 FEB *'}}]",
        "no such month has a day 30",
        "28-31",
        f"{ONE}schedules: [{{id: s, cron: '0 9 29 FEB *'}}]",
    ),
    "schedule-too-often": (
        f"{ONE}schedules: [{{id: s, every: 59s}}]",
        "fires every 59s; at least 1m",
        "fire less often",
        f"{ONE}schedules: [{{id: s, every: 60s}}]",
    ),
    "schedule-dst": (
        f"{ONE}schedules: [{{id: s, cron: '30 2 * * *', timezone: Europe/Berlin}}]",
        "2027-03-28 02:30 does not exist in Europe/Berlin",
        "choose a time that every day has",
        f"{ONE}schedules: [{{id: s, cron: '30 3 * * *', timezone: Europe/Berlin}}]",
    ),
    "schedule-same": (
        f"{ONE}schedules: [{{id: s, every: 1h}}, {{id: t, every: 60m}}]",
        "the schedule `t` fires whenever `s` does",
        "keep one of them",
        f"{ONE}schedules: [{{id: s, every: 1h}}, {{id: t, every: 61m}}]",
    ),
    "budget-too-small": (
        "sandboxes: {s: {budget: {usd: 0.01}}}\nsteps: {a: {run: make, sandbox: s, timeout: 2h, estimate: 1h}}\n",
        "the sandbox `s` has a budget of $0.01: every run needs more",
        "raise it",
        "sandboxes: {s: {budget: {usd: 1}}}\nsteps: {a: {run: make, sandbox: s, timeout: 2h, estimate: 1h}}\n",
    ),
    "policy-price": (
        f"{ONE}policies: [{{id: p, when: run.cost.usd > 150, do: pause}}]",
        "the policy `p` never applies",
        "not in cents",
        f"{ONE}policies: [{{id: p, when: run.cost.usd > 1.5, do: pause}}]",
    ),
    "estimate-too-long": (
        "steps: {a: {run: make, estimate: 1h}}\n",
        "usually takes 1h, and its timeout ends it after 10m",
        "raise the timeout",
        "steps: {a: {run: make, estimate: 1h, timeout: 1h}}\n",
    ),
    "schedule-timezone": (
        f"{ONE}schedules: [{{id: s, cron: '0 9 * * *', timezone: Europe/Berln}}]",
        "there is no time zone `Europe/Berln`",
        "did you mean `Europe/Berlin`?",
        f"{ONE}schedules: [{{id: s, cron: '0 9 * * *', timezone: Europe/Berlin}}]",
    ),
    "schedule-inputs": (
        "inputs: {n: {type: integer}}\nsteps: {a: {run: 'echo ${{ inputs.n }}'}}\n"
        "schedules: [{id: s, cron: '0 9 * * *', inputs: {n: x}}]",
        'input `n`: "x" is of type string, not `integer`',
        "give a value",
        "inputs: {n: {type: integer}}\nsteps: {a: {run: 'echo ${{ inputs.n }}'}}\n"
        "schedules: [{id: s, cron: '0 9 * * *', inputs: {n: 3}}]",
    ),
    "schedule-inputs#missing": (
        "inputs: {n: {type: integer}}\nsteps: {a: {run: 'echo ${{ inputs.n }}'}}\nschedules: [{id: s, cron: '0 9 * * *'}]",
        "does not give the input `n`",
        "add `inputs",
        "inputs: {n: {type: integer, default: 1}}\nsteps: {a: {run: 'echo ${{ inputs.n }}'}}\n"
        "schedules: [{id: s, cron: '0 9 * * *'}]",
    ),
    "schedule-inputs#unknown": (
        f"{ONE}schedules: [{{id: s, cron: '0 9 * * *', inputs: {{n: 3}}}}]",
        "an unknown input `n`",
        "none is declared",
        f"{ONE}schedules: [{{id: s, cron: '0 9 * * *'}}]",
    ),
    "input-unused": (
        f"inputs: {{t: {{type: string, default: a}}}}\n{ONE}",
        "the input `t` is declared and never used",
        "remove",
        "inputs: {t: {type: string, default: a}}\nsteps: {a: {run: 'echo ${{ inputs.t }}'}}",
    ),
    "secret-unused": (
        f"secrets: {{t: {{env: T}}}}\n{ONE}",
        "the secret `t` is declared and never used",
        "remove",
        "secrets: {t: {env: T}}\nsteps: {a: {run: a, stdin: '${{ secrets.t }}'}}",
    ),
    "sandbox-unused": (
        f"sandboxes: {{t: {{}}}}\n{ONE}",
        "the sandbox `t` is declared and never used",
        "remove",
        "sandboxes: {t: {}}\ndefaults: {sandbox: t}\nsteps: {a: {run: a}}",
    ),
    "agent-unused": (
        f"agents: {{t: {{human: true}}}}\n{ONE}",
        "the agent `t` is declared and never used",
        "remove",
        f"agents: {{t: {{human: true}}}}\n{ONE}risks: [{{id: r, title: R, owner: t}}]",
    ),
    "shell-syntax": (
        "steps: {a: {run: 'echo \"x'}}",
        "this double quote is never closed",
        "close it",
        "steps: {a: {run: 'echo \"x\"'}}",
    ),
    "shell-syntax#heredoc": (
        'steps: {a: {run: "cat <<END\\nx\\n END\\n"}}',
        "no line is `END` alone",
        "end it by the line `END`",
        'steps: {a: {run: "cat <<END\\nx\\nEND\\n"}}',
    ),
    "shell-check": (
        "steps: {a: {run: 'echo $x'}}",
        "SC2086: quote it (in `run` of the step `a`)",
        "wiki/SC2086",
        "steps: {a: {run: 'echo \"$x\"'}}",
    ),
    "step-unreachable": (
        "steps: {a: {run: a, if: false}, b: {run: b, after: [a]}, c: {run: c, after: [b]}}",
        "`b` and `c` never run: they wait for `a`, whose `if` is never true",
        "steps.a.state == 'skipped'",
        "steps: {a: {run: a}, b: {run: b, after: [a]}, c: {run: c, after: [b]}}",
    ),
    "id-duplicate": (
        "steps: {a: {run: echo}}\nrisks: [{id: late, title: Late}, {id: late, title: Later}]",
        "two risks have the id `late`",
        "rename",
        "steps: {a: {run: echo}}\nrisks: [{id: late, title: Late}, {id: later, title: Later}]",
    ),
    "id-duplicate#tests": (
        "steps: {a: {run: echo}}\n"
        "tests: [{name: works, expect: {state: completed}}, {name: works, expect: {state: failed}}]",
        "two tests have the name `works`",
        "rename",
        "steps: {a: {run: echo}}\n"
        "tests: [{name: works, expect: {state: completed}}, {name: fails, expect: {state: failed}}]",
    ),
    "ref-duplicate": (
        'steps: {a: {run: a, ref: "1.1"}, b: {run: b, ref: "1.1"}}',
        "the steps `a` and `b` have one `ref`, `1.1`",
        "of its own",
        'templates: {t: {step: {ref: "1.2", run: t}}}\nsteps: {a: {run: a, ref: "1.1"}, b: {use: t}, c: {use: t}}',
    ),
    "phase-order": (
        "phases: {build: {}, ship: {}}\nsteps: {a: {phase: ship, run: a}, b: {phase: build, run: b, after: [a]}}",
        "`b` of the phase `build` waits for `a` of the later phase `ship`",
        "change the order",
        "phases: {build: {}, ship: {}}\n"
        "steps: {a: {phase: build, run: a}, b: {phase: ship, run: b, after: [a, c]}, c: {run: c}}",
    ),
    "test-names": (
        "steps: {build: {run: a}}\ntests: [{name: works, expect: {steps: {biuld: {state: succeeded}}}}]",
        "the step `biuld` does not exist",
        "did you mean `build`?",
        "steps: {build: {run: a}}\n"
        "finally: {run: b}\n"
        "tests: [{name: works, expect: {steps: {build: {state: succeeded}, finally: {state: succeeded}}}}]",
    ),
    "test-names#output": (
        "steps: {build: {run: a, outputs: {size: {type: integer}}}}\n"
        "tests: [{name: works, stubs: {build: {outputs: {sise: 3}}}, expect: {state: completed}}]",
        "the output of `build` called `sise` does not exist",
        "did you mean `size`?",
        "steps: {build: {run: a, outputs: {size: {type: integer}}}}\n"
        "tests: [{name: works, stubs: {build: {outputs: {size: 3}}}, expect: {state: completed}}]",
    ),
    "test-names#input": (
        "inputs: {target: {type: string}}\n"
        "steps: {a: {run: 'echo ${{ inputs.target }}'}}\n"
        "tests: [{name: works, inputs: {tagret: dev}, expect: {state: completed}}]",
        "the input `tagret` does not exist",
        "did you mean `target`?",
        "inputs: {target: {type: string}}\n"
        "steps: {a: {run: 'echo ${{ inputs.target }}'}}\n"
        "tests: [{name: works, inputs: {target: dev}, expect: {state: completed}}]",
    ),
    "test-names#fault": (
        "steps: {build: {run: a}}\n"
        "tests: [{name: works, faults: [{step: biuld, error: exit}], expect: {state: failed}}]",
        "the step `biuld` does not exist",
        "did you mean `build`?",
        "steps: {build: {run: a}}\n"
        "tests: [{name: works, faults: [{step: build, error: exit}, {provider: e2b, error: offline}], expect: {state: failed}}]",
    ),
    "name-similar": (
        "inputs: {max_size: {type: integer, default: 1}, maxsize: {type: integer, default: 2}}\n"
        "steps: {a: {run: 'echo ${{ inputs.max_size + inputs.maxsize }}'}}",
        "the inputs `max_size` and `maxsize` are easily confused",
        "rename",
        "steps: {a_1_1: {run: a}, a_11: {run: a, env: {HTTP_PROXY: x, http_proxy: x}}}",
    ),
    "name-similar#output": (
        "steps: {a: {run: a, outputs: {file_size: {type: integer}, filesize: {type: integer}}}}",
        "the outputs `file_size` and `filesize`",
        "rename",
        "steps: {a: {run: a, outputs: {file_size: {type: integer}, size: {type: integer}}}}",
    ),
    "milestone-date": (
        "steps: {a: {run: echo}}\nmilestones: [{id: m, due: 2030-02-30, needs: [a]}]",
        "there is no 2030-02-30: that month has 28 days",
        "did you mean `2030-02-28`?",
        "steps: {a: {run: echo}}\n"
        "milestones: [{id: m, due: 2028-02-29, needs: [a]}, {id: n, due: 2028-12-31, needs: [a]}]",
    ),
    "milestone-sequence": (
        "steps: {a: {run: a}, b: {run: b}}\nmilestones: [{id: m, week: 3, needs: [a]}, {id: n, week: 2, needs: [b]}]",
        "the milestone `n` (week 2) stands below `m`, which comes later (week 3)",
        "exchange",
        "steps: {a: {run: a}, b: {run: b}}\n"
        "milestones: [{id: m, week: 2, needs: [a]}, {id: n, week: 2, needs: [b]}, {id: o, needs: [a]}, {id: p, week: 1}]",
    ),
    "milestone-undated": (
        "steps: {a: {run: a}, b: {run: b}}\nmilestones: [{id: m, week: 1, needs: [a]}, {id: n, needs: [b]}]",
        "the milestone `n` has no date, others have",
        "add `week`",
        "steps: {a: {run: a}, b: {run: b}}\nmilestones: [{id: m, needs: [a]}, {id: n, needs: [b]}]",
    ),
    "milestone-undated#kinds": (
        "steps: {a: {run: a}}\n"
        "milestones: [{id: m, week: 1, needs: [a]}, {id: n, due: 2030-01-01, needs: [a]}, {id: o, week: 2, needs: [a]}]",
        "the milestone `n` has `due`, others have `week`",
        "write `week` for all",
        "steps: {a: {run: a}}\n"
        "milestones: [{id: n, due: 2030-01-01, needs: [a]}, {id: o, due: 2030-01-02, needs: [a]}]",
    ),
    "milestone-empty": (
        "steps: {a: {run: echo}}\nmilestones: [{id: m, week: 1, title: Begun}]",
        "the milestone `m` needs no step and checks nothing",
        "add `needs",
        "inputs: {n: {type: integer, default: 1}}\n"
        "steps: {a: {run: 'echo ${{ inputs.n }}'}}\n"
        "milestones: [{id: m, needs: [a]}, {id: n, accept: [inputs.n > 0]}]",
    ),
    "milestone-missing": (
        "steps: {a: {run: a}, b: {run: b, after: [a]}, c: {run: c, after: [b]}}\n"
        "milestones: [{id: m, week: 1, needs: [b]}]",
        "no milestone needs the step `c`",
        "`needs` of a milestone",
        "steps: {a: {run: a}, b: {run: b, after: [a]}}\nmilestones: [{id: m, week: 1, needs: [b]}]",
    ),
    "owner-missing": (
        "agents: {anna: {human: true}}\nsteps: {a: {run: a, owner: anna}, b: {run: b}}",
        "nobody owns the step `b`",
        "add `owner`: `anna`",
        "agents: {anna: {human: true}, bot: {model: m}}\nsteps: {a: {run: a, owner: anna}, b: {agent: bot, prompt: p}}",
    ),
    "owner-missing#many": (
        "steps: {a: {run: a, owner: nobody}, b: {run: b}}",
        "nobody owns the step `b`",
        "one of `agents`",
        "agents: {anna: {human: true}}\nsteps: {a: {run: a, owner: anna}, b: {run: b}, c: {run: c}}",
    ),
    "owner-kind": (
        "agents: {bot: {model: m}}\nsteps: {a: {approve: {prompt: Ship?}, owner: bot}}",
        "the approval `a` is owned by `bot`, a model",
        "human: true",
        "agents: {bot: {model: m}, anna: {human: true}}\n"
        "steps: {a: {approve: {prompt: Ship?}, owner: anna}, b: {run: b, owner: bot}}",
    ),
    "owner-overloaded": (
        "agents: {anna: {human: true}}\n"
        "steps: {s0: {run: a, owner: anna}, s1: {run: a, owner: anna}, s2: {run: a, owner: anna}, s3: {run: a, owner: anna}, s4: {run: a, owner: anna}, s5: {run: a, owner: anna}, s6: {run: a, owner: anna}, s7: {run: a, owner: anna}, s8: {run: a, owner: anna}}\n"
        "milestones: [{id: m, week: 1, needs: [s0, s1, s2, s3, s4, s5, s6, s7, s8]}]",
        "`anna` owns 9 steps of the milestone `m`; more than 8 are too many",
        "another owner or milestone",
        "agents: {anna: {human: true}, bot: {model: m}}\n"
        "steps: {s0: {run: a, owner: anna}, s1: {run: a, owner: anna}, s2: {run: a, owner: anna}, s3: {run: a, owner: anna}, s4: {run: a, owner: anna}, s5: {run: a, owner: anna}, s6: {run: a, owner: anna}, s7: {run: a, owner: anna}, s8: {run: a, owner: anna}, s9: {run: a, owner: bot}, s10: {run: a, owner: bot}, s11: {run: a, owner: bot}, s12: {run: a, owner: bot}, s13: {run: a, owner: bot}, s14: {run: a, owner: bot}, s15: {run: a, owner: bot}, s16: {run: a, owner: bot}, s17: {run: a, owner: bot}, s18: {run: a, owner: bot}, s19: {run: a, owner: bot}}\n"
        "milestones: [{id: m, week: 1, needs: [s0, s1, s2, s3, s4, s5, s6, s7]}, {id: n, week: 2, needs: [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15, s16, s17, s18, s19]}]",
    ),
    "secret-duplicate": (
        "secrets: {a: {env: T}, b: {env: T}}\nsteps: {a: {run: a, env: {A: '${{ secrets.a }}', B: '${{ secrets.b }}'}}}",
        "the secrets `a` and `b` are one variable, `T`",
        "its own variable",
        "secrets: {a: {env: T}, b: {env: U}}\nsteps: {a: {run: a, env: {A: '${{ secrets.a }}', B: '${{ secrets.b }}'}}}",
    ),
    "secret-file": (
        "steps: {a: {run: a, files: {.env: config/.env}}}",
        "`.env` usually holds credentials",
        "under `secrets`",
        "steps: {a: {run: a, files: {.env: config/.env.example}}}",
    ),
    "type-schema#exclusive": (
        "steps: {a: {run: a, outputs: {n: {type: number, minimum: 3, exclusiveMaximum: 3}}}}",
        "`minimum` and `exclusiveMaximum` are both 3",
        "leave room",
        "steps: {a: {run: a, outputs: {n: {type: number, minimum: 3, maximum: 3}}}}",
    ),
    "type-schema#no whole number": (
        "steps: {a: {run: a, outputs: {n: {type: integer, minimum: 1.2, maximum: 1.8}}}}",
        "there is no whole number from 1.2 to 1.8",
        "widen",
        "steps: {a: {run: a, outputs: {n: {type: number, minimum: 1.2, maximum: 1.8}}}}",
    ),
    "type-schema#enum out of range": (
        "steps: {a: {run: a, outputs: {n: {type: integer, maximum: 5, enum: [1, 9]}}}}",
        "a value of `enum` does not fit: 9 is more than the maximum 5",
        "remove",
        "steps: {a: {run: a, outputs: {n: {type: integer, maximum: 5, enum: [1, 3]}, m: {enum: [1, x]}}}}",
    ),
    "type-schema#const": (
        "steps: {a: {run: a, outputs: {n: {type: integer, const: x}}}}",
        "a value of `const` does not fit",
        "remove",
        "steps: {a: {run: a, outputs: {n: {type: integer, const: 4}}}}",
    ),
    "type-schema#form": (
        "steps: {a: {approve: {prompt: Ship?, form: {n: {type: integer, minimum: 5, maximum: 3}}}}}",
        "(in the form field `n` of the step `a`)",
        "exchange",
        "steps: {a: {approve: {prompt: Ship?, form: {n: {type: integer, minimum: 3, maximum: 5}}}}}",
    ),
    "type-format": (
        "steps: {a: {run: a, outputs: {when: {type: string, format: datetime}}}}",
        "there is no format `datetime`",
        "did you mean `date-time`?",
        "steps: {a: {run: a, outputs: {when: {type: string, format: date-time}}}}",
    ),
    "type-format#far": (
        "steps: {a: {run: a, outputs: {when: {type: object, properties: {x: {type: string, format: klingon}}}}}}",
        "there is no format `klingon`",
        "for example",
        "steps: {a: {run: a, outputs: {when: {type: object, properties: {x: {type: string, format: uuid}}}}}}",
    ),
    "default-unused": (
        "inputs: {o: {type: object, required: [x], properties: {x: {type: string, default: a}}}}\n"
        "steps: {a: {run: 'echo ${{ inputs.o.x }}'}}",
        "`x` has a default and is `required` all the same",
        "remove",
        "inputs: {o: {type: object, required: [x], properties: {x: {type: string}}}}\n"
        "steps: {a: {run: 'echo ${{ inputs.o.x }}'}}",
    ),
    "test-values": (
        "steps: {a: {run: a, outputs: {size: {type: integer}}}}\n"
        "tests: [{name: works, stubs: {a: {outputs: {size: big}}}, expect: {state: completed}}]",
        'the test `works`, the output `size` of the step `a`: "big" is of type string',
        "declared type",
        "steps: {a: {run: a, outputs: {size: {type: integer}}}}\n"
        "tests: [{name: works, stubs: {a: {outputs: {size: 3}}}, expect: {state: completed}}]",
    ),
    "test-values#input": (
        "inputs: {t: {enum: [dev, prod], default: dev}}\n"
        "steps: {a: {run: 'echo ${{ inputs.t }}'}}\n"
        "tests: [{name: works, inputs: {t: prd}, expect: {state: completed}}]",
        'the input `t`: "prd" is not one of',
        "declared type",
        "inputs: {t: {enum: [dev, prod], default: dev}}\n"
        "steps: {a: {run: 'echo ${{ inputs.t }}'}}\n"
        "tests: [{name: works, inputs: {t: prod}, expect: {state: completed}}]",
    ),
    "test-values#expected": (
        "steps: {a: {run: a, outputs: {size: {type: integer}}}}\n"
        "tests: [{name: works, expect: {steps: {a: {outputs: {size: big}}}}}]",
        "the output `size`",
        "declared type",
        "steps: {a: {run: 'a ${{ matrix.i }}', matrix: {i: [1, 2]}, outputs: {size: {type: integer}}}}\n"
        "tests: [{name: works, expect: {steps: {a: {outputs: {size: [1, 2]}}}}}]",
    ),
    "matrix-duplicate#alike": (
        "steps: {a: {run: 'a ${{ matrix.i }}', matrix: {i: [1, '1']}}}",
        '1 and "1" look alike in the name of a leg',
        "remove",
        "steps: {a: {run: 'a ${{ matrix.i }}', matrix: {i: [1, '2']}}}",
    ),
    "matrix-duplicate#include": (
        "steps: {a: {run: 'a ${{ matrix.i }}', matrix: {i: [1], include: [{i: 7}, {i: 7}]}}}",
        "this `include` of `a` is given twice",
        "remove",
        "steps: {a: {run: 'a ${{ matrix.i }}', matrix: {i: [1], include: [{i: 7}, {i: 8}]}}}",
    ),
    "matrix-duplicate#expression": (
        "inputs: {l: {type: array, items: {type: string}, default: [x, x]}}\n"
        "steps: {a: {run: 'a ${{ matrix.i }}', matrix: {i: '${{ inputs.l }}'}}}",
        "two legs of `a` have the name `a[i=x]`",
        "differ",
        "inputs: {l: {type: array, items: {type: string}, default: [x, y]}}\n"
        "steps: {a: {run: 'a ${{ matrix.i }}', matrix: {i: '${{ inputs.l }}'}}}",
    ),
    "matrix-exclude#near": (
        "steps: {a: {run: 'a ${{ matrix.os }}', matrix: {os: [linux, mac], exclude: [{os: linx}]}}}",
        "matches no combination",
        "did you mean `linux`?",
        "steps: {a: {run: 'a ${{ matrix.os }}', matrix: {os: [linux, mac], exclude: [{os: linux}]}}}",
    ),
    "matrix-exclude#of another kind": (
        "steps: {a: {run: 'a ${{ matrix.n }}', matrix: {n: [1, 2], exclude: [{n: '1'}]}}}",
        "matches no combination",
        'did you mean 1? "1" is another value',
        "steps: {a: {run: 'a ${{ matrix.n }}', matrix: {n: [1, 2], exclude: [{n: 1}]}}}",
    ),
    "matrix-include": (
        "steps: {a: {run: 'a ${{ matrix.os }}', matrix: {os: [linux, mac], include: [{os: mac}]}}}",
        "this `include` of `a` is one of its combinations already",
        "remove",
        "steps: {a: {run: 'a ${{ matrix.os }}', matrix: {os: [linux, mac], include: [{os: mac, arch: arm}, {os: win}]}}}",
    ),
    "matrix-number": (
        "steps: {a: {run: 'a ${{ matrix.python }}', matrix: {python: [3.9, 3.10]}}}",
        "`3.10` is the number 3.1",
        "quote it if the text is meant",
        "steps: {a: {run: 'a ${{ matrix.python }}', matrix: {python: ['3.9', '3.10', 3.11, 0.10, 0x1F]}}}",
    ),
    "duration-zero": (
        "steps: {a: {run: a, timeout: 0s}}",
        "`timeout` is 0s: every attempt would be over before it begins",
        "10m",
        "steps: {a: {run: a, timeout: 1ms, retry: {attempts: 2, delay: 0s}}}",
    ),
    "duration-zero#sandbox": (
        "sandboxes: {s: {needs: {persist: 0d}}}\nsteps: {a: {run: a, sandbox: s}}",
        "`persist` is 0d: nothing would be kept",
        "7d",
        "sandboxes: {s: {needs: {persist: 1d}}}\nsteps: {a: {run: a, sandbox: s}}",
    ),
    "retry-delay": (
        "steps: {a: {run: a, retry: {attempts: 3, delay: 5m}}}",
        "`delay` (5m) is longer than `max` (60s, as nothing else is said)",
        "add `max: 5m`",
        "steps: {a: {run: a, retry: {attempts: 3, delay: 5m, max: 5m}}}",
    ),
    "retry-delay#max": (
        "steps: {a: {run: a, retry: {attempts: 3, max: 1s}}}",
        "`delay` (2s, as nothing else is said) is longer than `max` (1s)",
        "raise `max`",
        "steps: {a: {run: a, retry: {attempts: 3, delay: 1s, max: 1s}}, b: {run: b, retry: 3}, c: {run: c, retry: {attempts: 2, backoff: none}}}",
    ),
    "retry-ineffective": (
        "steps: {a: {run: a, retry: {delay: 5s, backoff: linear}}}",
        "`delay` and `backoff` have no effect: without `attempts` there is only one",
        "add `attempts: 3`",
        "defaults: {retry: {delay: 5s, backoff: linear}}\n"
        "steps: {a: {run: a, retry: {attempts: 1}}, b: {run: b, retry: {attempts: 2}}}",
    ),
    "retry-ineffective#one attempt": (
        "steps: {a: {run: a, retry: {attempts: 1, jitter: 0}}}",
        "`jitter` has no effect: there is only one attempt",
        "raise `attempts`",
        "steps: {a: {run: a, retry: {attempts: 2, jitter: 0}}}",
    ),
    "retry-ineffective#no wait": (
        "steps: {a: {run: a, retry: {attempts: 2, backoff: none, delay: 5s}}}",
        "`delay` has no effect: with `backoff: none` there is no wait",
        "backoff: fixed",
        "steps: {a: {run: a, retry: {attempts: 2, backoff: none, on: [exit]}}}",
    ),
    "phase-unused": (
        "phases: {build: {}, ship: {}}\nsteps: {a: {run: a, phase: build}}",
        "the phase `ship` is declared and never used",
        "remove",
        "phases: {build: {}}\nsteps: {a: {run: a, phase: build}}",
    ),
    "phase-missing": (
        "phases: {build: {}}\nsteps: {a: {run: a, phase: build}, b: {run: b, phase: build}, c: {run: c}}",
        "the step `c` is in no phase",
        "add `phase`",
        "phases: {build: {}}\nsteps: {a: {run: a, phase: build}, c: {run: c}}",
    ),
    "axis-unused": (
        "steps: {a: {run: 'a ${{ matrix.i }}', matrix: {i: [1, 2], os: [linux, mac]}}}",
        "no expression of `a` uses the axis `os`",
        "${{ matrix.os }}",
        "steps: {a: {run: 'a ${{ matrix.i }}', env: {OS: '${{ matrix.os }}'}, matrix: {i: [1, 2], os: [linux, mac]}}}",
    ),
    "env-redundant": (
        "env: {MODE: fast}\nsteps: {a: {run: a, env: {MODE: fast}}}",
        "the variable `MODE` of `a` has this value without it too",
        "remove",
        "env: {MODE: fast}\n"
        "defaults: {env: {MODE: slow}}\n"
        "steps: {a: {run: a, env: {MODE: fast, X: y}}, b: {run: b}}\n"
        "finally: {run: c}",
    ),
    "agent-human": (
        "agents: {p: {human: true}}\nsteps: {a: {agent: p, prompt: Go}}",
        "`p` is the role of a person",
        "approve",
        "agents: {p: {human: true}}\nsteps: {a: {approve: {prompt: Go?}, owner: p}}",
    ),
    "agent-model": (
        "agents: {bot: {model: gpt-4.1, budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
        "does not say who serves it",
        "`openai:gpt-4.1`",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
    ),
    "agent-model#moving": (
        "agents: {bot: {model: 'anthropic:claude-sonnet-latest', budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
        "an alias that moves",
        "instead of `latest`",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
    ),
    "agent-model#none": (
        "agents: {bot: {budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
        "has no model",
        "human: true",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
    ),
    "agent-model#provider": (
        "agents: {bot: {model: 'opnai:gpt-4.1', budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
        "nobody known as `opnai`",
        "did you mean `openai`?",
        "agents: {bot: {model: 'myown:model-7', budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
    ),
    "agent-tool": (
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shel], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
        "there is no tool `shel`",
        "did you mean `shell`?",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell, files.read, 'mcp:github'], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
    ),
    "agent-tool#function": (
        "steps: {a: {tool: {name: files.raed}}}",
        "the tool `files` has no function `raed`",
        "`files.read`",
        "steps: {a: {tool: {name: files.read}}}",
    ),
    "agent-tool#far": (
        "steps: {a: {tool: {name: files.xyz}}}",
        "the tool `files` has no function `xyz`",
        "`read`, `write`",
        "steps: {a: {tool: {name: files.read}}}",
    ),
    "agent-tool#server": (
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: ['mcp:'], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
        "`mcp:` names no server",
        "mcp:github",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: ['mcp:jira'], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
    ),
    "agent-tool#unlike any": (
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [teleport], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
        "there is no tool `teleport`",
        "tools are `shell`, `files`",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [files], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
    ),
    "agent-tool-box": (
        "sandboxes: {py: {}}\nagents: {bot: {model: 'openai:gpt-4.1-mini', sandbox: py, tools: [desktop], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
        "has no `desktop`",
        "`desktop: true`",
        "sandboxes: {py: {needs: {desktop: true}}}\nagents: {bot: {model: 'openai:gpt-4.1-mini', sandbox: py, tools: [desktop], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
    ),
    "agent-tool-box#network": (
        "sandboxes: {py: {}}\nagents: {bot: {model: 'openai:gpt-4.1-mini', sandbox: py, tools: [web], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
        "has no network",
        "network: {allow: [HOST]}",
        "sandboxes: {py: {needs: {network: {allow: [a.example]}}}}\nagents: {bot: {model: 'openai:gpt-4.1-mini', sandbox: py, tools: [web], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
    ),
    "agent-tool-box#default": (
        "steps: {a: {tool: {name: browser.open}}}",
        "in the sandbox `default`: it has no `browser` or `desktop`",
        "name it as `sandbox`",
        "sandboxes: {b: {needs: {browser: true, network: {allow: [a.example]}}}}\nsteps: {a: {sandbox: b, tool: {name: browser.open}}}",
    ),
    "agent-budget": (
        "agents: {bot: {model: 'openai:gpt-4.1-mini'}}\nsteps: {a: {agent: bot, prompt: Go}}",
        "has no budget",
        "budget: {usd: 0.50, turns: 20}",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
    ),
    "agent-budget#turns only": (
        "agents: {bot: {model: 'openai:gpt-4.1-mini', budget: {turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
        "not what they cost",
        "usd: 0.50",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', budget: {tokens: 9000, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
    ),
    "agent-turns": (
        "agents: {bot: {model: 'openai:gpt-4.1-mini', budget: {usd: 1}}}\nsteps: {a: {agent: bot, prompt: Go}}",
        "does not limit its turns",
        "turns: 20",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
    ),
    "agent-returns": (
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go, returns: {type: string}}}",
        "is no object",
        "wrap it",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go, returns: {type: object, properties: {x: {type: string}}}}}",
    ),
    "agent-returns#nothing": (
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go, returns: {type: object}}}",
        "declares no properties",
        "properties",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
    ),
    "agent-returns#words": (
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go, returns: {enum: [a, b]}}}",
        "is no object",
        "wrap it",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go}}",
    ),
    "agent-prompt": (
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\ninputs: {t: {type: string}}\ntriggers: [{id: t, webhook: w, inputs: {t: '${{ event.t }}'}}]\nsteps: {a: {agent: bot, prompt: 'Do ${{ inputs.t }}'}}",
        "`inputs.t` may hold instructions of its own: an event from outside gives it",
        "that it is data",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\ninputs: {t: {enum: [x, y]}}\ntriggers: [{id: t, webhook: w, inputs: {t: '${{ event.t }}'}}]\nsteps: {a: {agent: bot, prompt: 'Do ${{ inputs.t }}'}}",
    ),
    "agent-prompt#nested": (
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go, returns: {type: object, properties: {o: {type: object, properties: {s: {type: string}, n: {type: integer}}, required: [s, n]}}}}, b: {agent: bot, prompt: 'Do ${{ steps.a.outputs.o.s }} ${{ steps.a.outputs.o.n }}'}}",
        "`steps.a.outputs.o.s` may hold",
        "",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go, returns: {type: object, properties: {o: {type: array, items: {type: integer}}, p: {type: string, pattern: '^[a-z]+$'}}}}, b: {agent: bot, prompt: 'Do ${{ size(steps.a.outputs.o) }} ${{ steps.a.outputs.p }}'}}",
    ),
    "agent-approval": (
        "sandboxes: {n: {needs: {network: {allow: [a.example]}}}}\nagents: {bot: {model: 'openai:gpt-4.1-mini', sandbox: n, tools: [shell], budget: {usd: 1, turns: 9}}}\ninputs: {t: {type: string}}\ntriggers: [{id: t, webhook: w, inputs: {t: '${{ event.t }}'}}]\nsteps: {a: {agent: bot, prompt: 'Do ${{ inputs.t }}'}}",
        "`inputs.t` reaches an agent that can act outside (`shell`) without an approval",
        "a step with `approve`, named in `after`",
        "sandboxes: {n: {needs: {network: {allow: [a.example]}}}}\nagents: {bot: {model: 'openai:gpt-4.1-mini', sandbox: n, tools: [shell], budget: {usd: 1, turns: 9}}}\ninputs: {t: {type: string}}\ntriggers: [{id: t, webhook: w, inputs: {t: '${{ event.t }}'}}]\nsteps: {g: {approve: {prompt: Ok?}}, a: {after: [g], agent: bot, prompt: 'Do ${{ inputs.t }}'}}",
    ),
    "agent-approval#secret": (
        "secrets: {k: {env: K}}\nsandboxes: {n: {needs: {network: {allow: [a.example]}}}}\nagents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go, returns: {type: object, properties: {x: {type: string}}}}, b: {sandbox: n, run: './post \"$X\"', env: {X: '${{ steps.a.outputs.x }}', K: '${{ secrets.k }}'}}}",
        "reaches a command that has a secret and a network",
        "`after: [a]` there",
        "secrets: {k: {env: K}}\nsandboxes: {n: {needs: {network: {allow: [a.example]}}}}\nagents: {bot: {model: 'openai:gpt-4.1-mini', tools: [shell], budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go, returns: {type: object, properties: {x: {type: string}}}}, g: {after: [a], approve: {prompt: Ok?}}, b: {after: [g], sandbox: n, run: './post \"$X\"', env: {X: '${{ steps.a.outputs.x }}', K: '${{ secrets.k }}'}}}",
    ),
    "agent-approval#asked too early": (
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: ['mcp:jira'], budget: {usd: 1, turns: 9}}}\nsteps: {g: {approve: {prompt: Ok?}}, a: {after: [g], agent: bot, prompt: Go, returns: {type: object, properties: {x: {type: string}}}}, b: {agent: bot, prompt: 'Do ${{ steps.a.outputs.x }}'}}",
        "can act outside (`mcp:jira`)",
        "`after: [a]` there",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', tools: [files], budget: {usd: 1, turns: 9}}}\nsteps: {g: {approve: {prompt: Ok?}}, a: {after: [g], agent: bot, prompt: Go, returns: {type: object, properties: {x: {type: string}}}}, b: {agent: bot, prompt: 'Do ${{ steps.a.outputs.x }}'}}",
    ),
    "untrusted-text": (
        "inputs: {t: {type: string, default: a}}\nsteps: {a: {run: 'sh -c \"make ${{ inputs.t }}\"'}}",
        "`inputs.t` is executed by `sh -c`: whoever starts a run decides it",
        "as an argument",
        "inputs: {t: {enum: [a, b], default: a}}\nsteps: {a: {run: 'sh -c \"make ${{ inputs.t }}\"; make ${{ inputs.t }}'}}",
    ),
    "untrusted-text#variable": (
        "agents: {bot: {model: 'openai:gpt-4.1-mini', budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go, returns: {type: object, required: [x], properties: {x: {type: string}}}}, b: {run: 'eval \"$X\"', env: {X: '${{ steps.a.outputs.x }}'}}}",
        "`$X` (`steps.a.outputs.x`) is executed by `eval`: the agent `bot` wrote it",
        "without `eval`",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go, returns: {type: object, required: [x], properties: {x: {type: string}}}}, b: {run: 'echo \"$X\" | cat', env: {X: '${{ steps.a.outputs.x }}'}}}",
    ),
    "untrusted-text#python": (
        "agents: {bot: {model: 'openai:gpt-4.1-mini', budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go, returns: {type: object, required: [x], properties: {x: {type: string}}}}, b: {script: {language: python, code: 'import os; os.system(os.environ[\"X\"])'}, env: {X: '${{ steps.a.outputs.x }}'}}}",
        "`X` (`steps.a.outputs.x`) is executed by `os.system`",
        "as data",
        "agents: {bot: {model: 'openai:gpt-4.1-mini', budget: {usd: 1, turns: 9}}}\nsteps: {a: {agent: bot, prompt: Go, returns: {type: object, required: [x], properties: {x: {type: string}}}}, b: {script: {language: python, code: 'import os; print(os.environ[\"X\"])'}, env: {X: '${{ steps.a.outputs.x }}'}}}",
    ),
    "untrusted-text#program": (
        "inputs: {t: {type: string, default: a}}\nsteps: {a: {run: '${{ inputs.t }} --version'}}",
        "is executed by the shell",
        "`enum`",
        "inputs: {t: {type: string, default: a}}\nsteps: {a: {run: 'echo ${{ inputs.t }} --version'}}",
    ),
    "output-undeclared": (
        "steps: {a: {run: 'echo siez=3 >> $RUNNER_OUTPUT', outputs: {size: {type: integer}}}}",
        "the step `a` declares no output `siez`; there is `size`",
        "did you mean `size`?",
        "steps: {a: {run: 'echo size=3 >> $RUNNER_OUTPUT', outputs: {size: {type: integer}}}}",
    ),
    "output-undeclared#none": (
        'steps: {a: {run: \'printf "n=%s" 1 | tee -a "$RUNNER_OUTPUT"\'}}',
        "declares no output `n`",
        "outputs: {n: {type: string}}",
        "steps: {a: {run: 'printf \"n=%s\" 1 | tee -a log'}}",
    ),
    "output-undeclared#artifact": (
        "steps: {a: {run: 'echo d=1 >> $RUNNER_OUTPUT', outputs: {d: {artifact: d/*}}}}",
        "the output `d` of `a` is an artifact",
        "remove",
        "steps: {a: {run: 'echo d=1 >> $RUNNER_OUTPUT', outputs: {d: {type: integer}}}}",
    ),
    "output-unwritten": (
        "steps: {a: {run: 'echo size=3 >> $RUNNER_OUTPUT', outputs: {size: {type: integer}, count: {type: integer}}}}",
        "`a` declares the output `count` and writes another one",
        "write it",
        "steps: {a: {run: 'echo size=3 >> $RUNNER_OUTPUT; ./tell count', outputs: {size: {type: integer}, count: {type: integer}}}}",
    ),
    "shell-lost": (
        "steps: {a: {run: cd app}}",
        "the step `a` ends with `cd`",
        "`cwd`",
        "steps: {a: {run: cd app && make}}",
    ),
    "shell-lost#export": (
        "steps: {a: {run: 'make; export A=1'}}",
        "ends with `export`",
        "`env`",
        "steps: {a: {run: 'export A=1; make'}}",
    ),
    "env-reserved": (
        "steps: {a: {run: a, env: {RUNNER_STEP: x}}}",
        "`RUNNER_STEP` is set by runner",
        "another name",
        "steps: {a: {run: a, env: {RUNNER_MINE: x}}}",
    ),
    "secret-printed": (
        "secrets: {t: {env: T}}\nsteps: {a: {run: 'echo $X', env: {X: '${{ secrets.t }}'}}}",
        "`echo` prints the secret in `X`",
        "remove",
        "secrets: {t: {env: T}}\nsteps: {a: {run: 'echo $X | docker login --password-stdin; echo $Y', env: {X: '${{ secrets.t }}'}}}",
    ),
    "secret-printed#everything": (
        "secrets: {t: {env: T}}\nsteps: {a: {run: 'set -ex; make', env: {X: 'a ${{ secrets.t }}'}}}",
        "`set -ex` prints every value, the secret in `X` too",
        "remove",
        "secrets: {t: {env: T}}\nsteps: {a: {run: 'set -e; env A=b make', env: {X: 'a ${{ secrets.t }}'}}}",
    ),
    "sandbox-impossible#one provider": (
        "sandboxes: {s: {needs: {runtime: node, native_addons: true}, prefer: [webcontainer]}}\nsteps: {a: {run: make, sandbox: s}}",
        "WebContainer cannot give native addons",
        "E2B can give it: add `e2b` to `prefer`",
        "sandboxes: {s: {needs: {runtime: node, native_addons: true}}}\nsteps: {a: {run: make, sandbox: s}}",
    ),
    "sandbox-impossible#too much": (
        "sandboxes: {s: {needs: {cpu: 12, memory: 16GiB}}}\nsteps: {a: {run: make, sandbox: s}}",
        "E2B gives at most 8 CPUs",
        "E2B could give it with `cpu: 8` and `memory: 8GiB`",
        "sandboxes: {s: {needs: {cpu: 8, memory: 8GiB}}}\nsteps: {a: {run: make, sandbox: s}}",
    ),
    "sandbox-impossible#mistyped": (
        "sandboxes: {s: {needs: {runtime: pyhton}}}\nsteps: {a: {run: make, sandbox: s}}",
        "no runtime `pyhton`",
        "did you mean `python`?",
        "sandboxes: {s: {needs: {runtime: python}}}\nsteps: {a: {run: make, sandbox: s}}",
    ),
    "sandbox-impossible#port": (
        "sandboxes: {s: {needs: {ports: [8080, 49983]}}}\nsteps: {a: {run: make, sandbox: s}}",
        "E2B keeps the port 49983 for itself",
        "another port",
        "sandboxes: {s: {needs: {ports: [8080]}}}\nsteps: {a: {run: make, sandbox: s}}",
    ),
    "sandbox-prefer": (
        "sandboxes: {s: {needs: {runtime: python}, prefer: [webcontainer, e2b]}}\nsteps: {a: {run: make, sandbox: s}}",
        "`webcontainer` is never taken for the sandbox `s`: WebContainer has no runtime `python`",
        "remove it",
        "sandboxes: {s: {needs: {runtime: node}, prefer: [webcontainer, e2b]}}\nsteps: {a: {run: make, sandbox: s}}",
    ),
    "sandbox-runtime": (
        "sandboxes: {s: {needs: {runtime: node}}}\nsteps: {a: {sandbox: s, script: {language: python, code: x}}}",
        "`a` is a script in `python`, and its sandbox `s` has the runtime `node`",
        "runtime: python",
        "sandboxes: {s: {needs: {runtime: node, template: 'both:1'}}}\nsteps: {a: {sandbox: s, script: {language: python, code: x}}}",
    ),
    "sandbox-runtime#command": (
        "sandboxes: {s: {needs: {runtime: python}}}\nsteps: {a: {sandbox: s, run: 'make; npm ci; node x'}}",
        "`npm` comes with the runtime `node`, and the sandbox `s` has `python`",
        "a `template` that has both",
        "sandboxes: {s: {needs: {runtime: python}}}\nsteps: {a: {sandbox: s, run: 'apt-get install npm; npm ci'}}",
    ),
    "sandbox-network": (
        'sandboxes: {s: {needs: {network: "*"}}}\nsteps: {a: {run: make, sandbox: s}}',
        "the sandbox `s` may reach every host",
        "network: {allow: [HOST]}",
        "sandboxes: {s: {needs: {network: none}}}\nsteps: {a: {run: make, sandbox: s}}",
    ),
    "sandbox-host": (
        "sandboxes: {s: {needs: {network: {allow: ['https://api.example.org:443/v1']}}}}\nsteps: {a: {run: make, sandbox: s}}",
        "`https://api.example.org:443/v1` is no host",
        "write `api.example.org`",
        "sandboxes: {s: {needs: {network: {allow: [api.example.org, '*.example.org', 10.0.0.1, '2001:db8::1']}}}}\nsteps: {a: {run: make, sandbox: s}}",
    ),
    "sandbox-host#all": (
        "sandboxes: {s: {needs: {network: {allow: ['*']}}}}\nsteps: {a: {run: make, sandbox: s}}",
        "`*` is no host",
        '`network: "*"`',
        "sandboxes: {s: {needs: {network: {allow: ['*.a.example']}}}}\nsteps: {a: {run: make, sandbox: s}}",
    ),
    "sandbox-host#words": (
        "sandboxes: {s: {needs: {network: {allow: ['a b']}}}}\nsteps: {a: {run: make, sandbox: s}}",
        "`a b` is no host",
        "api.example.org",
        "sandboxes: {s: {needs: {network: {allow: [ab]}}}}\nsteps: {a: {run: make, sandbox: s}}",
    ),
    "sandbox-template": (
        "sandboxes: {s: {needs: {template: tools}}}\nsteps: {a: {run: make, sandbox: s}}",
        "the template `tools` of the sandbox `s` is not pinned",
        "`tools:1.4`",
        "sandboxes: {s: {needs: {template: 'tools:1.4'}}}\nsteps: {a: {run: make, sandbox: s}}",
    ),
    "sandbox-template#latest": (
        "sandboxes: {s: {needs: {template: 'tools:latest'}}}\nsteps: {a: {run: make, sandbox: s}}",
        "is not pinned",
        "`tools:1.4`",
        "sandboxes: {s: {needs: {template: 'tools@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}}}\nsteps: {a: {run: make, sandbox: s}}",
    ),
    "sandbox-session": (
        "sandboxes: {s: {needs: {runtime: python}}}\nsteps: {a: {run: make, sandbox: s, timeout: 25h}}",
        "the `timeout` of `a`, 25h, is never reached: E2B ends the box of `s` after 24h",
        "shorten",
        "sandboxes: {s: {needs: {runtime: python}}}\nsteps: {a: {run: make, sandbox: s, timeout: 24h}}",
    ),
    "sandbox-session#own": (
        "sandboxes: {s: {timeout: 5m}}\nsteps: {a: {run: make, sandbox: s, timeout: 10m}}",
        "own `timeout` ends the box of `s` after 5m",
        "shorten",
        "sandboxes: {s: {timeout: 10m}}\nsteps: {a: {run: make, sandbox: s, timeout: 90s}}",
    ),
    "sandbox-session#box": (
        "sandboxes: {s: {timeout: 3d}}\nsteps: {a: {run: make, sandbox: s}}",
        "a box of the sandbox `s` cannot live 3d: E2B ends it after 24h",
        "`timeout: 24h`",
        "sandboxes: {s: {needs: {runtime: node}, prefer: [webcontainer], timeout: 3d}}\nsteps: {a: {run: make, sandbox: s}}",
    ),
    "sandbox-session#chain": (
        "sandboxes: {s: {needs: {runtime: python}}}\nsteps: {a: {run: make, sandbox: s, timeout: 13h}, b: {after: [a], run: make, sandbox: s, timeout: 13h}}",
        "`b` may end 26h after the box of `s` began with `a`",
        "artifacts",
        "sandboxes: {s: {needs: {runtime: python}}}\nsteps: {a: {run: make, sandbox: s, timeout: 13h}, b: {after: [a], run: make, sandbox: s, timeout: 11h}}",
    ),
    "sandbox-session#approval": (
        "steps: {a: {run: make, sandbox: s}, g: {after: [a], approve: {prompt: Ok?, timeout: 3d}}, b: {after: [g], run: make, sandbox: s, timeout: 90s}}\nsandboxes: {s: {}}",
        "`b` may end 72h12m after",
        "artifacts",
        "steps: {a: {run: make, sandbox: s}, g: {after: [a], approve: {prompt: Ok?}}, b: {after: [g], run: make, sandbox: s, timeout: 90s}}\nsandboxes: {s: {}}",
    ),
    "sandbox-persist": (
        "sandboxes: {s: {needs: {persist: 7d}, scope: step}}\nsteps: {a: {run: make, sandbox: s}}",
        "`persist` has no effect on the sandbox `s`",
        "scope: run",
        "sandboxes: {s: {needs: {persist: 7d}, scope: run}}\nsteps: {a: {run: make, sandbox: s}}",
    ),
}


def found(text: str, code: str) -> list[Diagnostic]:
    document = read((HEAD + text).encode(), "a.yaml")
    assert document.diagnostics == ()
    return [one for one in check_all(document, AROUND) if one.code == code]


@pytest.mark.parametrize("case", CASES)
def test_fires_and_says_what_to_do(case: str) -> None:
    wrong, message, hint, _ = CASES[case]
    (one,) = found(wrong, case.partition("#")[0])
    assert message in one.message
    assert hint in one.hint


@pytest.mark.parametrize("case", CASES)
def test_is_silent_when_mended(case: str) -> None:
    assert found(CASES[case][3], case.partition("#")[0]) == []


def codes(text: str) -> list[str]:
    return [one.code for one in check_all(read((HEAD + text).encode(), "a.yaml"))]


def test_outputs_of_a_matrix_are_lists() -> None:
    steps = "steps: {a: {run: '${{ matrix.i }}', matrix: {i: [1]}, outputs: {n: {type: integer}, d: {artifact: x}}}, b: {run: b, if: 'COND'}}"
    assert codes(steps.replace("COND", "steps.a.outputs.n.all(n, n > 0) && size(steps.a.outputs.d) == 1")) == []
    assert codes(steps.replace("COND", "steps.a.outputs.n > 0")) == ["expression-type"]


def test_parameters_of_a_template_are_known_where_it_is_used() -> None:
    template = "templates: {t: {params: {x: {type: integer}}, step: {run: 'echo ${{ params.NAME + 1 }}'}}}\n"
    use = "steps: {a: {use: t, with: {x: 1}}}"
    assert codes(template.replace("NAME", "x") + use) == []
    assert codes(template.replace("NAME", "y") + use) == ["expression-unknown"]
    assert codes(template.replace("{x: {type: integer}}", "{x: 3}").replace("NAME", "x") + use) == []


def test_the_item_of_a_loop_and_its_own_outputs_at_the_end_are_known() -> None:
    loop = "for_each: '${{ [1, 2] }}', run: 'echo ${{ item }}'"
    until = "repeat: {until: outputs.ok, max: 3}, outputs: {ok: {type: boolean}}"
    assert codes(f"steps: {{a: {{{loop}, {until}}}}}") == []
    assert codes("steps: {a: {for_each: {items: [a, '${{ nope }}'], as: x}, run: 'echo ${{ x }}'}}") == [
        "expression-unknown"
    ]
    assert codes("steps: {a: {for_each: {items: '${{ 1 }}', as: x}, run: 'echo ${{ x }}'}}") == ["expression-type"]


def test_policies_watch_the_cost() -> None:
    assert codes(f"{ONE}policies: [{{id: p, when: run.cost.usd > 1.5, do: pause}}]") == []
    assert codes(f"{ONE}policies: [{{id: p, when: run.cots.usd > 1.5, do: pause}}]") == ["expression-unknown"]


def test_a_property_that_is_no_type_is_still_a_name() -> None:
    text = "inputs: {o: {type: object, properties: {a: 3}, default: {}}}\nsteps: {a: {run: 'echo ${{ inputs.o.b }}'}}"
    assert codes(text) == ["expression-unknown"]


def test_properties_that_nobody_declared_are_left_to_the_run() -> None:
    text = "inputs: {o: {type: object, default: {}}}\nsteps: {a: {run: 'echo ${{ inputs.o.b.c }}'}}"
    assert codes(text) == []


def test_many_names_are_not_all_listed() -> None:
    inputs = ", ".join(f"name_{i}: {{type: string, default: a}}" for i in range(20))
    (one,) = found(f"inputs: {{{inputs}}}\nsteps: {{a: {{run: 'echo ${{{{ inputs.zzz }}}}'}}}}", "expression-unknown")
    assert one.message == "there is no input `zzz` (in `run` of the step `a`)"
    assert one.hint == "declare it under `inputs`"


def test_a_matrix_that_is_far_too_large_is_not_expanded() -> None:
    axes = ", ".join(f"{name}: [{', '.join(map(str, range(50)))}]" for name in "abcdef")
    used = " ".join(f"${{{{ matrix.{name} }}}}" for name in "abcdef")
    assert codes(f"steps: {{a: {{run: '{used}', matrix: {{{axes}, exclude: [{{a: 3}}]}}}}}}") == ["matrix-size"]


def test_the_shortest_cycle_is_told_though_steps_wait_for_several() -> None:
    text = "steps: {a: {run: a, after: [b, c]}, b: {run: a, after: [d, c]}, c: {run: a, after: [d]}, d: {run: a, after: [a]}}"
    (one,) = found(text, "needs-cycle")
    assert one.message.endswith("a → b → d → a")
    assert [str(related.span) for related in one.related] == ["a.yaml:3:29", "a.yaml:3:57", "a.yaml:3:110"]


def test_an_expression_that_is_too_deep_is_told() -> None:
    deep = "(" * 500 + "1" + ")" * 500
    (one,) = found(f"steps: {{a: {{run: 'echo ${{{{ {deep} }}}}'}}}}", "expression-syntax")
    assert "levels of brackets" in one.message


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("has(1)", "asks for one property"),
        ("1 in 2", "`in` looks into a list, `2` is an integer"),
        ("!1", "must be true or false, `1` is an integer"),
        ("secrets.tok + 'x'", "`+` cannot be applied to a secret"),
    ],
)
def test_what_types_cannot_do(expression: str, words: str) -> None:
    text = f'secrets: {{tok: {{env: T}}}}\nsteps: {{a: {{run: a, env: {{X: "${{{{ {expression} }}}}"}}}}}}'
    (one,) = found(text, "expression-type")
    assert words in one.message


def test_what_a_misspelt_name_means_is_not_called_unused() -> None:
    text = "inputs: {target: {type: string, default: a}}\nsteps: {a: {run: 'echo ${{ inputs.tagret }}'}}"
    assert codes(text) == ["expression-unknown"]


def test_an_expression_in_a_comment_means_nothing() -> None:
    assert codes('steps: {a: {run: "echo # ${{ steps.b.nothing + }}"}}') == []


def test_a_condition_with_two_mistakes_is_told_both() -> None:
    text = "inputs: {t: {enum: [dev, prod], default: dev}}\nsteps: {a: {run: a, if: \"inputs.t == 'prd' || 1\"}}"
    assert sorted(codes(text)) == ["expression-type", "expression-value"]


def test_a_value_of_several_types_may_be_any_of_them() -> None:
    assert (
        codes("inputs: {c: {enum: [3, a, b], default: 3}}\nsteps: {a: {run: a, if: inputs.c == 3 || inputs.c == 'a'}}")
        == []
    )


def test_a_constant_input_has_the_type_of_its_value() -> None:
    assert codes("inputs: {c: {const: 3, default: 3}}\nsteps: {a: {run: 'echo ${{ inputs.c + 1 }}'}}") == []


def test_every_rule_has_a_case() -> None:
    elsewhere = {module.CODE for module in composition.RULES}  # tests/compiler/rules/test_composition.py
    assert {case.partition("#")[0] for case in CASES} | elsewhere == set(RULES)


def test_the_whole_of_each_mended_spec_has_no_errors() -> None:
    for case, (_, _, _, right) in CASES.items():
        errors = [one for one in check_all(read((HEAD + right).encode(), "a.yaml")) if one.severity == "error"]
        assert errors == [], case


def test_a_reference_that_is_wrong_comes_with_a_fix() -> None:
    (one,) = found(CASES["needs-unknown"][0], "needs-unknown")
    assert one.fix is not None
    assert (one.fix.replacement, one.fix.span) == ("build", one.span)


def test_the_message_about_a_credential_does_not_repeat_it() -> None:
    (one,) = found(CASES["credential-literal"][0], "credential-literal")
    assert "a" * 36 not in one.message + one.hint


@pytest.mark.parametrize(
    ("cron", "trouble"),
    [
        ("* * * *", "five fields"),
        ("0 24 * * *", "no hour"),
        ("0 0 0 * *", "no day of month"),
        ("0 0 * FOO *", "no month"),
        ("0 0 * * 8", "no day of week"),
        ("5-1 * * * *", "empty range"),
        ("*/0 * * * *", "a step of 0 minutes"),
        ("*-3 * * * *", "no minute"),
        ("a! * * * *", "no minute"),
    ],
)
def test_cron_that_cannot_be(cron: str, trouble: str) -> None:
    (one,) = found(f"{ONE}schedules: [{{id: s, cron: '{cron}'}}]", "schedule-cron")
    assert trouble in one.message


@pytest.mark.parametrize("cron", ["0 0 29 2 *", "0 0 31 2 MON", "5/10 * * * *", "0 9 * * mon", "0 0 * * 7"])
def test_cron_that_can_be(cron: str) -> None:
    assert found(f"{ONE}schedules: [{{id: s, cron: '{cron}'}}]", "schedule-cron") == []


def test_typographic_quotes_are_named() -> None:
    (one,) = found("steps: {a: {run: x, if: 'run.id == “x”'}}", "expression-syntax")
    assert one.hint.startswith("quotes are straight in CEL")
