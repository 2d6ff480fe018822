"""The endpoint's own certificate authority: for its names alone, its key kept only where it is asked for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cryptography import x509

from runner.embedded.e2b.front.certificates import Authority


def _root(authority: Authority) -> x509.Certificate:
    return x509.load_pem_x509_certificate(authority.certificate.read_bytes())


def test_the_authority_can_speak_for_loopback_names_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    limits = _root(authority).extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert {str(each.value) for each in limits.value.permitted_subtrees or ()} == {
        "e2b.localhost",
        "localhost",
        "127.0.0.0/8",
    }


def test_the_bundle_has_ours_and_those_of_the_machine(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    text = authority.bundle.read_bytes()
    assert text.startswith(authority.certificate.read_bytes())


def test_a_kept_authority_is_found_again_and_another_is_not(tmp_path: Path) -> None:
    first = _root(Authority(tmp_path / "kept", keep=True))
    assert _root(Authority(tmp_path / "kept", keep=True)) == first
    assert (tmp_path / "kept" / "authority.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "kept" / "authority.key").write_text("broken")
    assert _root(Authority(tmp_path / "kept", keep=True)) != first
    once = _root(Authority(tmp_path / "once"))
    assert _root(Authority(tmp_path / "once")) != once
    assert not (tmp_path / "once" / "authority.key").exists()


def test_a_certificate_is_renewed_before_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, leaf = Authority(tmp_path), tmp_path / "leaf.pem"
    context = authority.context()
    first = leaf.read_bytes()
    assert authority.context() is context
    assert leaf.read_bytes() == first
    later = time.time() + 5 * 24 * 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert authority.context() is context
    assert leaf.read_bytes() != first
