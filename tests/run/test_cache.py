"""Results taken from earlier runs: when, when not, and that both are explained."""

from __future__ import annotations

import json

import pytest

from runner.run.filehash import hash_files

SPEC = """
spec: 1
name: cached
inputs: {salt: {type: string, default: a}}
steps:
  build:
    run: |
      echo built; echo "size=7" >> "$RUNNER_OUTPUT"; echo data > out.txt
    outputs: {size: {type: integer}, out: {artifact: out.txt}}
    cache: {key: "v1-${{ inputs.salt }}", ttl: 1h}
  use: {run: 'cat ${{ steps.build.outputs.out }}/out.txt; echo ${{ steps.build.outputs.size }}'}
"""


def built(lab):
    return [text for key, _, text in lab.text if key == "build"].count("built\n")


def test_the_second_run_takes_the_outputs_and_artifacts_of_the_first(lab):
    first = lab.play(SPEC)
    second = lab.play(SPEC)
    assert first.state == second.state == "succeeded"
    assert built(lab) == 1
    assert second.step("build")["outputs"] == {"size": 7}
    assert "".join(text for key, _, text in lab.text if key == "use") == "data\n7\n" * 2
    (told,) = second.of("step.cached")
    assert (told.data["run"], told.data["leg"], told.data["key"]) == (first.report.run, "build", "v1-a")
    assert told.data["workflow"] == "cached"
    assert second.step("build")["cached"] == {"run": first.report.run, "leg": "build"}
    assert second.step("build")["provider"] is None
    assert second.report.artifacts["build/out"]["digest"] == first.report.artifacts["build/out"]["digest"]
    assert first.of("step.missed")[0].data["reason"] == "no earlier run has a result for this key"
    kept = next(event for event in first.of("step.succeeded") if event.step == "build").data["cache"]
    assert kept == {"kept": True, "key": "v1-a", "reason": ""}


def test_no_box_is_made_when_everything_comes_from_the_cache(lab):
    text = SPEC[: SPEC.index("  use:")]
    lab.play(text)
    before = len(lab.providers["e2b"].made)
    assert lab.play(text).state == "succeeded"
    assert len(lab.providers["e2b"].made) == before


def test_another_key_another_result(lab):
    lab.play(SPEC)
    lab.play(SPEC, {"salt": "b"})
    assert built(lab) == 2


@pytest.mark.parametrize(
    "change",
    [
        ("echo built;", "echo built; true;"),
        ("    cache:", "    env: {X: y}\n    cache:"),
        ("    cache:", "    cwd: .\n    cache:"),
        ("out.txt\n    outputs", "out.txt #\n    outputs"),
        ("name: cached", "name: other"),
    ],
)
def test_what_a_step_does_is_part_of_its_key(lab, change):
    lab.play(SPEC)
    lab.play(SPEC.replace(*change))
    assert built(lab) == 2


VALUES = """
spec: 1
name: values
inputs: {who: {type: string, default: ada}, file: {type: string, default: one}}
secrets: {token: {env: TOKEN}}
steps:
  make:
    run: 'echo ${{ inputs.file }} > made.txt; echo "length=3" >> "$RUNNER_OUTPUT"'
    outputs: {made: {artifact: made.txt}, length: {type: integer}}
  build:
    run: 'echo built for ${{ inputs.who }}; cat ${{ steps.make.outputs.made }}/made.txt'
    env: {TOKEN: "${{ secrets.token }}", LENGTH: "${{ steps.make.outputs.length }}"}
    cache: {key: v1}
"""


@pytest.mark.parametrize("inputs", [{"who": "grace"}, {"file": "two"}], ids=["an expression", "an artifact"])
def test_the_values_a_step_works_with_are_part_of_its_key(lab, inputs):
    lab.environ = {"TOKEN": "tok-one"}
    lab.play(VALUES)
    assert lab.play(VALUES).of("step.cached")
    assert [event.step for event in lab.play(VALUES, inputs).of("step.missed")] == ["build"]


