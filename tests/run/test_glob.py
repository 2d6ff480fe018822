"""Path patterns."""

from __future__ import annotations

import pytest

from runner.run.glob import compiled, is_plain, matches, split


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("*.whl", "a.whl", True),
        ("*.whl", "d/a.whl", False),
        ("d/*.whl", "d/a.whl", True),
        ("**/*.py", "a.py", True),
        ("**/*.py", "x/y/a.py", True),
        ("**", "x/y", True),
        ("d/**", "d/x/y", True),
        ("d/**", "d", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[ab].c", "b.c", True),
        ("[!ab].c", "b.c", False),
        ("[!ab].c", "x.c", True),
        ("[.c", "[.c", True),
        ("a.c", "abc", False),
        ("./d//x", "d/x", True),
        ("[^a]", "^", True),
    ],
)
def test_patterns(pattern, path, fits):
    assert (compiled(pattern).fullmatch(path) is not None) is fits


def test_a_broken_set_is_told():
    with pytest.raises(ValueError, match="is not a pattern"):
        compiled("[z-a]")


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("a/__pycache__/b.pyc", "__pycache__", True),
        ("a/b.pyc", "*.pyc", True),
        ("src/a.py", "src/**", True),
        ("src/deep/a.py", "src/deep", True),
        ("lib/src/a.py", "src/a.py", False),
    ],
)
def test_a_pattern_without_a_slash_means_any_component(path, pattern, fits):
    assert matches(path, pattern) is fits


def test_the_folders_before_the_first_wildcard():
    assert split("dist/x/*.whl") == ("dist/x", "*.whl")
    assert split("*.whl") == ("", "*.whl")
    assert split("a/b.txt") == ("a", "b.txt")
    assert split("a/*/c/d") == ("a", "*/c/d")
    assert is_plain("a.b")
    assert not is_plain("a*")
