"""The formats that other programs read: annotations of GitHub, JUnit XML, SARIF."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from runner.compiler.diagnostic import Diagnostic, Fix, Related, Severity, Span
from runner.compiler.renderers import RENDERERS, Report

PATH = "specs/a b.yaml"
HERE = Span(PATH, 2, 4, 2, 7)
FOUND = Diagnostic("some-code", Severity.ERROR, "it is wrong", HERE, "do it")
WARNING = Diagnostic("other-code", Severity.WARNING, "50% sure: maybe, or\nnot", Span(PATH, 1, 1, 3, 2))
REPORT = Report((WARNING, FOUND), {}, 2, (PATH, "specs/ok.yaml"))


def test_github_gets_one_command_a_finding_and_the_summary() -> None:
    assert RENDERERS["github"](REPORT).splitlines() == [
        "::warning file=specs/a b.yaml,line=1,endLine=3,col=1,title=runner%3A other-code::50%25 sure: maybe, or%0Anot",
        "::error file=specs/a b.yaml,line=2,endLine=2,col=4,endColumn=7,title=runner%3A some-code"
        "::it is wrong%0Ahint: do it",
        "2 files checked: 1 error, 1 warning",
    ]


def test_no_path_can_forge_a_command_of_github() -> None:
    found = Diagnostic("c", Severity.INFO, "m\n::error::no", Span("a,line=9\n::set-env::b", 1, 1, 1, 2))
    lines = RENDERERS["github"](Report((found,))).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("::notice file=a%2Cline=9%0A%3A%3Aset-env%3A%3Ab,line=1,")


def test_junit_has_a_suite_a_file_and_a_failure_a_finding_that_counts() -> None:
    root = ElementTree.fromstring(RENDERERS["junit"](REPORT))
    assert (root.get("tests"), root.get("failures")) == ("3", "1")
    bad, good = root
    assert (bad.get("name"), bad.get("tests"), bad.get("failures")) == (PATH, "2", "1")
    warned, failed = bad
    assert [child.tag for child in warned] == ["system-out"]
    assert [child.tag for child in failed] == ["failure"]
    assert (failed.get("name"), failed.get("line")) == ("some-code at 2:4", "2")
    assert failed[0].get("message") == "it is wrong"
    assert "hint: do it" in (failed[0].text or "")
    assert [(case.get("name"), len(case)) for case in good] == [("valid", 0)]


def test_junit_counts_warnings_as_failures_where_they_fail_the_command() -> None:
    strict = frozenset({Severity.ERROR, Severity.WARNING})
    root = ElementTree.fromstring(RENDERERS["junit"](Report((WARNING, FOUND), {}, 1, (PATH,), strict)))
    assert root.get("failures") == "2"


@given(st.text(), st.text(min_size=1))
def test_junit_is_xml_whatever_a_finding_says(message: str, path: str) -> None:
    found = Diagnostic("c", Severity.ERROR, message, Span(path, 1, 1, 1, 1))
    root = ElementTree.fromstring(RENDERERS["junit"](Report((found,), {}, 1, (path,))))
    assert root.get("failures") == "1"


def test_sarif_names_rules_places_fixes_and_related_places() -> None:
    fix = Fix("replace it by `b`", HERE, "b")
    found = Diagnostic("some-code", Severity.INFO, "it is wrong", HERE, "do it", (Related("here", HERE),), fix)
    (run,) = json.loads(RENDERERS["sarif"](Report((found,), {}, 1, (PATH,))))["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["some-code"]
    (result,) = run["results"]
    location = {"uri": "specs/a%20b.yaml", "uriBaseId": "%SRCROOT%"}
    region = {"startLine": 2, "startColumn": 4, "endLine": 2, "endColumn": 7}
    place = {"artifactLocation": location, "region": region}
    assert result["level"] == "note"
    assert result["message"] == {"text": "It is wrong. Do it."}
    assert result["locations"] == [{"physicalLocation": place}]
    assert result["relatedLocations"] == [{"id": 0, "message": {"text": "Here."}, "physicalLocation": place}]
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["artifactLocation"] == location
    assert change["replacements"] == [{"deletedRegion": region, "insertedContent": {"text": "b"}}]


def fingerprints(*found: Diagnostic) -> list[str]:
    results = json.loads(RENDERERS["sarif"](Report(found)))["runs"][0]["results"]
    return [result["partialFingerprints"]["runnerFinding/v1"] for result in results]


def test_sarif_carries_the_section_of_each_check() -> None:
    found = Diagnostic("needs-unknown", Severity.ERROR, "it is wrong", HERE)
    (rule,) = json.loads(RENDERERS["sarif"](Report((found,))))["runs"][0]["tool"]["driver"]["rules"]
    assert rule["shortDescription"] == {"text": "`after` names a step that does not exist."}
    assert "after: [biuld]" in rule["help"]["markdown"]


def test_a_fingerprint_survives_a_move_and_tells_equal_findings_apart() -> None:
    moved = Diagnostic("some-code", Severity.ERROR, "it is wrong", Span(PATH, 9, 1, 9, 2))
    first, second = fingerprints(FOUND, moved)
    assert first != second
    assert fingerprints(moved) == [first]


def test_an_absolute_path_is_a_file_uri_and_a_leading_dot_is_left_out() -> None:
    found = [Diagnostic("c", Severity.ERROR, "m", Span(path, 1, 1, 1, 1)) for path in ("/x/a.yaml", "./b.yaml")]
    results = json.loads(RENDERERS["sarif"](Report(tuple(found))))["runs"][0]["results"]
    locations = [result["locations"][0]["physicalLocation"]["artifactLocation"] for result in results]
    assert locations == [{"uri": "file:///x/a.yaml"}, {"uri": "b.yaml", "uriBaseId": "%SRCROOT%"}]
