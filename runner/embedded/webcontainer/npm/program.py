"""The machine's own npm: which version it is, which registry it uses, and how it is called."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path

from runner.embedded.webcontainer.npm.reach import host_of
from runner.embedded.webcontainer.npm.refused import Refused
from runner.records import dataclass

#: What the names of temporary folders begin with.
PREFIX = "runner-npm-"
_QUESTION_SECONDS = 30.0
_PASSED_ON = (
    "PATH", "LANG", "TZ", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "NODE_AUTH_TOKEN", "NPM_TOKEN",
)  # fmt: skip
#: Settings of the person's that say where and how their own packages are installed.
_NOT_FOR_CONTAINERS = {"cache", "userconfig", "global", "location", "prefix", "dry_run", "workspace", "workspaces"}
_SECRET = re.compile(r"(?:_authToken|_auth|_password)\s*=\s*[\"']?([^\s\"']{4,})")
# What npm has to say about the machine's own settings, folders and program is no concern of a container.
_OWN_AFFAIRS = re.compile(
    r"^npm (?:warn Unknown (?:user|env|global|builtin|cli) config|verbose|verb|silly) .*\n",
    re.MULTILINE | re.IGNORECASE,
)
_MOST_OUTPUT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call of npm came to; 124 is the `exit_code` of one that took too long."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Npm:
    """`program` of that `version`; `registries` are the hosts of the machine's registry and of npm's default;
    `secrets` of the person whose machine it is, for texts to be cleared of; `settings`: a digest of theirs, for they
    too decide what an installation comes to.
    """

    program: str
    version: str
    registries: frozenset[str]
    secrets: tuple[str, ...]
    settings: str

    async def call(self, words: list[str], folder: Path, cache: Path, seconds: float) -> Outcome:
        """Call npm in a folder. Nothing secret of this machine is in what it said."""
        env = _environment(os.environ) | {"HOME": str(folder.parent), "NPM_CONFIG_CACHE": str(cache)}
        outcome = await _run([self.program, *words], folder, env, seconds)
        out, err = (self._cleared(text, folder, cache) for text in (outcome.stdout, outcome.stderr))
        return Outcome(outcome.exit_code, out, err)

    def _cleared(self, text: str, folder: Path, cache: Path) -> str:
        text = _OWN_AFFAIRS.sub("", text)
        for secret in self.secrets:
            text = text.replace(secret, "***")
        for path in (str(folder.resolve()), str(folder)):
            text = text.replace(f"{path}/", "").replace(path, ".")
        # The nearest name of each place: a cache may lie in the person's home.
        for place, name in ((cache, "~/.npm/"), (folder.parent, "~/"), (Path.home(), "~/")):
            text = text.replace(f"{str(place).rstrip('/')}/", name) if len(place.parts) > 1 else text
        return text


async def find(environ: Mapping[str, str]) -> Npm:
    """The npm on PATH. Raises Refused when there is none, or it does not work."""
    program = shutil.which("npm", path=environ.get("PATH", os.defpath))
    if program is None:
        raise Refused("npm is not installed on the machine of this sandbox: apt-get install npm")
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name)
        own = _environment(environ) | {"HOME": name}
        # Its default is what it says when it knows no settings at all.
        blank = {"PATH": environ.get("PATH", os.defpath), "HOME": name, "NPM_CONFIG_GLOBALCONFIG": f"{name}/none"}
        version, registry, default = await asyncio.gather(
            _said([program, "--version"], folder, own),
            _said([program, "config", "get", "registry"], folder, own),
            _said([program, "config", "get", "registry"], folder, blank),
        )
    return Npm(program, version, frozenset(map(host_of, (registry, default))), _secrets(environ), _digest(environ))


async def _said(words: list[str], folder: Path, env: Mapping[str, str]) -> str:
    outcome = await _run(words, folder, env, _QUESTION_SECONDS)
    if outcome.exit_code != 0 or not outcome.stdout.strip():
        raise Refused("npm on the machine of this sandbox does not work: call `npm --version` there")
    return outcome.stdout.strip().splitlines()[-1]


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What npm needs of this machine's environment: its settings, among them the person's own, and little else."""
    settings = {name for name in environ if name.lower().startswith("npm_config_")}
    settings -= {name for name in settings if name.lower().removeprefix("npm_config_") in _NOT_FOR_CONTAINERS}
    env = {name: value for name, value in environ.items() if name in _PASSED_ON or name in settings}
    mine = _user_settings(environ)
    return env | ({"NPM_CONFIG_USERCONFIG": str(mine)} if mine.is_file() else {})


def _user_settings(environ: Mapping[str, str]) -> Path:
    named = environ.get("NPM_CONFIG_USERCONFIG") or environ.get("npm_config_userconfig")
    return Path(named) if named else Path(environ.get("HOME") or "~").expanduser() / ".npmrc"


def _digest(environ: Mapping[str, str]) -> str:
    env = sorted((name, value) for name, value in _environment(environ).items() if name.lower().startswith("npm_"))
    try:
        text = _user_settings(environ).read_bytes()
    except OSError:
        text = b""
    return hashlib.sha256(repr(env).encode("utf-8", "surrogateescape") + text).hexdigest()


def _secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    found = [environ.get("NODE_AUTH_TOKEN", ""), environ.get("NPM_TOKEN", "")]
    found += [
        value for name, value in environ.items() if re.search("npm_config_.*(_auth|_password)", name, re.IGNORECASE)
    ]
    with contextlib.suppress(OSError):
        found += _SECRET.findall(_user_settings(environ).read_text(errors="replace"))
    return tuple(each for each in found if len(each) >= 4 and not each.startswith("${"))


async def _run(words: list[str], folder: Path, env: Mapping[str, str], seconds: float) -> Outcome:
    """Run a program and all that it starts; what is left of it after `seconds` is killed."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *words, cwd=folder, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True
    )
    try:
        async with asyncio.timeout(seconds):
            stdout, stderr = await child.communicate()
    except TimeoutError:
        return Outcome(124, "", f"npm error npm was stopped: it took longer than {seconds:g} s\n")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()
    assert child.returncode is not None  # noqa: S101 - waited for above
    out, err = (text[-_MOST_OUTPUT:].decode(errors="replace") for text in (stdout, stderr))
    return Outcome(child.returncode, out, err)
