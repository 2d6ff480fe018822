"""What executes a value, what prints a secret, what writes an output: shell texts beyond the golden cases."""

from __future__ import annotations

import pytest

from runner.compiler.compile import check
from runner.compiler.diagnostic import Diagnostic
from runner.compiler.document import read
from runner.compiler.rules import check_all
from runner.compiler.rules.shell.sinks import sinks
from runner.compiler.rules.shell.written import writing

HEAD = "spec: 1\nname: demo\n"
CODE = "sandbox-impossible"
SECRET = "secrets: {t: {env: T}}\n"


def found(text: str, code: str) -> list[Diagnostic]:
    return [one for one in check((HEAD + text).encode(), "a.yaml") if one.code == code]


def block(text: str, more: str = "") -> str:
    """A spec with this text in a step."""
    lines = "".join(f"      {line}\n" for line in text.split("\n"))
    return f"steps:\n  a:\n    run: |\n{lines}{more}"


@pytest.mark.parametrize(
    ("text", "executed", "by"),
    [
        ('timeout -k 1 5 sh -c "$X"', '"$X"', "`sh -c`"),
        ('sudo env A=b bash -xec "$X" name', '"$X"', "`bash -c`"),
        ('xargs -n 1 dash -c "$X"', '"$X"', "`dash -c`"),
        ('trap "rm $X" EXIT', '"rm $X"', "`trap`"),
        ('node -e "$X"', '"$X"', "`node -e`"),
        ('let "y = $X"', '"y = $X"', "shell arithmetic"),
        ("[[ a && $X -gt 3 ]]", "$X", "shell arithmetic"),
        ('ssh -i key host "$X"', '"$X"', "the shell at the other end of `ssh`"),
        ("ssh host <<E\n$X\nE", "$X\n", "the shell at the other end of `ssh`"),
        ('bash <<< "$X"', '"$X"', "`bash`"),
        ("python3 - <<E\n$X\nE", "$X\n", "`python3`"),
        ('echo "$X" | sudo sh -e -s', '"$X"', "`sh`"),
        ("cat <<E | bash\n$X\nE", "$X\n", "`bash`"),
        ('awk -F : "$X" file', '"$X"', "`awk`"),
    ],
)
def test_what_is_executed(text: str, executed: str, by: str) -> None:
    assert (executed, by) in [(text[one.start : one.end], one.by) for one in sinks(text)]


@pytest.mark.parametrize(
    "text",
    [
        'sh script.sh "$X"',
        'bash -x script.sh "$X"',
        'echo "$X" | python3 script.py',
        'echo "$X" | python3 -m json.tool',
        'awk -f program.awk "$X"',
        "awk -v",
        "trap - EXIT",
        "bash <<'E'\n$X\nE",
        '[ "$X" -eq 3 ]',
        '[[ "$X" == a ]]',
        "ssh -p",
        "| sh",
        "sudo",
        'echo evaluate "$X"',
        "sh -c",
    ],
)
def test_what_is_not_executed(text: str) -> None:
    assert [text[one.start : one.end] for one in sinks(text) if "X" in text[one.start : one.end]] == []


@pytest.mark.parametrize(
    ("text", "names", "plain"),
    [
        ("echo -n a=1 > $RUNNER_OUTPUT", ["a"], True),
        ("echo 'a = 1' >> $RUNNER_OUTPUT", ["a"], True),
        ("cat >> $RUNNER_OUTPUT <<E\na=1\n\nno line\nb=2\nE", ["a", "b"], True),
        ("tee $RUNNER_OUTPUT < file", [], False),
        ("jq -r . x >> $RUNNER_OUTPUT", [], False),
        ('echo "${name}=1" >> $RUNNER_OUTPUT', [], False),  # a name that is a variable cannot be told
        ('for k in a b; do echo "$k=1" >> $RUNNER_OUTPUT; done', [], False),
        (r"printf 'a=%s\nb=%s\n' 1 2 >> $RUNNER_OUTPUT", ["a", "b"], True),
        ('echo "a=1\nb=2" >> $RUNNER_OUTPUT', ["a", "b"], True),
        ("printf '%s=%s' a 1 >> $RUNNER_OUTPUT; ./more $RUNNER_OUTPUT", [], False),
        ("echo >> $RUNNER_OUTPUT", [], False),
        ("make", [], True),
    ],
)
def test_what_is_written(text: str, names: list[str], plain: bool) -> None:
    wrote = writing(text)
    assert ([one.name for one in wrote.names], wrote.plain) == (names, plain)
    assert [text[one.start : one.end] for one in wrote.names] == names


