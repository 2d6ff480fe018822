"""Expressions in `run` become variables that are quoted as their place asks; real bash is the judge."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.compiler.expressions.scan import pieces
from runner.compiler.expressions.shell import rewrite, unclosed

CASES = {
    "unquoted": ("echo ${{ a }}", 'echo "${RUNNER_EXPR_0}"'),
    "double": ('echo "x ${{ a }} y"', 'echo "x ${RUNNER_EXPR_0} y"'),
    "glued": ("echo a${{ a }}b", 'echo a"${RUNNER_EXPR_0}"b'),
    "assignment": ("x=${{ a }}; echo $x", 'x="${RUNNER_EXPR_0}"; echo $x'),
    "same twice": ("echo ${{ a }} ${{a}} ${{ b }}", 'echo "${RUNNER_EXPR_0}" "${RUNNER_EXPR_0}" "${RUNNER_EXPR_1}"'),
    "substitution": ('echo "$(f ${{ a }})"', 'echo "$(f "${RUNNER_EXPR_0}")"'),
    "substitution in it": ('echo "$(f "${{ a }}")"', 'echo "$(f "${RUNNER_EXPR_0}")"'),
    "subshell": ("(echo ${{ a }})", '(echo "${RUNNER_EXPR_0}")'),
    "backticks": ("echo `f ${{ a }}` ${{ b }}", 'echo `f "${RUNNER_EXPR_0}"` "${RUNNER_EXPR_1}"'),
    "backticks in quotes": ('echo "`f ${{ a }}`"', 'echo "`f "${RUNNER_EXPR_0}"`"'),
    "arithmetic": ("echo $((${{ a }} << 1))", "echo $((${RUNNER_EXPR_0} << 1))"),
    "arithmetic command": (
        "((x = ${{ a }} << 1)); echo ${{ a }}",
        '((x = ${RUNNER_EXPR_0} << 1)); echo "${RUNNER_EXPR_0}"',
    ),
    "parenthesis in arithmetic": (
        "echo $(( (${{ a }} << 1) ))\necho ${{ a }}",
        'echo $(( (${RUNNER_EXPR_0} << 1) ))\necho "${RUNNER_EXPR_0}"',
    ),
    "two subshells, no arithmetic": ("((f ${{ a }}); g ${{ a }})", '((f "${RUNNER_EXPR_0}"); g "${RUNNER_EXPR_0}")'),
    "parentheses that never close": ("((f ${{ a }}", '((f "${RUNNER_EXPR_0}"'),
    "fallback": ("echo ${x:-${{ a }}}", 'echo ${x:-"${RUNNER_EXPR_0}"}'),
    "fallback in quotes": ('echo "${x:-it\'s ${{ a }}}"', 'echo "${x:-it\'s ${RUNNER_EXPR_0}}"'),
    "escapes": ('echo \\\' ${{ a }} "\\" ${{ a }}"', 'echo \\\' "${RUNNER_EXPR_0}" "\\" ${RUNNER_EXPR_0}"'),
    "comment": ("# ${{ b }}\necho ${{ a }} # it's ${{ c }}", '# ${{ b }}\necho "${RUNNER_EXPR_0}" # it\'s ${{ c }}'),
    "no comment": ("echo a#${{ a }}", 'echo a#"${RUNNER_EXPR_0}"'),
    "comment at the end": ("true #", "true #"),
    "heredoc": (
        "cat <<EOF\n${{ a }}'\nEOF\necho ${{ a }}",
        'cat <<EOF\n${RUNNER_EXPR_0}\'\nEOF\necho "${RUNNER_EXPR_0}"',
    ),
    "heredoc with tabs": (
        "cat <<-E\n\t${{ a }}\n\tE\necho ${{ a }}",
        'cat <<-E\n\t${RUNNER_EXPR_0}\n\tE\necho "${RUNNER_EXPR_0}"',
    ),
    "heredoc with a substitution": (
        "cat <<E\n\"it's $(f ${{ a }})\nE\necho ${{ a }}",
        'cat <<E\n"it\'s $(f "${RUNNER_EXPR_0}")\nE\necho "${RUNNER_EXPR_0}"',
    ),
    "heredoc with a half quoted word": (
        'cat <<E"O"F\n$x\'\nEOF\necho ${{ a }}',
        'cat <<E"O"F\n$x\'\nEOF\necho "${RUNNER_EXPR_0}"',
    ),
    "two heredocs": (
        "cat <<A - <<B\n${{ a }}\nA\n${{ a }}\nB\n",
        "cat <<A - <<B\n${RUNNER_EXPR_0}\nA\n${RUNNER_EXPR_0}\nB\n",
    ),
    "heredoc without end": ("cat <<E\n${{ a }}", "cat <<E\n${RUNNER_EXPR_0}"),
    "here string": ("cat <<<${{ a }}", 'cat <<<"${RUNNER_EXPR_0}"'),
    "redirection": ("cat ${{ a }} << ", 'cat "${RUNNER_EXPR_0}" << '),
    "backticks that cut a quote short": ('echo `f "x` ${{ a }}', 'echo `f "x` "${RUNNER_EXPR_0}"'),
    "map literal": ("echo ${{ {'a': {'b': 1}}.a.b }}", 'echo "${RUNNER_EXPR_0}"'),
    "braces in text": ("echo ${{ '}}' }}", 'echo "${RUNNER_EXPR_0}"'),
    "single quotes beside": ("echo '$x' ${{ a }}", "echo '$x' \"${RUNNER_EXPR_0}\""),
    "backslash": ('echo \\${{ a }} "\\${{ a }}" \\\\${{ a }}', 'echo \\${{ a }} "\\${{ a }}" \\\\"${RUNNER_EXPR_0}"'),
    "backslash in a heredoc": ("cat <<E\n\\${{ a }} ${{ a }}\nE\n", "cat <<E\n\\${{ a }} ${RUNNER_EXPR_0}\nE\n"),
    "heredoc named by an expression": ("cat <<${{ a }}", 'cat <<"${RUNNER_EXPR_0}"'),
    "nothing": ("echo '$((1))'", "echo '$((1))'"),
    "unclosed": ("echo ${{ a", "echo ${{ a"),
    "unclosed quote": ("echo 'a ${x", "echo 'a ${x"),
}


@pytest.mark.parametrize("case", CASES)
def test_rewrites(case: str) -> None:
    text, expected = CASES[case]
    found = rewrite(text)
    assert found.command == expected
    assert found.problems == ()


def test_heredocs_without_end_in_each_other_are_read() -> None:
    found = rewrite("cat <<E\n$(cat <<F\n" * 500 + "${{ a }}")
    assert [problem.trouble for problem in found.problems] == ["quoted-heredoc"]


def test_what_the_shell_would_compute_with_is_named() -> None:
    text = "x=$((${{ a }} + $(f ${{ b }}))); ((y = (${{ c }})))"
    assert rewrite(text).arithmetic == {text.index("${{ a"), text.index("${{ c")}


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("echo 'x ${{ a }}'", "single-quotes"),
        ("sh -c 'echo \"${{ a }}\"'", "single-quotes"),
        ("echo $'x\\'${{ a }}'", "single-quotes"),
        ("echo 'never closed ${{ a }}", "single-quotes"),
        ("cat <<'EOF'\n${{ a }}\nEOF\n", "quoted-heredoc"),
        ('cat <<"EOF"\n${{ a }}\nEOF\n', "quoted-heredoc"),
        ("cat <<\\EOF\n${{ a }}\nEOF\n", "quoted-heredoc"),
        ("cat <<E'O'F\n${{ a }}\nEOF\n", "quoted-heredoc"),
    ],
)
def test_where_no_variable_can_stand(text: str, trouble: str) -> None:
    (problem,) = rewrite(text).problems
    assert (problem.trouble, problem.expression, problem.start) == (trouble, "a", text.index("${{"))


NASTY = "$(echo pwned) `id` \"'; * \\ \n ${HOME}"


@pytest.mark.parametrize(
    "text",
    [
        "printf %s ${{ a }}",
        'printf %s "${{ a }}"',
        'printf %s "$(printf %s ${{ a }})"',
        'x=${{ a }}; printf %s "$x"',
        "cat <<E | head -c -1\n${{ a }}\nE\n",
        'printf %s "${nothing:-${{ a }}}"',
        "cat <<E | head -c -1\n$(printf %s ${{ a }})\nE\n",
    ],
)
def test_a_nasty_value_arrives_as_it_is(text: str) -> None:
    found = rewrite(text)
    env = {"PATH": "/usr/bin:/bin", **dict.fromkeys(found.expressions, NASTY)}
    done = subprocess.run(["bash", "-c", found.command], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == NASTY


PIECES = st.sampled_from(
    [
        "'",
        '"',
        "`",
        "$(",
        ")",
        "$((",
        "))",
        "${x:-",
        "}",
        "(",
        "\\",
        "#",
        " ",
        "\n",
        "<<E",
        "<<'E'",
        "<<-",
        "E",
        "$'",
        "a",
        "${{ e }}",
    ]
)


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=20))
def test_nothing_but_expressions_is_changed(parts: list[str]) -> None:
    text = "".join(parts)
    found = rewrite(text)
    back = found.command.replace('"${RUNNER_EXPR_0}"', "${{ e }}").replace("${RUNNER_EXPR_0}", "${{ e }}")
    # An expression between two quotes that belong to the text looks like one of ours: compare without quotes.
    assert back.replace('"', "") == text.replace('"', "")
    kept = len(found.problems) + len(found.inert)
    assert found.command.count("${RUNNER_EXPR_0}") + kept == len(pieces_of(text))


def pieces_of(text: str) -> list[str]:
    return [piece.text for piece in pieces(text) if piece.is_expression and piece.closed]


CASE = 'case ${{ a }} in (a) echo "$(echo 1)";; b|c) echo ${{ a }} ;; *) echo ")" ;; esac'


@pytest.mark.parametrize(
    "text",
    [
        f'printf %s "$({CASE})"; printf %s ${{{{ a }}}}',
        f"printf %s $({CASE}); printf %s ${{{{ a }}}}",
        f"printf %s `{CASE}`; printf %s ${{{{ a }}}}",
        f'printf %s "$(if true; then {CASE}; fi)" "x ${{{{ a }}}}"',
        'printf %s "$(case x in esac; case "$(echo x)" in x) case a in a) echo 1;; esac; esac)" ${{ a }}',
        'printf %s "$(echo case x in; echo esac)" ${{ a }}',
    ],
)
@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_a_case_inside_a_substitution_is_read_to_its_end(text: str, shell: str, missing: Callable[[str], None]) -> None:
    if shutil.which(shell) is None:
        missing(shell)
    found = rewrite(text)
    assert found.unclosed == ()
    env = {"PATH": "/usr/bin:/bin", **dict.fromkeys(found.expressions, "two  words")}
    done = subprocess.run([shell, "-c", found.command], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("two  words")


@pytest.mark.parametrize(
    ("text", "open_"),
    [
        ("(echo )#'", False),
        ("((1))#'", False),
        ("case a in a)#'\necho;; esac", False),
        ("$(echo )#'", True),
        ("a=(1)#'", True),
        ("cat <(echo)#'", True),
        ("`echo #`\n`", True),
        ("`echo # '`", False),
    ],
)
def test_a_comment_begins_and_ends_where_the_shell_sees_it(text: str, open_: bool) -> None:
    assert bool(unclosed(text)) is open_
    done = subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True, check=False)
    assert (done.returncode != 0) is open_


WORDS = st.sampled_from(['"', "'", "$(", ")", "`", "${x}", "a", " ", "\n", "#", "\\", "; ", "echo ", "$'", "(echo "])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(WORDS, max_size=12))
def test_what_is_called_unclosed_the_shell_refuses(parts: list[str]) -> None:
    text = "".join(parts)
    if not unclosed(text):
        return
    done = subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode != 0 or "`" in text  # what stands in backquotes is read only when it is executed


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(WORDS, max_size=12))
@example(["\\", " ", "#", '"'])
def test_what_ends_too_early_is_called_unclosed(parts: list[str]) -> None:
    text = "".join(parts)
    done = subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True, check=False)
    if "unexpected EOF while looking for matching" in done.stderr:
        assert unclosed(text)


@pytest.mark.parametrize(
    ("text", "start", "mark"),
    [
        ('echo "a', 5, '"'),
        ("echo 'a", 5, "'"),
        ("echo `a", 5, "`"),
        ("echo $(a", 5, "$("),
        ("echo ${a", 5, "${"),
        ("(echo", 0, "("),
        ("echo $'a\\'", 5, "$'"),
        ("echo $'", 5, "$'"),
        ('echo "${{ a }}', 5, '"'),
        ('echo "one\necho "two" "three"', 5, '"'),
        ("echo 'one\necho 'two'", 5, "'"),
        ("cat <<E\nx\n E", 4, "<<E"),
        ("cat <<E", 4, "<<E"),
        ("esac; case 'a", 11, "'"),
        ("(" * 30, 29, "("),
        ("cat <<-'E'\nx", 4, "<<E"),
    ],
)
def test_what_is_left_open_is_named(text: str, start: int, mark: str) -> None:
    (one,) = unclosed(text)
    assert (one.start, one.mark) == (start, mark)


@pytest.mark.parametrize(
    "text",
    [
        "echo a b",
        "echo \"a $b \\\" c\" 'd' \\' $e",
        "# it's a comment\necho a",
        'echo "$(case x in x) echo "y";; esac)"',
        "x=${y:-it\\'s}; echo ${#x} $# $((1 << 2))",
        "cat <<E\nit's \"\nE\n",
        "if [[ $a =~ ^(x|y)$ ]]; then a=(1 2); f() { echo; }; fi",
        "case $1 in a) echo;; (b) echo;; esac",
        'echo "one\ntwo" "three"',
    ],
)
def test_what_is_complete_leaves_nothing_open(text: str) -> None:
    assert unclosed(text) == ()


def test_places_lead_back_to_the_text_as_written() -> None:
    text = 'a ${{ x }} b "${{ y }}" c'
    found = rewrite(text)
    for word in "abc":
        assert text[found.source(found.command.index(f"{word} " if word != "c" else " c") + (word == "c"))] == word
    inside = found.command.index("EXPR_1")
    assert text[found.source(inside) : found.source(inside, end=True)] == "${{ y }}"
