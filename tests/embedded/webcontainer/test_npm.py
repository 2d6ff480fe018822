"""What a container may have installed, and what is made of it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import msgpack
import pytest

from runner.embedded.webcontainer.npm import request, tree
from runner.embedded.webcontainer.npm.installs import Installs, cache_folder
from runner.embedded.webcontainer.npm.reach import Reach
from runner.embedded.webcontainer.npm.refused import Refused
from runner.embedded.webcontainer.settings import Network

ALL = Reach("*", frozenset({"packages.example", "mirror.example:8443"}))


def body(command: str = "install", args: tuple[str, ...] = (), **files: Any) -> bytes:
    names = {
        "package": "package.json",
        "lock": "package-lock.json",
        "shrinkwrap": "npm-shrinkwrap.json",
        "npmrc": ".npmrc",
    }
    texts = {names[name]: value if isinstance(value, str) else json.dumps(value) for name, value in files.items()}
    return json.dumps({"command": command, "args": args, "cwd_files": texts}).encode()


@pytest.mark.parametrize(
    "args",
    [
        ("lodash",),
        ("@types/node@20", "-D"),
        ("react@^18.2.0 || >=19",),
        ("mine@npm:@scope/theirs@~1.2", "--save-exact"),
        ("--omit=dev", "--registry=https://mirror.example:8443/npm/"),
        ("https://packages.example/lodash/-/lodash-4.17.21.tgz",),
        ("https://archives.example.org/x.tgz",),
    ],
)
def test_packages_of_registries_are_installed(args: tuple[str, ...]) -> None:
    assert request.read(body(args=args), ALL).args == args


def test_an_option_s_value_may_be_a_word_of_its_own() -> None:
    read = request.read(body(args=("--omit", "dev", "x", "--registry", "https://packages.example/")), ALL)
    assert read.args == ("--omit=dev", "x", "--registry=https://packages.example/")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("../evil", "not a package of a registry"),
        ("./evil.tgz", "not a package of a registry"),
        ("/etc", "not a package of a registry"),
        ("~/.ssh", "is not"),
        (".", "is not"),
        ("user/repo", "not a package of a registry"),
        ("github:user/repo", "not a package of a registry"),
        ("git+ssh://git@host/x.git", "not a package of a registry"),
        ("file:/etc", "not a package of a registry"),
        ("x@file:../..", "is not a version"),
        ("x@../..", "is not a version"),
        ("x@npm:file:/etc", "not a package of a registry"),
        ("x@git+https://host/x.git", "is not a version"),
        ("http://127.0.0.1:8080/x.tgz", "may not fetch packages from 127.0.0.1"),
        ("http://[::1]/x.tgz", "may not fetch packages from ::1"),
        ("http://localhost/x.tgz", "may not fetch packages from localhost"),
        ("http://printer/x.tgz", "may not fetch packages from printer"),
        ("--prefix=/tmp", "option --prefix is not heeded"),
        ("-g", "option -g is not heeded"),
        ("--script-shell=/bin/sh", "option --script-shell is not heeded"),
        ("--git=/bin/evil", "option --git is not heeded"),
        ("--ignore-scripts=false", "option --ignore-scripts is not heeded"),
        ("--registry=http://localhost:1/", "may not fetch packages from localhost"),
        ("--registry", "needs a value"),
        ("--omit", "needs a value"),
        ("--", "is not heeded"),
        ("--save-prefix=${NPM_TOKEN}", "variables"),
        ("--registry=https://packages.example/${NPM_TOKEN}/", "variables"),
        ("lodash@${NPM_TOKEN}", "variables"),
        ("--tag=a\0b", "control characters"),
        ("http://localhost./x.tgz", "may not fetch packages from localhost"),
        ("http://127.1/x.tgz", "may not fetch packages from 127.1"),
        ("http://0x7f.1/x.tgz", "may not fetch packages from 0x7f.1"),
        ("http://0X7F000001/x.tgz", "may not fetch packages from 0x7f000001"),
        ("http://%31%32%37.0.0.1/x.tgz", "not an address of the web"),
        ("http://\uff11\uff12\uff17.0.0.1/x.tgz", "not an address of the web"),
        ("http://127.0.0.1\\@packages.example/x.tgz", "not an address of the web"),
        ("http://127.0.0.1;@packages.example/x.tgz", "not an address of the web"),
    ],
)
def test_nothing_of_this_machine_is_installed(args: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        request.read(body(args=(args,)), ALL)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({"dependencies": {"x": "file:../../secrets"}}, "dependencies: x: file:"),
        ({"devDependencies": {"x": "link:/etc"}}, "devDependencies: x"),
        ({"optionalDependencies": {"x": "user/repo"}}, "is not a version"),
        ({"overrides": {"a": {"b": "file:/etc"}}}, "overrides: b"),
        ({"dependencies": {"x": "workspace:*"}}, "is not a version"),
        ({"dependencies": {"x": "http://10.0.0.1/x.tgz"}}, "10.0.0.1"),
        ({"workspaces": ["packages/*"]}, "workspaces"),
        ("[]", "package.json is not an object"),
        ("{", "package.json is not JSON"),
    ],
)
def test_a_manifest_names_registries_only(manifest: Any, said: str) -> None:
    with pytest.raises(Refused, match=said):
        request.read(body(package=manifest), ALL)


@pytest.mark.parametrize(
    "lock",
    [
        {"packages": {"node_modules/x": {"resolved": "file:/etc/x.tgz"}}},
        {"packages": {"node_modules/x": {"resolved": "http://127.0.0.1/x.tgz"}}},
        {"packages": {"node_modules/x": {"resolved": "../x", "link": True}}},
        {"packages": {"node_modules/x": {"resolved": "node_modules/../../x", "link": True}}},
        {"packages": {"node_modules/x": {"resolved": "/etc", "link": True}}},
        {"packages": {"node_modules/x": {"link": True}}},
        {"packages": {"../x": {}}},
        {"packages": {"node_modules/../../x": {}}},
        {"packages": {"node_modules/x": {"version": "file:/etc"}}},
        {"packages": {"node_modules/x": {"version": "git+ssh://h/y"}}},
        {"packages": {"node_modules/x": {"version": "1.0.0", "name": "file:/etc"}}},
        {"packages": {"node_modules/x": {"version": "1.0.0", "dependencies": {"y": "file:/etc/x.tgz"}}}},
        {"packages": {"": {"dependencies": {"y": "git+ssh://h/y"}}}},
        {"dependencies": {"x": {"version": "1.0.0", "from": "file:/etc"}}},
        {"dependencies": {"x": {"version": "1.0.0", "from": "file:/etc/x.tgz@1.0.0"}}},
        {"dependencies": {"x": {"version": "file:../x"}}},
        {"dependencies": {"x": {"version": "1.0.0", "dependencies": {"y": {"resolved": "git+ssh://h/y"}}}}},
    ],
)
def test_a_lock_file_leads_nowhere_else(lock: Any) -> None:
    for name in ("lock", "shrinkwrap"):
        with pytest.raises(Refused):
            request.read(body("ci", package={}, **{name: lock}), ALL)


def test_ranges_and_locks_as_npm_writes_them_are_taken() -> None:
    manifest = {
        "dependencies": {"a": "^1.2.3", "b": "1.x || >=2.5 <3", "c": "latest", "d": "*", "e": "", "f": "npm:g@1"},
        "overrides": {"a": {".": "1.0.0", "b": "$b"}},
    }
    lock = {
        "packages": {
            "": {"dependencies": {"a": "^1.2.3"}},
            "node_modules/a": {"version": "1.2.3", "resolved": "https://packages.example/a/-/a-1.2.3.tgz"},
            "node_modules/l": {"resolved": "node_modules/.store/l@1-x/node_modules/l", "link": True},
            "node_modules/a/node_modules/@s/b": {"version": "1.0.0", "bin": {"b": "cli.js"}},
        }
    }
    read = request.read(body("ci", package=manifest, lock=lock), ALL)
    assert json.loads(read.files["package.json"]) == manifest


def test_settings_that_name_programs_and_files_are_not_heeded() -> None:
    text = "# mine\nregistry=https://packages.example/\ngit=/tmp/evil\ncafile=/etc/passwd\nsave-exact = true\n"
    text += "//packages.example/:_authToken=theirs\n@s:registry=https://packages.example/s/\nomit[]=dev\n"
    read = request.read(body(npmrc=text), ALL)
    assert read.warnings == (".npmrc: git is not heeded here", ".npmrc: cafile is not heeded here")
    assert read.files[".npmrc"].splitlines() == [
        "registry=https://packages.example/",
        "save-exact=true",
        "//packages.example/:_authToken=theirs",
        "@s:registry=https://packages.example/s/",
        "omit[]=dev",
    ]
    with pytest.raises(Refused, match="variables of the environment"):
        request.read(body(npmrc="//packages.example/:_authToken=${E2B_API_KEY}"), ALL)
    with pytest.raises(Refused, match="localhost"):
        request.read(body(npmrc="@s:registry=http://localhost:4873/"), ALL)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('save-prefix="\\u0024{NPM_TOKEN}"', "backslash"),
        ("registry=http://127.0.0.1\\@packages.example/", "backslash"),
        ('registry="https://packages.example/"x"', "quotation mark"),
        ("registry=http://127.0.0.1;@packages.example/", "may not fetch packages from 127.0.0.1"),
        ("registry='http://127.0.0.1/'", "may not fetch packages from 127.0.0.1"),
    ],
)
def test_settings_are_read_as_npm_reads_them(line: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        request.read(body(npmrc=line), ALL)


def test_quotes_comments_and_switches_of_settings_stay_what_they_are() -> None:
    text = "registry = \"https://packages.example/\"\nsave-exact\ntag=next ; not latest\n//h/:_authToken='a;b#c'\n"
    assert request.read(body(npmrc=text), ALL).files[".npmrc"].splitlines() == [
        "registry=https://packages.example/",
        "save-exact=true",
        "tag=next",
        '//h/:_authToken="a;b#c"',
    ]


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("none", "has no network"),
        (("example.com",), "name mirror.example:8443 or packages.example"),
        (("packages.example.evil", "ackages.example"), "may not reach the npm registry"),
    ],
)
def test_the_network_of_the_sandbox_holds_for_packages_too(network: Network, said: str) -> None:
    with pytest.raises(Refused, match=said):
        request.read(body(args=("lodash",)), Reach(network, ALL.registries))


def test_who_may_reach_the_registry_may_install_from_it_and_from_nowhere_else() -> None:
    for name in ("packages.example", "*.example", "mirror.example"):
        reach = Reach((name,), ALL.registries)
        assert request.read(body(args=("lodash",)), reach).args == ("lodash",)
        with pytest.raises(Refused, match=r"may not fetch packages from archives\.org"):
            request.read(body(args=("https://archives.org/x.tgz",)), reach)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"command": "install", "cwd_files": {"a": 1}}',
        b"\xff",
        b"[" * 100_000,
        json.dumps({"command": "ci", "cwd_files": {"package.json": "\ud800"}}).encode(),
    ],
)
def test_what_cannot_be_read_is_refused(text: bytes) -> None:
    with pytest.raises(Refused, match="no installation"):
        request.read(text, ALL)


def test_only_installations_are_made() -> None:
    with pytest.raises(Refused, match="npm publish is not what runs here"):
        request.read(body("publish"), ALL)


def test_a_folder_becomes_a_tree_without_links_that_lead_out(tmp_path: Path) -> None:
    folder = tmp_path / "node_modules"
    (folder / ".bin").mkdir(parents=True)
    (folder / "x").mkdir()
    (folder / "x" / "cli.js").write_text("1")
    (folder / "x" / "cli.js").chmod(0o755)
    (folder / "x" / "data").write_bytes(b"\xff\x00")
    (folder / ".bin" / "x").symlink_to("../x/cli.js")
    (folder / ".bin" / "out").symlink_to("../../../etc/passwd")
    (folder / ".bin" / "root").symlink_to("/etc/passwd")
    assert tree.of(folder) == {
        "d": {
            ".bin": {"d": {"x": {"f": {"l": "../x/cli.js"}}}},
            "x": {"d": {"cli.js": {"f": {"c": b"1", "x": True}}, "data": {"f": {"c": b"\xff\x00"}}}},
        }
    }


# ---------------------------------------------------------------- an npm of this test's, on PATH

NPM = """#!/bin/sh
case "$*" in
--version) echo 11.0.0 ;;
"config get registry")
    if [ -n "$NPM_CONFIG_USERCONFIG" ]; then echo https://mirror.example/; else echo https://packages.example/; fi ;;
