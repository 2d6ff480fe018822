"""What `sudo` in a box makes of its words."""

from __future__ import annotations

import pytest

from runner.embedded.e2b.box.sudo import Asked, UsageError, environment, main, parse


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("id -u", Asked(words=["id", "-u"])),
        ("-n -H -- -x", Asked(words=["-x"])),
        ("-u ann id", Asked(user="ann", words=["id"])),
        ("-uann id", Asked(user="ann", words=["id"])),
        ("-nu ann id", Asked(user="ann", words=["id"])),
        ("--user=ann --login", Asked(user="ann", login=True)),
        ("-Ei", Asked(keep=True, login=True)),
        ("-s ls", Asked(shell=True, words=["ls"])),
        ("A=1 B=x=y env", Asked(settings={"A": "1", "B": "x=y"}, words=["env"])),
        ("env A=1", Asked(words=["env", "A=1"])),
        ("-v", Asked()),
    ],
)
def test_words(words: str, wanted: Asked) -> None:
    assert parse(words.split()) == wanted


@pytest.mark.parametrize("words", ["-u", "--user", "-g root id", "--chroot=/ id", "-Z"])
def test_words_that_are_not_known(words: str) -> None:
    with pytest.raises(UsageError):
        parse(words.split())


def test_the_environment_of_a_command() -> None:
    ours = {"PATH": "/bin", "LC_ALL": "C", "https_proxy": "p", "TOKEN": "t", "HOME": "/home/user", "A": "0"}
    kept = environment(Asked(settings={"A": "1"}, words=["a", "b"]), ours)
    assert kept == {"PATH": "/bin", "LC_ALL": "C", "https_proxy": "p", "A": "1", "SUDO_COMMAND": "a b"}
    assert environment(Asked(keep=True), ours)["TOKEN"] == "t"


def test_one_variable_is_kept_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "t")
    assert parse(["--preserve-env=TOKEN,NONE", "env"]).settings == {"TOKEN": "t"}


@pytest.mark.parametrize(
    ("words", "code", "said"), [("", 1, "usage: sudo"), ("-Z", 1, "-Z is not known"), ("-v", 0, "")]
)
def test_without_a_command(
    words: str, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["sudo", *words.split()])
    assert main() == code
    told = capsys.readouterr().err
    assert said in told if said else told == ""