@pytest.mark.parametrize(
    "text",
    [
        "cat <<E\n$X\nE",
        "echo a >&2 $X",
        "export -p",
        "set -o xtrace",
        "env",
        "env | sort",
        "printenv X",
        "cat <<< $X",
        "echo $X | base64",
        "echo $(date) $X | tee file | head -n 1",
        "echo $X | tee $(date)",
    ],
)
def test_secrets_that_are_printed(text: str) -> None:
    spec = SECRET + block(text, "    env: {X: '${{ secrets.t }}'}\n")
    assert len(found(spec, "secret-printed")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "cat <<'E'\n$X\nE",
        "echo $X > file",
        "y=$(echo $X)",
        "echo '$X' $XY",
        "env A=b make",
        "set +x",
        "declare x",
        'echo "${X:+set} ${#X}"',
    ],
)
def test_secrets_that_are_not_printed(text: str) -> None:
    spec = SECRET + block(text, "    env: {X: '${{ secrets.t }}', XY: a}\n")
    assert found(spec, "secret-printed") == []


@pytest.mark.parametrize(
    "text",
    ["cd a; make", "cd a || exit 1", "(cd a)", "{ cd a; }", "cd", "cd a > log", "echo cd a", "make; X=1", "ls | cd a"],
)
def test_what_is_not_lost_at_the_end_of_a_step(text: str) -> None:
    assert found(block(text), "shell-lost") == []


@pytest.mark.parametrize(("text", "word"), [("make\nalias a=b", "alias"), ("set -e", "set"), ("unset A", "unset")])
def test_what_is_lost_at_the_end_of_a_step(text: str, word: str) -> None:
    (one,) = found(block(text), "shell-lost")
    assert f"`{word}`" in one.message


def test_a_variable_of_runner_is_refused_wherever_it_is_set() -> None:
    env = "env: {RUNNER_STEP: x}"
    for text in (
        f"templates: {{t: {{step: {{run: a, {env}}}}}}}\nsteps: {{a: {{use: t}}}}",
        f"steps: {{a: {{run: a}}}}\nfinally: {{run: a, {env}}}",
        f"defaults: {{{env}}}\nsteps: {{a: {{run: a}}}}",
    ):
        assert len(found(text, "env-reserved")) == 1


def test_only_what_its_type_leaves_open_is_untrusted() -> None:
    spec = "inputs: {{x: {}}}\nsteps: {{a: {{run: 'eval ${{{{ inputs.x }}}}'}}}}"
    for schema in ("{type: string}", "{default: 1}", "{type: array, items: {type: string}, default: []}"):
        expected = 0 if "items" in schema else 1  # a list cannot stand in a shell text at all
        assert len(found(spec.format(schema), "untrusted-text")) >= expected
    for schema in ("{type: integer}", "{const: a}", "{type: string, format: date}", "{type: boolean}"):
        assert found(spec.format(schema), "untrusted-text") == []


def test_values_of_the_sandbox_and_of_all_steps_are_followed() -> None:
    text = "inputs: {x: {type: string}}\nenv: {X: '${{ inputs.x }}'}\nsandboxes: {s: {env: {Y: 'a ${{ inputs.x }}'}}}\n"
    text += 'steps: {a: {sandbox: s, run: \'eval "$X"; eval "${Y:-}"; eval "$Z"; (eval \'\'$X\'\'); eval "\\$X"\'}}'
    assert [one.message.partition(" ")[0] for one in found(text, "untrusted-text")][:2] == ["`$X`", "`$Y`"]


@pytest.mark.parametrize(
    "path", ["~/.aws", "home/.ssh/", "certs/server.pem", ".env.production", "x/.docker/config.json"]
)
def test_files_that_hold_credentials(path: str) -> None:
    assert len(found(f"steps: {{a: {{run: a, files: {{f: {path}}}}}}}", "secret-file")) == 1


@pytest.mark.parametrize("path", [".env.sample", "keys/id_rsa.pub", "src", "aws", "docker/config.json", "monkey.py"])
def test_files_that_hold_none(path: str) -> None:
    assert found(f"steps: {{a: {{run: a, files: {{f: {path}}}}}}}", "secret-file") == []


