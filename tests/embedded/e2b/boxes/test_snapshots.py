"""Snapshots by id, name and tag."""

from __future__ import annotations

from runner.embedded.e2b.boxes.snapshots import Snapshots, full_name
from runner.embedded.e2b.templates import BASE


def test_a_snapshot_without_a_name_is_found_by_its_id() -> None:
    snapshots = Snapshots()
    one, two = (snapshots.add(BASE, "ibox") for _ in range(2))
    assert one.template.id != two.template.id
    assert full_name(one) == f"{one.template.id}:default"
    for name in (one.template.id, full_name(one)):
        assert snapshots.find(name) == one
    assert snapshots.find("base") is None
    assert snapshots.find(f"{one.template.id}:other") is None


def test_a_name_that_is_used_again_means_the_newest_build() -> None:
    snapshots = Snapshots()
    old = snapshots.add(BASE, "ione", "site", "default")
    tagged = snapshots.add(BASE, "itwo", "site", "v2")
    new = snapshots.add(BASE, "ithree", "site", "default")
    assert old.template.id == tagged.template.id == new.template.id
    assert [each.source for each in snapshots] == ["itwo", "ithree"]
    assert snapshots.find("site") == snapshots.find("site:default") == new
    assert snapshots.find("site:v2") == tagged
    assert full_name(tagged) == "site:v2"


def test_deleting_one_build_or_all() -> None:
    snapshots = Snapshots()
    for tag in ("default", "v2", "v3"):
        snapshots.add(BASE, "ibox", "site", tag)
    assert snapshots.delete("site:v2") is True
    assert snapshots.delete("site:v2") is False
    assert {each.tag for each in snapshots} == {"default", "v3"}
    assert snapshots.delete("site") is True
    assert not list(snapshots)


def test_what_was_kept_is_known() -> None:
    first = Snapshots()
    taken = first.add(BASE, "ibox", "site")
    again = Snapshots(first)
    assert again.find("site") == taken
    assert again.add(BASE, "iother", "site").template.id == taken.template.id
