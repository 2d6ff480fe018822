"""What is taken for a credential, and what is not; the tokens are made up."""

from __future__ import annotations

import hashlib

import pytest

from runner.compiler.compile import check
from runner.compiler.rules.secrets.credentials import entropy, in_text, keyed

RANDOM = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"x github_pat_{RANDOM}", "a GitHub token"),
        (f"--token=ghs_{RANDOM[:36]}", "a GitHub token"),
        (f"xoxb-123456789012-{RANDOM[:24]}", "a Slack token"),
        (f"'rk_live_{RANDOM[:24]}'", "a Stripe key"),
        (f"AIza{RANDOM[:35]}", "a Google API key"),
        (f"hf_{RANDOM[:34]}", "a Hugging Face token"),
        ("e2b_" + "0123456789abcdef" * 2, "an E2B key"),
        (f"hvs.{RANDOM[:30]}", "a Vault token"),
        (f"-SG.{RANDOM[:22]}.{RANDOM[:43]}", "a SendGrid key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "a private key"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "a private key"),
        ("postgres://app:geheim12@db.internal:5432/app", "a password in an address"),
        ("Authorization: Basic cm9ib3Q6U3VwM3JHZWhlaW0=", "a password"),
        (f"AccountName=a;AccountKey={RANDOM}{RANDOM[:34]}==", "an Azure storage key"),
        (f"bot 1234567890:AA{RANDOM[:33]} ", "a Telegram token"),
    ],
)
def test_credentials_are_known_by_beginning_and_structure(text: str, what: str) -> None:
    (one,) = in_text(text)
    assert one.what == what
    spec = f"spec: 1\nname: demo\nsteps:\n  a:\n    run: |\n      {text}\n"
    told = [found for found in check(spec.encode(), "a.yaml") if found.code == "credential-literal"]
    assert [found.span.line for found in told] == [6]
    value = text[one.start : one.end]
    assert value not in told[0].message + told[0].hint


@pytest.mark.parametrize(
    "text",
    [
        hashlib.sha256(b"x").hexdigest(),
        "sha512-" + RANDOM,
        "0b5e9f2c-8c1d-4b6a-9d3e-7f2a1c4b5d6e",
        "https://user:$PASSWORD@host.example",
        "https://user:${{ inputs.x }}@host.example",
        "https://user:<password>@host.example",
        "https://host.example:8080/a@b",
        "https://user:password-placeholder@host",
        "postgres://postgres:postgres@db:5432/test",
        "redis://:s3cr3tOfNobody@localhost:6379/0",
        "amqp://app:password@rabbit",
        'export API_TOKEN=$(cat token) OTHER_TOKEN="${X}" MAX_TOKENS=40960000000000001',
        "TOKEN_FILE=/run/secrets/token_file_of_app2 ./x --token-ttl=10000000000000a0000",
        'curl -u "$USER:$PASS" a; curl -u ci:ci b; curl --user $U:$P c; curl -u name: d',
        "Authorization: Bearer $TOKEN_OF_SOMETHING",
        "Authorization: Bearer your-token-goes-here-please",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "AKIA-is-how-they-begin-here",
        "sk-learn-pipelines-are-very-long-words",
        "eyJust-a-word-that-begins-like-it",
        "ghp_short",
        "npm_config_registry_and_other_things_too_long",
    ],
)
def test_what_only_resembles_a_credential_is_none(text: str) -> None:
    assert list(in_text(text)) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("API_KEY", "4f9c2b7e81d36a05c4e9f27b18d3a6c0"),
        ("db_password", "x7Kp2mQ9vR4tZ8wL"),
        ("clientSecret", "Zk3~vP9_qL7mN2xR8tB4wY6c"),
        ("AUTH_TOKEN", "tok-9fK2qLxWz7RtYb4NcV"),
    ],
)
def test_a_random_value_under_a_telling_key_is_one(key: str, value: str) -> None:
    assert keyed(key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "x7Kp2mQ9vR4tZ8wL"),
        ("TOKEN_SHA256", "4f9c2b7e81d36a05c4e9f27b18d3a6c0"),
        ("token_id", "x7Kp2mQ9vR4tZ8wL"),
        ("MAX_TOKENS", "1234567890123456"),
        ("password", "short1"),
        ("password", "correct horse battery staple 1"),
        ("password", "onlylowercaseletters"),
        ("token", "aaaaaaaaaaaaaaaa1"),
        ("token", "${TOKEN_FROM_ELSEWHERE1}"),
        ("token", "$TOKEN_FROM_ELSEWHERE1"),
        ("token", "your-token-1234567890"),
        ("secret", "/run/secrets/db-password-2024"),
        ("secret", "0b5e9f2c-8c1d-4b6a-9d3e-7f2a1c4b5d6e"),
        ("secret", "test-test-test-1-test"),
        ("api_key", "1111111111111111111a"),
    ],
)
def test_a_plain_value_or_an_innocent_key_is_none(key: str, value: str) -> None:
    assert not keyed(key, value)


def test_a_default_belongs_to_its_input_and_a_variables_name_is_no_value() -> None:
    spec = "spec: 1\nname: demo\ninputs: {token: {type: string, default: x7Kp2mQ9vR4tZ8wL}}\n"
    spec += "secrets: {s: {env: AUTH_TOKEN_X7KP2MQ9VR4T}}\n"
    spec += "steps: {a: {run: 'echo ${{ inputs.token }}', env: {S: '${{ secrets.s }}'}}}\n"
    assert [(one.code, one.span.line) for one in check(spec.encode(), "a.yaml")] == [("credential-literal", 3)]


def test_entropy_is_counted_in_bits_per_character() -> None:
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2
    assert entropy("0123456789abcdef") == 4