@pytest.mark.parametrize(
    ("needs", "prefer", "hint"),
    [
        ("{runtime: node, desktop: true, cpu: 6, persist: 1d}", "[webcontainer]", "E2B can give it"),
        ("{runtime: node, cpu: 9, memory: 9GiB, disk: 90GiB}", "[e2b]", "`cpu: 8`, `memory: 8GiB` and `disk: 20GiB`"),
        (
            "{runtime: node, template: 'a:1', persist: 90d}",
            "[webcontainer, e2b]",
            "E2B could give it with `persist: 30d`",
        ),
        ("{runtime: python, ports: [49983]}", "[e2b, webcontainer]", "E2B could give it with another port than 49983"),
    ],
)
def test_the_smallest_change_that_would_do_is_told(needs: str, prefer: str, hint: str) -> None:
    (one,) = found(
        f"sandboxes: {{s: {{needs: {needs}, prefer: {prefer}}}}}\nsteps: {{a: {{run: a, sandbox: s}}}}", CODE
    )
    assert hint in one.hint
    assert one.related


def test_needs_that_exclude_each_other_are_named_together() -> None:
    (one,) = found("sandboxes: {s: {needs: {runtime: python, ports: [49983]}}}\nsteps: {a: {run: a, sandbox: s}}", CODE)
    assert "the sandbox `s` with `ports` and `runtime`" in one.message
    assert one.span.column == 17


def test_what_the_sandbox_cannot_do_is_told_of_each_step_of_an_agent() -> None:
    agent = "agents: {b: {model: 'x:1', tools: [desktop, nonsense], budget: {usd: 1, turns: 1}}}\n"
    boxes = "sandboxes: {s: {}, d: {needs: {desktop: true}}}\n"
    step = "{{agent: b, prompt: p, sandbox: {}}}"
    steps = f"steps: {{a: {step.format('s')}, b: {step.format('d')}, c: {step.format('s')}}}"
    (one,) = found(agent + boxes + steps, "agent-tool-box")
    assert "in the sandbox `s`" in one.message


@pytest.mark.parametrize(
    ("language", "code", "by"),
    [
        ("python", "print('a', os.environ['X'])", "print"),
        ("python", "print(f'a {os.environ[\"X\"]}')", "print"),
        ("python", "print(os.getenv('X'))", "print"),
        ("node", "console.log('a', process.env.X)", "console.log"),
        ("bash", "echo $X", "echo"),
        ("python", "print(len(os.environ['X']))", ""),
        ("python", "print('a' if os.environ['X'] else 'b')", ""),
        ("python", "print(os.environ['XY'])", ""),
        ("node", "console.log(process.env.X ? 1 : 2)", ""),
        ("bash", "curl -H @- <<< $X", ""),
    ],
)
def test_what_a_script_prints_of_its_environment(language: str, code: str, by: str) -> None:
    env = "    env: {X: '${{ secrets.t }}', XY: a}\n"
    spec = SECRET + f"steps:\n  a:\n{env}    script:\n      language: {language}\n      code: |\n        {code}\n"
    assert [one.message.split("`")[1] for one in found(spec, "secret-printed")] == ([by] if by else [])


def test_a_tool_is_told_once_for_all_of_its_functions() -> None:
    agent = "agents: {b: {model: 'x:1', tools: [desktop.click, desktop.type, web.fetch], budget: {usd: 1, turns: 1}}}\n"
    told = found(agent + "steps: {a: {agent: b, prompt: p}}", "agent-tool-box")
    assert [one.message.split("`")[1] for one in told] == ["desktop.click", "web.fetch"]


def test_a_browser_needs_no_network_to_look_at_its_own_box() -> None:
    boxes = "sandboxes: {s: {needs: {browser: true}}}\n"
    agent = "agents: {b: {model: 'x:1', sandbox: s, tools: [browser], budget: {usd: 1, turns: 1}}}\n"
    assert found(boxes + agent + "steps: {a: {agent: b, prompt: p}}", "agent-tool-box") == []


@pytest.mark.parametrize("text", ["./more.sh", "python3 tools/more.py", "bash more.sh", ". lib/outputs.sh"])
def test_a_program_of_the_steps_own_may_write_what_the_text_does_not(text: str) -> None:
    outputs = "    outputs: {size: {type: integer}, more: {type: integer}}\n"
    assert (
        found(block(f'echo "size=1" >> "$RUNNER_OUTPUT"\n{text}'.replace("more", "rest"), outputs), "output-unwritten")
        == []
    )
    assert len(found(block('echo "size=1" >> "$RUNNER_OUTPUT"\nmake', outputs), "output-unwritten")) == 1


