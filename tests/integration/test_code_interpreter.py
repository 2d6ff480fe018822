"""The vendor's code interpreter SDK on a box of the template that `runner setup code-interpreter` makes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import pytest
from e2b import NotFoundException, SandboxException, TimeoutException
from e2b_code_interpreter import AsyncSandbox, OutputMessage, Sandbox

from runner.embedded.e2b.launch import Endpoint

# The first test of a machine waits for the layers to be fetched.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def _where(endpoint: Endpoint) -> dict[str, Any]:
    return {"api_url": endpoint.api_url, "sandbox_url": endpoint.sandbox_url, "api_key": endpoint.api_key}


@pytest.fixture(scope="module")
def box(equipped_e2b: Endpoint) -> Iterator[Sandbox]:
    """One box for all tests, made as the SDK does: nobody names a template."""
    sandbox = Sandbox.create(timeout=600, envs={"GIVEN": "by the box"}, **_where(equipped_e2b))
    yield sandbox
    sandbox.kill()


def test_state_lives_on_between_executions_and_each_has_its_number(box: Sandbox) -> None:
    context = box.create_code_context()
    first = box.run_code("number = 40", context=context)
    second = box.run_code("number + 2", context=context)
    assert (first.text, second.text) == (None, "42")
    assert (first.execution_count, second.execution_count) == (1, 2)


def test_outputs_arrive_by_stream_those_of_children_too(box: Sandbox) -> None:
    heard = {False: "", True: ""}

    def hear(message: OutputMessage) -> None:
        heard[message.error] += message.line

    code = (
        "import sys, subprocess\nprint('out')\nprint('err', file=sys.stderr)\ndone = subprocess.run(['echo', 'child'])"
    )
    box.run_code(code, on_stdout=hear, on_stderr=hear)
    assert heard == {False: "out\nchild\n", True: "err\n"}


def test_an_exception_has_its_name_value_and_traceback(box: Sandbox) -> None:
    error = box.run_code("1 / 0").error
    assert error is not None
    assert (error.name, error.value) == ("ZeroDivisionError", "division by zero")
    assert "Traceback" in error.traceback


def test_a_data_frame_is_text_html_and_data(box: Sandbox) -> None:
    code = "import pandas\npandas.DataFrame({'n': [1, 2], 'when': pandas.to_datetime(['2026-01-01', '2026-01-02'])})"
    result = box.run_code(code).results[0]
    assert result.is_main_result
    assert {"text", "html", "data"} <= set(result.formats())
    assert result.data == {"n": [1, 2], "when": ["2026-01-01T00:00:00", "2026-01-02T00:00:00"]}


def test_a_figure_is_a_picture_and_a_chart(box: Sandbox) -> None:
    code = "import matplotlib.pyplot as plot\nplot.bar(['a', 'b'], [1, 2]); plot.title('Two'); plot.show()"
    (result,) = box.run_code(code).results
    assert base64.b64decode(result.png or "").startswith(b"\x89PNG")
    assert result.chart is not None
    assert (result.chart.type, result.chart.title) == ("bar", "Two")
    assert [(bar.label, float(bar.value)) for bar in result.chart.elements] == [("a", 1.0), ("b", 2.0)]


def test_lists_are_json_and_pictures_that_are_saved_are_results(box: Sandbox) -> None:
    assert box.run_code("import numpy\n[1, {'a': numpy.int64(2)}]").results[0].json == [1, {"a": 2}]
    saved = box.run_code("from PIL import Image\nImage.new('RGB', (4, 4)).save('/tmp/four.png')").results
    assert base64.b64decode(saved[0].png or "").startswith(b"\x89PNG")


def test_environment_of_the_box_and_of_one_execution(box: Sandbox) -> None:
    assert box.run_code("import os; os.environ['GIVEN']").text == "by the box"
    assert box.run_code("os.environ['GIVEN']", envs={"GIVEN": 'it\'s "here"'}).text == 'it\\\'s "here"'
    assert box.run_code("os.environ['GIVEN']").text == "by the box"
    assert box.run_code("'NEW' in os.environ", envs={"NEW": "1"}).text == "True"
    assert box.run_code("'NEW' in os.environ").text == "False"


def test_contexts_have_their_own_folder_and_state(box: Sandbox) -> None:
    context = box.create_code_context(cwd="/tmp")
    assert context.id in {each.id for each in box.list_code_contexts()}
    assert box.run_code("import os; kept = 1; os.getcwd()", context=context).text == "/tmp"
    assert box.run_code("'kept' in globals()").text == "False"
    box.restart_code_context(context)
    assert box.run_code("'kept' in globals()", context=context).text == "False"
    box.remove_code_context(context)
    assert context.id not in {each.id for each in box.list_code_contexts()}
    with pytest.raises(NotFoundException, match=context.id):
        box.run_code("1", context=context)


def test_contexts_of_python_and_javascript_are_there_from_the_start(box: Sandbox) -> None:
    assert {"python", "javascript"} <= {each.language for each in box.list_code_contexts()}


def test_a_folder_that_is_not_there_is_refused_but_for_python_as_at_the_vendors(box: Sandbox) -> None:
    with pytest.raises(SandboxException, match="Failed to set working directory"):
        box.create_code_context(cwd="/nowhere", language="javascript")
    context = box.create_code_context(cwd="/home/user/nowhere")
    assert context.cwd == "/home/user/nowhere"
    assert box.run_code("import os; os.getcwd()", context=context).text == "/home/user"
    box.remove_code_context(context)


def test_bash(box: Sandbox) -> None:
    assert box.run_code("WORD=kept; echo $GIVEN", language="bash").logs.stdout == ["by the box\n"]
    assert box.run_code("echo $WORD $ONCE", language="bash", envs={"ONCE": "it's"}).logs.stdout == ["kept it's\n"]
    error = box.run_code("exit_code() { return 3; }; exit_code", language="bash").error
    assert error is not None
    assert error.value == "3"


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("bash", "seq 20000"),
        ("python", "for number in range(1, 20001):\n    print(number, flush=True)"),
        ("js", "for (let number = 1; number <= 20000; number++) console.log(number)"),
    ],
)
def test_no_line_is_lost_however_fast_they_come(box: Sandbox, language: str, code: str) -> None:
    said = "".join(box.run_code(code, language=language, timeout=120).logs.stdout)
    assert said.split() == [str(number) for number in range(1, 20001)]
    assert said.count("\n") == 20000
    assert "\r" not in said


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("bash", "sleep 1234 &"),
        ("python", "import subprocess\nchild = subprocess.Popen(['sleep', '1234'], start_new_session=True)"),
    ],
)
def test_a_context_that_is_removed_takes_its_processes_along(box: Sandbox, language: str, code: str) -> None:
    each = "for each in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$each; echo; done 2>/dev/null"
    sleeping = f"{each} | grep -cx 'sleep 1234 ' || true"
    context = box.create_code_context(language=language)
    box.run_code(code, context=context)
    assert box.commands.run(sleeping).stdout == "1\n"
    box.remove_code_context(context)
    assert box.commands.run(sleeping).stdout == "0\n"


def test_javascript(box: Sandbox) -> None:
    first = box.run_code("const word = await Promise.resolve('kept'); console.log('said'); word", language="js")
    assert (first.logs.stdout, first.text) == (["said\n"], "kept")
    assert box.run_code("word.length", language="javascript").text == "4"
    imports = "import path, { basename as base } from 'node:path'; import * as all from 'node:path'"
    code = f"{imports}\nbase(path.join('a', 'b')) + (all.sep)"
    assert box.run_code(code, language="js").text == "b/"
    error = box.run_code("throw new RangeError('too far')", language="js").error
    assert error is not None
    assert (error.name, error.value) == ("RangeError", "too far")
    syntax = box.run_code("if (", language="js").error
    assert syntax is not None
    assert syntax.name == "SyntaxError"
    assert box.run_code("process.env.ONCE", language="js", envs={"ONCE": "now"}).text == "now"
    assert box.run_code("typeof process.env.ONCE", language="js").text == "undefined"


def test_a_language_that_is_not_there_names_those_that_are(box: Sandbox) -> None:
    with pytest.raises(SandboxException, match=r"no kernel for 'ruby'; this box has bash, javascript, python"):
        box.run_code("puts 1", language="ruby")


@pytest.mark.parametrize(
    ("language", "before", "forever", "after"),
    [
        ("python", "kept = 'kept'", "import time\ntime.sleep(60)", "kept"),
        ("javascript", "var stays = 'kept'", "while (true);", "stays"),
        ("javascript", "var stays = 'kept'", "await new Promise((resolve) => setTimeout(resolve, 60000))", "stays"),
    ],
)
def test_a_timeout_interrupts_the_code_and_keeps_the_state(
    box: Sandbox, language: str, before: str, forever: str, after: str
) -> None:
    context = box.create_code_context(language=language)
    box.run_code(before, context=context)
    with pytest.raises(TimeoutException, match="Execution timed out"):
        box.run_code(forever, context=context, timeout=1)
    assert box.run_code(after, context=context, timeout=20).text == "kept"
    box.remove_code_context(context)


def test_a_kernel_that_dies_is_told_and_started_anew(box: Sandbox) -> None:
    context = box.create_code_context()
    error = box.run_code("import os\nos._exit(1)", context=context).error
    assert error is not None
    assert error.name == "ContextRestarting"
    assert box.run_code("1 + 1", context=context).text == "2"
    box.remove_code_context(context)


def test_commands_of_the_box_find_the_same_packages(box: Sandbox) -> None:
    assert box.commands.run("python3 -c 'import numpy; print(numpy.arange(3).sum())'").stdout == "3\n"


def test_lines_come_while_the_code_still_runs(equipped_e2b: Endpoint) -> None:
    async def go() -> None:
        box = await AsyncSandbox.create(timeout=120, **_where(equipped_e2b))
        try:

            async def let_go(_message: OutputMessage) -> None:
                await box.files.write("/tmp/go", "")

            code = "import os, time\nprint('first')\nwhile not os.path.exists('/tmp/go'):\n    time.sleep(0.05)\n'done'"
            run = await box.run_code(code, on_stdout=let_go)
            assert run.text == "done"
            both = await asyncio.gather(box.run_code("import time; time.sleep(0.2); 1"), box.run_code("2"))
            assert [each.text for each in both] == ["1", "2"]
        finally:
            await box.kill()

    asyncio.run(go())


def test_a_killed_box_ends_the_execution_with_its_reason(equipped_e2b: Endpoint) -> None:
    async def go() -> None:
        box = await AsyncSandbox.create(timeout=120, **_where(equipped_e2b))
        heard = asyncio.Event()
        code = "import time\nprint('running', flush=True)\ntime.sleep(60)"
        run = asyncio.create_task(box.run_code(code, on_stdout=lambda _: heard.set()))
        await asyncio.wait_for(heard.wait(), 30)
        await box.kill()
        with pytest.raises(TimeoutException, match="killed while the request was in progress"):
            await run

    asyncio.run(go())


def test_a_server_that_dies_is_started_anew_and_its_kernels_end(equipped_e2b: Endpoint) -> None:
    box = Sandbox.create(timeout=120, **_where(equipped_e2b))
    try:
        kernel, server = box.run_code("import os\n[os.getpid(), os.getppid()]").results[0].json
        box.commands.run(f"kill -KILL {server}; while kill -0 {kernel}; do sleep 0.1; done 2>/dev/null", timeout=30)
        box.commands.run("until </dev/tcp/127.0.0.1/49999; do sleep 0.1; done 2>/dev/null", timeout=30)
        assert box.run_code("2").text == "2"
    finally:
        box.kill()