def test_a_new_secret_is_no_reason_to_do_the_work_again(lab):
    for token in ("tok-one", "tok-two"):
        lab.environ = {"TOKEN": token}
        done = lab.play(VALUES)
    assert [event.step for event in done.of("step.cached")] == ["build"]


def test_a_step_that_knows_its_run_is_never_taken_from_another(lab):
    text = VALUES.replace("echo built for ${{ inputs.who }}", "echo ${{ run.id }}")
    lab.environ = {"TOKEN": "tok-one"}
    lab.play(text)
    assert lab.play(text).of("step.missed")


def test_titles_timeouts_and_order_are_not(lab):
    lab.play(SPEC)
    lab.play(SPEC.replace("    cache:", "    title: Other\n    timeout: 1m\n    priority: 3\n    cache:"))
    assert built(lab) == 1


def test_a_result_that_is_too_old_is_not_taken(lab):
    lab.play(SPEC)
    lab.clock.time += 3600
    second = lab.play(SPEC)
    assert built(lab) == 2
    assert "is older than 3600 seconds" in second.of("step.missed")[0].data["reason"]


def test_a_result_of_the_future_is_not_taken(lab):
    lab.play(SPEC)
    lab.clock.time -= 86400
    lab.play(SPEC)
    assert built(lab) == 2


@pytest.mark.parametrize("how", ["missing", "changed"])
def test_an_artifact_that_is_not_whole_is_a_miss(lab, how):
    first = lab.play(SPEC)
    path = lab.folder / "state" / "artifacts" / f"{first.report.artifacts['build/out']['digest']}.tar"
    path.unlink() if how == "missing" else path.write_bytes(b"other")
    second = lab.play(SPEC)
    assert built(lab) == 2
    assert f"the artifact out of run {first.report.run} is not whole" in second.of("step.missed")[0].data["reason"]
    assert second.state == "succeeded"


def test_a_broken_entry_is_a_miss(lab):
    lab.play(SPEC)
    (entry,) = (lab.folder / "state" / "cache").iterdir()
    entry.write_text("{")
    second = lab.play(SPEC)
    assert "cannot be read" in second.of("step.missed")[0].data["reason"]


def test_failures_are_not_kept(lab):
    text = SPEC.replace("echo built;", "echo built; exit 1;").replace("cache:", "retry: {attempts: 1}\n    cache:")
    lab.play(text)
    lab.play(text)
    assert built(lab) == 2


def test_each_leg_has_a_result_of_its_own(lab):
    text = """
spec: 1
name: legs
steps:
  m:
    matrix: {n: [1, 2]}
    run: echo "n=${{ matrix.n }}" >> "$RUNNER_OUTPUT"
    outputs: {n: {type: integer}}
    cache: {key: same}
  each:
    for_each: {items: [x, y]}
    run: printf 'n="%s"\\n' ${{ item }} >> "$RUNNER_OUTPUT"
    outputs: {n: {type: string}}
    cache: {key: same}
"""
    lab.play(text)
    second = lab.play(text)
    assert len(second.of("step.cached")) == 4
    assert [second.step(f"m[n={n}]")["outputs"]["n"] for n in (1, 2)] == [1, 2]
    assert second.step("each")["outputs"] == {"n": ["x", "y"]}


def test_a_key_that_cannot_be_evaluated_fails_the_step(lab):
    done = lab.play(SPEC.replace('"v1-${{ inputs.salt }}"', "\"${{ hash('nothing/*.txt') }}\""))
    assert done.step("build")["error_class"] == "expression"
    assert "hash('nothing/*.txt') matches no file" in done.step("build")["message"]
    assert lab.text == []


def test_the_key_may_hash_host_files_beside_the_spec(lab):
    (lab.folder / "lock.json").write_text("1")
    text = SPEC.replace('"v1-${{ inputs.salt }}"', "\"${{ hash('*.json') }}\"")
    lab.play(text)
    lab.play(text)
    assert built(lab) == 1
    (lab.folder / "lock.json").write_text("2")
    lab.play(text)
    assert built(lab) == 2