@pytest.mark.parametrize(
    ("prompt", "count"),
    [
        ("Answer ${{ steps.r.outputs.t }}", 1),
        ("Data: <mail>${{ steps.r.outputs.t }}</mail>", 0),
        ("```text\n      ${{ steps.r.outputs.t }}\n      ```", 0),
        ("<mail>\n      Dear ${{ steps.r.outputs.t }}\n      </mail>", 1),
        ("<mail>${{ steps.r.outputs.t }} and so on", 1),
    ],
)
def test_a_prompt_may_say_where_the_text_of_others_begins_and_ends(prompt: str, count: int) -> None:
    text = (
        "agents:\n  a: {model: 'x:1', tools: [files], budget: {usd: 1, turns: 1}}\nsteps:\n"
        "  r: {agent: a, prompt: Read, returns: {type: object, properties: {t: {type: string}}, required: [t]}}\n"
        f"  b:\n    agent: a\n    prompt: |\n      {prompt}\n"
    )
    assert len(found(text, "agent-prompt")) == count
    assert found(text.replace(", tools: [files]", ""), "agent-prompt") == []


def test_a_pattern_of_a_case_is_no_command() -> None:
    boxes = "sandboxes: {s: {needs: {runtime: node}}}\n"
    text = 'case "$1" in\n  node|npm) npm ci;;\n  python|pip) echo ok;;\n  *) (yarn);;\nesac'
    assert found(boxes + block(text, "    sandbox: s\n"), "sandbox-runtime") == []
    (one,) = found(boxes + block(text.replace("echo ok", "pip list"), "    sandbox: s\n"), "sandbox-runtime")
    assert (one.span.line, one.span.column) == (9, 21)


def test_a_program_that_is_looked_for_first_need_not_be_there() -> None:
    boxes = "sandboxes: {s: {needs: {runtime: node}}}\n"
    spec = boxes + "steps: {a: {sandbox: s, run: 'which python3 && python3 a || node a'}}"
    assert found(spec, "sandbox-runtime") == []
    assert len(found(spec.replace("which python3 && ", ""), "sandbox-runtime")) == 1


def test_a_longer_name_of_a_variable_is_another_one() -> None:
    spec = SECRET + block('echo "${XY}" $XY\necho "${X#a}"', "    env: {X: '${{ secrets.t }}', XY: a}\n")
    (one,) = found(spec, "secret-printed")
    assert (one.span.line, "`X`" in one.message) == (8, True)


@pytest.mark.parametrize(
    ("text", "code", "count"),
    [
        ("secrets: {a: {}, b: {env: B}}\nsteps: {a: {run: a}}", "secret-duplicate", 0),
        ("agents: {b: {sandbox: nowhere, tools: [web]}}\nsteps: {a: {agent: b, prompt: p}}", "agent-tool-box", 0),
        ("sandboxes: {s: {prefer: [nobody]}}\nsteps: {a: {run: a, sandbox: s}}", CODE, 0),
        ('sandboxes: {s: {needs: {network: "*"}}}\nsteps: {a: {run: a}}', "sandbox-network", 1),
        (
            "sandboxes: {s: {needs: {runtime: node}}}\nsteps: {a: {agent: b, prompt: p, sandbox: s}}",
            "sandbox-runtime",
            0,
        ),
        ("sandboxes: {s: {needs: {runtime: node}}}\nsteps: {a: {run: ./pip, sandbox: s}}", "sandbox-runtime", 0),
        (SECRET + "agents: {b: {}}\nsteps: {a: {agent: b, prompt: p, env: {X: '${{ run.id }}'}}}", "secret-exposed", 0),
        ("steps: {a: {run: 'echo 1', env: {TOKENS: 12, A_TOKEN: x}}}", "credential-literal", 0),
    ],
)
def test_what_is_left_alone(text: str, code: str, count: int) -> None:
    assert len(found(text, code)) == count


def test_a_provider_that_nobody_knows_is_refused_by_name() -> None:
    document = read(f"{HEAD}sandboxes: {{s: {{prefer: [nobody]}}}}\n".encode(), "a.yaml")
    (one,) = [one for one in check_all(document) if one.code == CODE]
    assert one.hint == "E2B can give it: add `e2b` to `prefer`"
    document = read(f"{HEAD}sandboxes: {{s: {{prefer: [nobody], needs: {{cpu: 99}}}}}}\n".encode(), "a.yaml")
    (one,) = [one for one in check_all(document) if one.code == CODE]
    assert one.hint == "name a provider that exists in `prefer`"


def test_an_agent_without_tools_and_a_command_without_network_may_take_anything() -> None:
    text = (
        "inputs: {t: {type: string}}\ntriggers: [{id: t, webhook: w, inputs: {t: '${{ event.t }}'}}]\n"
        "sandboxes: {n: {needs: {network: {allow: [a.example]}}}}\nagents: {b: {sandbox: n, tools: [files.read]}}\n"
        "steps: {a: {agent: b, prompt: 'x ${{ inputs.t }}', if: \"inputs.t != ''\"}, "
        "b: {run: 'echo ${{ inputs.t }}', sandbox: n}, c: {agent: nobody, prompt: '${{ inputs.t }}'}}"
    )
    assert found(text, "agent-approval") == []


