from __future__ import annotations

import stat
from pathlib import Path

import pytest

from runner.errors import JournalBroken, UsageError
from runner.store.signature import Checker, Signer, make_key


def test_a_signature_fits_its_text_and_its_key_only(tmp_path: Path) -> None:
    public = make_key(tmp_path / "key")
    other = make_key(tmp_path / "other")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    name, signature = Signer(tmp_path / "key")(b"text")
    assert Checker(public)(name, signature, b"text") == f"signed by {name}"
    assert "only --key FILE.pub can tell" in Checker(None)(name, signature, b"text")
    with pytest.raises(JournalBroken, match="signed by another key"):
        Checker(other)(name, signature, b"text")
    for wrong in ((name, signature, b"texts"), (name, "AAAA", b"text"), ("ed25519:zz", signature, b"text")):
        with pytest.raises(JournalBroken, match="not that of the seal"):
            Checker(None)(*wrong)


def test_nobody_signed(tmp_path: Path) -> None:
    public = make_key(tmp_path / "key")
    assert Checker(None)("", "", b"text") == ""
    for checker in (Checker(public), Checker(None)):
        with pytest.raises(JournalBroken, match="not signed"):
            checker("", "AAAA", b"text")


def test_a_key_is_never_overwritten_and_a_wrong_file_is_no_key(tmp_path: Path) -> None:
    public = make_key(tmp_path / "key")
    with pytest.raises(UsageError, match="exists already"):
        make_key(tmp_path / "key")
    for file in (public, tmp_path / "missing"):
        with pytest.raises(UsageError, match="no private Ed25519 key"):
            Signer(file)
    for file in (tmp_path / "key", tmp_path / "missing"):
        with pytest.raises(UsageError, match="no public Ed25519 key"):
            Checker(file)