*)
    echo "$@" >> "$CALLS_OF_TEST"
    env > env.txt
    echo "npm warn Unknown user config \\"odd\\". This will stop working." >&2
    echo "npm silly config load:file:$NPM_CONFIG_USERCONFIG" >&2
    echo "npm error path $NPM_CONFIG_CACHE/x, $HOME/y, $HOME_OF_TEST/z" >&2
    echo "npm error in $PWD/package.json with hush-hush and $NPM_TOKEN" >&2
    [ -e fail.txt ] && exit 7
    sleep ${SLEEP_OF_TEST:-0.2}
    mkdir -p node_modules/x && echo 1 > node_modules/x/index.js && cp env.txt node_modules/x/
    echo '{"packages": {}}' > package-lock.json
    echo "added 1 package" ;;
esac
"""


@pytest.fixture
def own_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the calls of a stand-in for npm are written; the person has secrets in their settings and environment."""
    folder = tmp_path / "bin"
    folder.mkdir()
    calls = tmp_path / "calls"
    (folder / "npm").write_text(NPM.replace("$CALLS_OF_TEST", str(calls)).replace("$HOME_OF_TEST", os.environ["HOME"]))
    (folder / "npm").chmod(0o755)
    (Path(os.environ["HOME"]) / ".npmrc").write_text("//mirror.example/:_authToken=hush-hush\n")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("NPM_TOKEN", "token-of-mine")
    monkeypatch.setenv("E2B_API_KEY", "not-for-npm")
    monkeypatch.setenv("npm_config_prefix", "/elsewhere")
    monkeypatch.setenv("npm_config_strict_ssl", "false")
    return calls