def test_conditions_and_keys_do_not_carry_text_to_a_command() -> None:
    text = (
        "inputs: {t: {type: string}}\ntriggers: [{id: t, webhook: w, inputs: {t: '${{ event.t }}'}}]\n"
        "secrets: {k: {env: K}}\nsandboxes: {n: {needs: {network: {allow: [a.example]}}}}\n"
        "steps: {a: {run: make, stdin: '${{ secrets.k }}', sandbox: n, if: \"inputs.t != ''\", "
        "cache: {key: '${{ inputs.t }}'}}}"
    )
    assert found(text, "agent-approval") == []
    assert len(found(text.replace("run: make", "run: 'make ${{ inputs.t }}'"), "agent-approval")) == 1


ANSWER = (
    "agents: {b: {model: 'x:1', budget: {usd: 1, turns: 1}}}\n"
    "templates: {t: {params: {c: {enum: [x, y]}}, step: {run: 'eval ${{ params.c }}'}}}\n"
    "steps:\n  r: {agent: b, prompt: p, returns: {type: object, required: [l, o], properties: {"
    "l: {type: array, items: {enum: [x, y]}}, "
    "o: {type: array, items: {type: object, required: [n, s], "
    "properties: {n: {type: integer}, s: {type: string}}}}}}}\n"
)


@pytest.mark.parametrize(
    ("step", "names"),
    [
        ("{for_each: '${{ steps.r.outputs.l }}', run: 'eval ${{ item }}'}", []),
        ("{for_each: '${{ steps.r.outputs.o }}', run: 'eval ${{ item.n }} ${{ item.s }}'}", ["item.s"]),
        ("{for_each: {items: '${{ steps.r.outputs.o }}', as: a}, run: 'eval ${{ a.n }} ${{ a.s }}'}", ["a.s"]),
        ("{use: t, with: {c: '${{ steps.r.outputs.l[0] }}'}}", []),
        ("{stdin: '${{ steps.r.outputs.o[0].s }}', run: bash}", ["steps.r.outputs.o"]),
        ("{stdin: '${{ steps.r.outputs.o[0].s }}', run: bash script.sh}", []),
        ("{stdin: '${{ steps.r.outputs.o[0].s }}', run: bash < script.sh}", []),
        ("{stdin: '${{ steps.r.outputs.o[0].s }}', run: '# later'}", []),
        ("{run: 'source <(echo ${{ steps.r.outputs.o[0].s }}); true'}", ["steps.r.outputs.o"]),
        ('{run: \'x=${{ steps.r.outputs.o[0].s }}; y=1; eval "$y"; echo "$x"\'}', []),
    ],
)
def test_what_an_agent_answered_is_followed_into_the_step(step: str, names: list[str]) -> None:
    told = found(ANSWER + f"  s: {step}", "untrusted-text")
    assert [one.message.split("`")[1] for one in told] == names


def test_a_value_that_the_shell_keeps_as_text_is_told_once() -> None:
    text = "inputs: {t: {type: string}}\nsteps: {a: {run: \"bash -c 'x ${{ inputs.t }}'\"}}"
    assert [one.code for one in check((HEAD + text).encode(), "a.yaml")] == ["shell-quotes"]


def test_a_value_of_several_lines_is_not_judged() -> None:
    text = block('echo -e "a=1\\nrest" >> "$RUNNER_OUTPUT"', "    outputs: {a: {type: integer}}\n")
    assert found(text, "output-value") == []
    assert len(found(text.replace("\\nrest", "rest"), "output-value")) == 1


@pytest.mark.parametrize("items", ["3", "{}", "{type: string}"])
def test_items_of_no_declared_type_may_be_anything(items: str) -> None:
    text = f"inputs: {{l: {{type: array, items: {items}}}}}\nsteps: {{a: {{run: 'eval ${{{{ inputs.l[0] }}}}'}}}}"
    document = read((HEAD + text).encode(), "a.yaml")
    assert [one.code for one in check_all(document) if one.code == "untrusted-text"] == ["untrusted-text"]


def test_what_has_no_declared_type_may_be_anything() -> None:
    text = "inputs: {o: {type: object, properties: {a: 3}, default: {}}}\nsteps: {a: {run: 'eval ${{ inputs.o.a }}'}}"
    document = read((HEAD + text).encode(), "a.yaml")
    assert [one.code for one in check_all(document) if one.code == "untrusted-text"] == ["untrusted-text"]