def test_outputs_that_hold_a_secret_are_not_kept(lab):
    lab.environ = {"TOKEN": "canary-in-the-cache"}
    text = """
spec: 1
name: secret
secrets: {token: {env: TOKEN}}
steps:
  a:
    env: {T: '${{ secrets.token }}'}
    run: printf 't="%s"\\n' "$T" >> "$RUNNER_OUTPUT"
    outputs: {t: {type: string}}
    cache: {key: k}
"""
    first, second = lab.play(text), lab.play(text)
    told = first.of("step.succeeded")[0].data["cache"]
    assert told == {"kept": False, "key": "k", "reason": "its outputs hold a secret"}
    assert second.of("step.cached") == []
    assert not (lab.folder / "state" / "cache").exists()


def test_a_workflow_below_may_come_from_the_cache(lab):
    child = "spec: 1\nname: c\nsteps: {a: {run: echo x > f, outputs: {f: {artifact: f}}}}\n"
    child += "outputs: {f: {value: '${{ steps.a.outputs.f }}'}, n: {value: '${{ 1 + 1 }}'}}\n"
    text = "spec: 1\nname: p\nsteps:\n  go: {workflow: c.yaml, cache: {key: k}}\n"
    text += "  use: {run: 'cat ${{ steps.go.outputs.f }}/f; echo ${{ steps.go.outputs.n }}'}\n"
    lab.play(text, files={"c.yaml": child})
    second = lab.play(text, files={"c.yaml": child})
    assert second.step("go")["child"] is None
    assert "".join(text for key, _, text in lab.text if key == "use") == "x\n2\n" * 2
    third = lab.play(text, files={"c.yaml": child.replace("echo x", "echo y")})
    assert third.step("go")["child"] is not None


def test_a_result_that_cannot_be_written_ends_the_run(lab):
    (lab.folder / "state").mkdir()
    (lab.folder / "state" / "cache").write_text("in the way")
    from runner.errors import StoreError

    with pytest.raises(StoreError):
        lab.play(SPEC)


# ---------------------------------------------------------------- hashes of files


def tree(folder, **files):
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_a_hash_depends_on_names_and_contents_alone(tmp_path):
    tree(tmp_path / "one", a_dot_txt="1", sub__b_dot_txt="2")
    tree(tmp_path / "two", sub__b_dot_txt="2", a_dot_txt="1")
    first = hash_files(tmp_path / "one", "**")
    assert first == hash_files(tmp_path / "two", "**")
    tree(tmp_path / "two", a_dot_txt="other")
    assert first != hash_files(tmp_path / "two", "**")
    tree(tmp_path / "three", c_dot_txt="1", sub__b_dot_txt="2")
    assert first != hash_files(tmp_path / "three", "**")


def test_patterns_of_a_hash(tmp_path):
    tree(tmp_path, a_dot_txt="1", sub__b_dot_txt="2", sub__deep__c_dot_txt="3", node_modules__x="4")
    (tmp_path / "link").symlink_to(tmp_path / "sub")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    everything = hash_files(tmp_path, "**")
    assert hash_files(tmp_path, "sub") == hash_files(tmp_path, "sub/**")
    assert len({hash_files(tmp_path, each) for each in ("a.txt", "*.txt", "sub/*.txt", "**/*.txt", "sub/**")}) == 4
    assert hash_files(tmp_path, "a.txt") == hash_files(tmp_path, "./a.txt")
    (tmp_path / "node_modules" / "x").write_text("changed")
    assert hash_files(tmp_path, "**") == everything


def test_a_hash_over_nothing_is_an_error(tmp_path):
    for pattern in ("none.txt", "*.none", "none/**"):
        with pytest.raises(ValueError, match="matches no file"):
            hash_files(tmp_path, pattern)


def test_a_hash_over_what_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    tree(tmp_path, a="1")

    def refuse(*args):
        raise PermissionError(13, "Permission denied", "a")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(ValueError, match=r"hash\('a'\): a cannot be read: Permission denied"):
        hash_files(tmp_path, "a")


def test_entries_name_the_run_they_come_from(lab):
    first = lab.play(SPEC)
    (entry,) = (lab.folder / "state" / "cache").iterdir()
    assert json.loads(entry.read_text())["hit"]["run"] == first.report.run