def calls(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


async def installed(installs: Installs, text: bytes, network: Network = "*") -> dict[str, Any]:
    answer: dict[str, Any] = msgpack.unpackb(await installs.answer(text, network))
    return answer


def test_npm_is_called_once_for_the_same_wish_and_without_scripts(own_npm: Path, tmp_path: Path) -> None:
    async def go() -> None:
        installs = Installs(tmp_path / "cache")
        wish = body(package={"dependencies": {"x": "1"}})
        first, second = await asyncio.gather(installed(installs, wish), installed(installs, wish))
        third = await installed(Installs(tmp_path / "cache"), wish)
        assert first == second == third
        assert first["ok"]
        assert first["tree"]["d"]["node_modules"]["d"]["x"]["d"]["index.js"] == {"f": {"c": b"1\n"}}
        assert len(calls(own_npm)) == 1
        assert calls(own_npm)[0].startswith("install --ignore-scripts")
        other = await installed(installs, body(package={"dependencies": {"x": "2"}}))
        assert other["ok"]
        assert len(calls(own_npm)) == 2

    asyncio.run(go())


def test_other_settings_of_the_person_s_are_another_installation(
    own_npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        settings = Path(os.environ["HOME"]) / ".npmrc"
        for text, value in (("", "dev"), ("", "dev"), ("omit=dev\n", "dev"), ("omit=dev\n", "optional")):
            settings.write_text(text)
            monkeypatch.setenv("npm_config_omit", value)
            assert (await installed(Installs(tmp_path / "cache"), body(package={})))["ok"]
        assert len(calls(own_npm)) == 3

    asyncio.run(go())


def test_nothing_secret_of_this_machine_comes_along(own_npm: Path, tmp_path: Path) -> None:
    async def go() -> None:
        answer = await installed(Installs(tmp_path / "cache"), body(package={}))
        where = "npm error path ~/.npm/x, ~/y, ~/z\n"
        assert answer["stderr"] == f"{where}npm error in package.json with *** and ***\n"
        env = answer["tree"]["d"]["node_modules"]["d"]["x"]["d"]["env.txt"]["f"]["c"].decode()
        assert "not-for-npm" not in env
        assert "/elsewhere" not in env
        assert "npm_config_strict_ssl=false" in env

    asyncio.run(go())


def test_a_failure_is_told_and_not_kept(own_npm: Path, tmp_path: Path) -> None:
    async def go() -> None:
        installs = Installs(tmp_path / "cache")
        own = own_npm.parent / "bin" / "npm"
        good = own.read_text()
        own.write_text(good.replace("[ -e fail.txt ] && exit 7", "exit 7"))
        assert (await installed(installs, body(package={})))["exit_code"] == 7
        own.write_text(good)
        assert (await installed(installs, body(package={})))["exit_code"] == 0

    asyncio.run(go())


def test_a_wish_that_is_refused_never_reaches_npm(own_npm: Path, tmp_path: Path) -> None:
    async def go() -> None:
        answer = await installed(Installs(tmp_path / "cache"), body(args=("../evil",)))
        assert (answer["ok"], answer["exit_code"]) == (False, 1)
        assert answer["stderr"] == f"npm error {answer['message']}\n"
        closed = await installed(Installs(tmp_path / "cache"), body(args=("lodash",)), "none")
        assert "has no network" in closed["message"]
        assert calls(own_npm) == []

    asyncio.run(go())


def test_an_npm_that_takes_too_long_is_stopped_with_all_it_started(
    own_npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.embedded.webcontainer.npm.installs._SECONDS", 0.3)
    own = own_npm.parent / "bin" / "npm"
    own.write_text(own.read_text().replace("${SLEEP_OF_TEST:-0.2}", "50"))

    async def go() -> None:
        answer = await installed(Installs(tmp_path / "cache"), body(package={}))
        assert answer["exit_code"] == 124
        assert "took longer than 0.3 s" in answer["stderr"]

    asyncio.run(go())


def test_what_goes_wrong_on_this_machine_is_a_sentence(
    own_npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    async def go() -> None:
        installs = Installs(tmp_path / "cache")
        await installed(installs, body(package={}))
        monkeypatch.setattr("tempfile.TemporaryDirectory", full)
        answer = await installed(installs, body(package={"dependencies": {"x": "1"}}))
        assert answer["message"] == "the machine of this sandbox could not install: No space left on device"
        deep = "[" * 100_000
        assert "nested" in (await installed(installs, body(package=deep)))["message"]

    asyncio.run(go())


def test_two_servers_keep_the_same_installation_at_the_same_time(own_npm: Path, tmp_path: Path) -> None:
    async def go() -> None:
        servers = [Installs(tmp_path / "cache") for _ in range(4)]
        answers = await asyncio.gather(*(installed(each, body(package={})) for each in servers))
        assert all(each["ok"] for each in answers)
        left = [each.name for each in (tmp_path / "cache" / "answers").iterdir()]
        assert len(left) == 1
        assert not left[0].startswith(".")

    asyncio.run(go())


def test_folders_of_killed_runners_are_removed_by_the_next(
    own_npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old, going_on = tmp_path / "runner-npm-old", tmp_path / "runner-npm-new"
    for folder in (old, going_on):
        (folder / "project").mkdir(parents=True)
    os.utime(old, (1, 1))
    asyncio.run(installed(Installs(tmp_path / "cache"), body(package={})))
    assert [each.name for each in tmp_path.glob("runner-npm-*")] == [going_on.name]


def test_a_machine_without_npm_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    async def go() -> None:
        answer = await installed(Installs(tmp_path / "cache"), body(package={}))
        assert "npm is not installed" in answer["message"]

    asyncio.run(go())


def test_installations_are_kept_where_caches_of_this_user_are(tmp_path: Path) -> None:
    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "runner" / "npm"
    assert cache_folder({"HOME": str(tmp_path)}) == tmp_path / ".cache" / "runner" / "npm"
    assert cache_folder({}) == Path("~/.cache/runner/npm").expanduser()
