"""What a credential looks like: by its beginning, by its structure, or by the key it stands under and its randomness.

Beginnings are those that the issuers document so that scanners can find leaked ones.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

from runner.records import dataclass

#: Beginning → what it is, and how many characters must follow. Longer beginnings first where one begins another.
_BEGINNINGS: dict[str, tuple[str, int]] = {
    "github_pat_": ("a GitHub token", 22),
    **dict.fromkeys(("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), ("a GitHub token", 36)),
    **dict.fromkeys(("glpat-", "gldt-", "glrt-", "glptt-", "glft-", "glcbt-"), ("a GitLab token", 20)),
    **dict.fromkeys(("xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"), ("a Slack token", 10)),
    **dict.fromkeys(("sk_live_", "rk_live_", "sk_test_", "rk_test_"), ("a Stripe key", 16)),
    "whsec_": ("a webhook secret", 24),
    "sk-ant-": ("an Anthropic key", 20),
    "sk-": ("an OpenAI key", 20),
    **dict.fromkeys(("AKIA", "ASIA"), ("an AWS access key", 16)),
    "AIza": ("a Google API key", 35),
    "ya29.": ("a Google access token", 20),
    "npm_": ("an npm token", 36),
    "pypi-": ("a PyPI token", 50),
    "hf_": ("a Hugging Face token", 30),
    "e2b_": ("an E2B key", 32),
    "dckr_pat_": ("a Docker token", 20),
    "dop_v1_": ("a DigitalOcean token", 40),
    "shpat_": ("a Shopify token", 32),
    "SG.": ("a SendGrid key", 40),
    "lin_api_": ("a Linear key", 32),
    "sntrys_": ("a Sentry token", 40),
    "PMAK-": ("a Postman key", 40),
    "hvs.": ("a Vault token", 24),
    "gsk_": ("a Groq key", 40),
    "r8_": ("a Replicate token", 30),
    "pplx-": ("a Perplexity key", 40),
    "pnu_": ("a Prefect key", 30),
    "AGE-SECRET-KEY-1": ("an age key", 40),
}
_FIRST = tuple(_BEGINNINGS)
_DIGITS_TOO = frozenset({"sk-", "hf_", "npm_", "SG.", "hvs.", "r8_"})  # short beginnings: words may begin so
_AWS = re.compile(r"A[KS]IA[A-Z0-9]{16}")
# Three parts in base64, the first two of JSON objects (RFC 7519).
_JWT = re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{5,}\.[\w-]{10,}")
_WORD = re.compile(r"(?<![A-Za-z0-9_.-])[A-Za-z0-9_.-]{20,}+")
#: What the name of a credential holds, in lower case and without underscores.
_KEYS = ("passw", "token", "secret", "apikey", "accesskey", "credential", "privatekey", "authkey", "encryptionkey")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RANDOM = re.compile(r"[A-Za-z0-9+/=_.~!@#%^&*-]{16,256}")
_LEAST_ENTROPY = 3.0  # bits per character of hexadecimal; words of a language in lower case stay below 3.6 here
_LEAST_ENTROPY_OF_WORDS = 3.6


@dataclass(frozen=True, slots=True)
class Credential:
    """Something that looks like a credential: what it is, its beginning when that tells nothing, and its place."""

    what: str
    shown: str
    start: int
    end: int


@cache
def _no_keys() -> re.Pattern[str]:
    """Keys that promise a credential and hold something about one: its digest, its name, where it is."""
    return re.compile(
        r"(?i)sha\d*|digest|hash|checksum|fingerprint|_(?:id|ids|name|file|path|url|uri|env|ttl|type|length|count|limit|"
        r"bytes|header|prefix|scope|issuer|version|field|key_ref|arn)$|public|max_?tokens|(?:^|_)tokens$|tokeni[sz]er"
    )


@cache
def _assigned() -> re.Pattern[str]:
    """A value that a shell text gives to a variable, with the name of the variable."""
    return re.compile(r"(?<![\w$.-])([A-Za-z_]\w*)=[\"']?([A-Za-z0-9+/=_.~!@#%^*-]{16,256})(?![\w$(])")


@cache
def _placeholder() -> re.Pattern[str]:
    """What people write where the real value belongs."""
    return re.compile(
        r"(?i)example|change.?me|your[-_ ]|placeholder|dummy|fake|redacted|replace|todo|insert|<[^>]*>|\*{3}|x{4}|"
        r"\.{3}|not-?a-?|sample|default|(.)\1{5}"
    )


@cache
def _structures() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    """A part that must be in the text, the pattern of the credential (its group), and what it is."""
    return (
        ("-----BEGIN", re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"), "a private key"),
        (
            "://",
            re.compile(
                r"\b[a-z][a-z0-9+.-]*://(?!([\w-]+):\1@)[^\s/@:'\"]*:(?!(?:password|secret|test|pass|guest|root)@)"
                r"([^\s/@'\"]{3,})@(?!localhost\b|127\.|\[::1\])[\w.\[-]"
            ),
            "a password in an address",
        ),
        ("hooks.slack.com", re.compile(r"hooks\.slack\.com/services/(T\w{6,}/B\w{6,}/\w{16,})"), "a Slack webhook"),
        ("earer ", re.compile(r"[Bb]earer ([\w.~+/=-]{20,})"), "a bearer token"),
        ("asic ", re.compile(r"[Aa]uthorization:? *[Bb]asic ([A-Za-z0-9+/]{12,}={0,2})"), "a password"),
        ("AccountKey=", re.compile(r"AccountKey=([A-Za-z0-9+/]{80,}={0,2})"), "an Azure storage key"),
        (
            "curl ",
            re.compile(r"\bcurl\s[^\n|;&]*?(?:-u|--user)[ =]?[\"']?[\w.@-]+:(?!\w{0,3}(?:[\"'\s]|$))([^\s\"'$`]{4,})"),
            "a password",
        ),
        (":AA", re.compile(r"\b(\d{8,10}:AA[\w-]{33})\b"), "a Telegram token"),
    )


def in_text(text: str) -> Iterator[Credential]:
    """What looks like a credential wherever it stands, with its offsets in the text."""
    taken = []
    for match in _assigned().finditer(text) if may_hold_keyed(text) else ():
        if keyed(match[1], match[2]) and _word(match[2], 0) is None:
            taken.append(match.span(2))
            yield Credential(f"a credential, the value of `{match[1]}`", "", *match.span(2))
    for found in _WORD.finditer(text):
        one = _word(found[0], found.start())
        if one is not None:
            taken.append((one.start, one.end))
            yield one
    for part, pattern, what in _structures():
        for match in pattern.finditer(text) if part in text else ():
            start, end = match.span(match.lastindex or 0)
            if _variable(match[match.lastindex or 0]) or any(start < last and first < end for first, last in taken):
                continue
            yield Credential(what, "", start, end)


def _word(word: str, at: int) -> Credential | None:
    stripped = word.lstrip("-._")
    start = at + len(word) - len(stripped)
    if stripped.startswith("eyJ") and _JWT.match(stripped):
        return Credential("a JSON web token", "eyJ", start, start + len(stripped))
    if not stripped.startswith(_FIRST):
        return None
    first = next(first for first in _FIRST if stripped.startswith(first))
    what, least = _BEGINNINGS[first]
    rest = stripped[len(first) :]
    if len(rest) < least or (first in ("AKIA", "ASIA") and not _AWS.fullmatch(stripped)):
        return None
    if first in _DIGITS_TOO and not re.search(r"\d", rest):
        return None
    return Credential(what, first, start, start + len(stripped))


def _variable(value: str) -> bool:
    """Whether a value only stands for one: a variable, an expression, a placeholder."""
    return value.startswith("$") or "${" in value or "%" in value[:1] or bool(_placeholder().search(value))


def may_hold_keyed(text: str) -> bool:
    """Whether a key that promises a credential stands anywhere in the text."""
    return _promises(text)


def _promises(text: str) -> bool:
    folded = text.lower().replace("_", "")  # plain words are found twenty times faster than a pattern
    return any(word in folded for word in _KEYS)


def keyed(key: str, value: str) -> bool:
    """Whether `value`, written under `key`, is a credential: the key says so, and the value looks random."""
    if not _promises(key) or _no_keys().search(key) or not _RANDOM.fullmatch(value):
        return False
    if _variable(value) or _UUID.fullmatch(value) or value.startswith(("/", "./", "../", "~", "sha256-", "sha512-")):
        return False
    if not (re.search(r"\d", value) and re.search(r"[A-Za-z]", value)):
        return False
    hexadecimal = re.fullmatch(r"[0-9a-fA-F]+", value) is not None
    return entropy(value) >= (_LEAST_ENTROPY if hexadecimal else _LEAST_ENTROPY_OF_WORDS)


def entropy(value: str) -> float:
    """Shannon's entropy of the characters, in bits per character."""
    size = len(value)
    return -sum(count / size * math.log2(count / size) for count in Counter(value).values())
