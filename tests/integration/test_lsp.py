"""The language server as an editor meets it: a real client over standard input and output."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

pytestmark = [pytest.mark.integration, pytest.mark.asyncio]

SPEC = """\
spec: 1
name: demo
title: "😀 größe"
inputs:
  target: {type: string, enum: [dev, prod], default: dev}
sandboxes:
  py: {needs: {runtime: python}, prefer: [e2b]}
steps:
  build:
    title: Build
    sandbox: py
    run: echo "${{ inputs.target }}"
    outputs: {size: {type: integer}}
  test: {after: [build], run: 'echo "😀" ${{ steps.build.outputs.size }}'}
"""


class Editor:
    """An editor with one folder open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = LanguageClient("test", "1")
        self.published: dict[str, list[types.PublishDiagnosticsParams]] = {}
        self.news = asyncio.Event()
        self.version = 0
        self.watched: list[object] = []

        @self.client.feature(types.CLIENT_REGISTER_CAPABILITY)
        def registered(_client: LanguageClient, params: types.RegistrationParams) -> None:
            self.watched += [one.method for one in params.registrations]
            self.news.set()

        @self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def published(_client: LanguageClient, params: types.PublishDiagnosticsParams) -> None:
            self.published.setdefault(params.uri, []).append(params)
            self.news.set()

    async def start(self, encodings: list[types.PositionEncodingKind | str] | None = None) -> types.InitializeResult:
        await self.client.start_io(sys.executable, "-m", "runner", "lsp")
        general = types.GeneralClientCapabilities(position_encodings=encodings)
        folder = types.WorkspaceFolder(self.folder.as_uri(), "folder")
        result = await self.client.initialize_async(
            types.InitializeParams(
                types.ClientCapabilities(
                    types.WorkspaceClientCapabilities(
                        did_change_watched_files=types.DidChangeWatchedFilesClientCapabilities(
                            dynamic_registration=True
                        )
                    ),
                    general=general,
                ),
                workspace_folders=[folder],
            )
        )
        self.client.initialized(types.InitializedParams())
        return result

    def uri(self, name: str = "a.yaml") -> str:
        return (self.folder / name).as_uri()

    def open(self, text: str, name: str = "a.yaml") -> None:
        item = types.TextDocumentItem(self.uri(name), "yaml", 0, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def change(self, text: str, name: str = "a.yaml") -> None:
        self.version += 1
        document = types.VersionedTextDocumentIdentifier(self.version, self.uri(name))
        change = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    async def findings(self, version: int | None = None, name: str = "a.yaml") -> list[types.Diagnostic]:
        """The findings of a version, by default the newest."""
        wanted = self.version if version is None else version
        async with asyncio.timeout(20):
            while True:
                for one in self.published.get(self.uri(name), []):
                    if one.version == wanted:
                        return list(one.diagnostics)
                self.news.clear()
                await self.news.wait()

    def document(self, name: str = "a.yaml") -> types.TextDocumentIdentifier:
        return types.TextDocumentIdentifier(self.uri(name))


@pytest_asyncio.fixture
async def editor(tmp_path: Path) -> AsyncIterator[Editor]:
    one = Editor(tmp_path)
    yield one
    await one.client.shutdown_async(None)
    one.client.exit(None)
    await one.client.stop()


def at(text: str, needle: str, offset: int = 0) -> types.Position:
    """The position of a text, in UTF-16 units."""
    index = text.index(needle) + offset
    line = text.count("\n", 0, index)
    before = text[text.rfind("\n", 0, index) + 1 : index]
    return types.Position(line, len(before.encode("utf-16-le")) // 2)


async def test_findings_follow_what_is_written(editor: Editor) -> None:
    await editor.start()
    editor.open(SPEC)
    assert await editor.findings() == []
    wrong = SPEC.replace("after: [build]", "after: [biuld]")
    editor.change(wrong)
    [found] = await editor.findings()
    assert (found.code, found.severity) == ("needs-unknown", types.DiagnosticSeverity.Error)
    assert "did you mean `build`?" in found.message
    assert found.range.start == at(wrong, "biuld")
    assert found.code_description is not None
    assert found.code_description.href.endswith("docs/checks.md#needs-unknown")
    editor.change(SPEC + "agents: {ann: {human: true}}\n")
    [unused] = await editor.findings()
    assert list(unused.tags or ()) == [types.DiagnosticTag.Unnecessary]


async def test_other_yaml_files_are_left_alone(editor: Editor) -> None:
    await editor.start()
    editor.open("services: {web: {image: x}}\n")
    assert await editor.findings() == []
    params = types.HoverParams(editor.document(), types.Position(0, 2))
    assert await editor.client.text_document_hover_async(params) is None


async def test_only_the_last_of_many_quick_changes_counts(editor: Editor) -> None:
    await editor.start()
    editor.open(SPEC)
    await editor.findings()
    for end in range(1, 30):
        editor.change(SPEC + "# " + "x" * end)
    assert await editor.findings() == []
    versions = [one.version for one in editor.published[editor.uri()]]
    assert versions[-1] == 29
    assert versions == sorted(versions, key=lambda version: version or 0)
    assert len(versions) < 30


async def test_positions_are_in_the_units_that_were_agreed(editor: Editor) -> None:
    result = await editor.start([types.PositionEncodingKind.Utf8, types.PositionEncodingKind.Utf16])
    encoding = result.capabilities.position_encoding
    text = SPEC.replace("outputs.size }}", "outputs.sise }}")
    editor.open(text)
    [found] = await editor.findings()
    line = text.splitlines()[found.range.start.line]
    unit, width = ("utf-8", 1) if encoding == types.PositionEncodingKind.Utf8 else ("utf-16-le", 2)
    before = line[: line.index("sise")]
    assert found.range.end.character == len((before + "sise").encode(unit)) // width


async def test_completion_hover_and_hints(editor: Editor) -> None:
    await editor.start()
    editor.open(SPEC)
    text = SPEC.replace("steps.build.outputs.size }}", "steps.build.outputs.")
    editor.change(text)
    place = at(text, "build.outputs.", len("build.outputs."))
    found = await editor.client.text_document_completion_async(types.CompletionParams(editor.document(), place))
    assert isinstance(found, types.CompletionList)
    assert [item.label for item in found.items] == ["size"]
    edit = found.items[0].text_edit
    assert isinstance(edit, types.TextEdit)
    assert edit.range == types.Range(place, place)
    editor.change(SPEC)
    hover = await editor.client.text_document_hover_async(
        types.HoverParams(editor.document(), at(SPEC, "inputs.target", 9))
    )
    assert hover is not None
    assert isinstance(hover.contents, types.MarkupContent)
    assert '"dev" | "prod"' in hover.contents.value
    whole = types.Range(types.Position(0, 0), types.Position(99, 0))
    hints = await editor.client.text_document_inlay_hint_async(types.InlayHintParams(editor.document(), whole))
    assert hints is not None
    assert any("→ e2b" in str(hint.label) for hint in hints)


async def test_definition_references_and_rename(editor: Editor) -> None:
    await editor.start()
    editor.open(SPEC)
    place = at(SPEC, "steps.build.outputs", 7)
    found = await editor.client.text_document_definition_async(types.DefinitionParams(editor.document(), place))
    assert isinstance(found, types.Location)
    assert found.range.start == at(SPEC, "build:")
    places = await editor.client.text_document_references_async(
        types.ReferenceParams(types.ReferenceContext(include_declaration=True), editor.document(), place)
    )
    assert places is not None
    assert len(places) == 3
    marked = await editor.client.text_document_document_highlight_async(
        types.DocumentHighlightParams(editor.document(), place)
    )
    assert [one.range for one in marked or ()] == [one.range for one in places]
    prepared = await editor.client.text_document_prepare_rename_async(
        types.PrepareRenameParams(editor.document(), place)
    )
    assert isinstance(prepared, types.PrepareRenamePlaceholder)
    assert prepared.placeholder == "build"
    edit = await editor.client.text_document_rename_async(types.RenameParams(editor.document(), place, "make"))
    assert edit is not None
    assert edit.changes is not None
    assert {change.new_text for change in edit.changes[editor.uri()]} == {"make"}
    with pytest.raises(JsonRpcException, match="another step"):
        await editor.client.text_document_rename_async(types.RenameParams(editor.document(), place, "test"))


async def test_outline_folds_fixes_and_format(editor: Editor) -> None:
    await editor.start()
    text = SPEC.replace("after: [build]", "aftr: [build]").replace("run: echo", "run:   echo")
    editor.open(text)
    outline = await editor.client.text_document_document_symbol_async(types.DocumentSymbolParams(editor.document()))
    assert outline is not None
    steps = next(one for one in outline if one.name == "steps")
    assert isinstance(steps, types.DocumentSymbol)
    assert [child.name for child in steps.children or ()] == ["build", "test"]
    folds = await editor.client.text_document_folding_range_async(types.FoldingRangeParams(editor.document()))
    assert folds
    line = types.Range(at(text, "aftr"), at(text, "aftr"))
    context = types.CodeActionContext([])
    actions = await editor.client.text_document_code_action_async(
        types.CodeActionParams(editor.document(), line, context)
    )
    kinds = {action.kind for action in actions or () if isinstance(action, types.CodeAction)}
    assert kinds == {types.CodeActionKind.QuickFix, "source.fixAll.runner"}
    edits = await editor.client.text_document_formatting_async(
        types.DocumentFormattingParams(editor.document(), types.FormattingOptions(2, insert_spaces=True))
    )
    assert edits is not None
    assert "    run: echo" in edits[0].new_text


async def test_an_open_text_wins_over_its_file(editor: Editor) -> None:
    child = "spec: 1\nname: child\ninputs: {n: {type: integer}}\nsteps: {a: {run: 'echo ${{ inputs.n }}'}}\n"
    parent = "spec: 1\nname: demo\nsteps: {a: {workflow: ./child.yaml, with: {n: 1}}}\n"
    (editor.folder / "child.yaml").write_text(child)
    await editor.start()
    editor.open(parent)
    assert await editor.findings() == []
    editor.open(child.replace("integer", "string"), "child.yaml")
    await editor.findings(0, "child.yaml")
    editor.change(parent + "# again\n")
    assert [found.code for found in await editor.findings()] == ["with-value"]
    place = at(parent, "./child", 3)
    found = await editor.client.text_document_definition_async(types.DefinitionParams(editor.document(), place))
    assert isinstance(found, types.Location)
    assert found.uri == editor.uri("child.yaml")


async def test_settings_count_and_a_closed_text_has_no_findings(editor: Editor) -> None:
    (editor.folder / "runner.toml").write_text('[checks]\nagent-unused = "off"\n')
    await editor.start()
    editor.open(SPEC + "agents: {ann: {human: true}}\n")
    assert await editor.findings() == []
    editor.client.text_document_did_close(types.DidCloseTextDocumentParams(editor.document()))
    async with asyncio.timeout(20):
        while editor.published[editor.uri()][-1].version is not None:
            editor.news.clear()
            await editor.news.wait()
    assert list(editor.published[editor.uri()][-1].diagnostics) == []


async def test_settings_that_change_count_at_once(editor: Editor) -> None:
    await editor.start()
    editor.open(SPEC + "agents: {ann: {human: true}}\n")
    assert [found.code for found in await editor.findings()] == ["agent-unused"]
    async with asyncio.timeout(20):
        while not editor.watched:
            editor.news.clear()
            await editor.news.wait()
    (editor.folder / "runner.toml").write_text('[checks]\nagent-unused = "off"\n')
    change = types.FileEvent(editor.uri("runner.toml"), types.FileChangeType.Created)
    editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([change]))
    async with asyncio.timeout(20):
        while list(editor.published[editor.uri()][-1].diagnostics):
            editor.news.clear()
            await editor.news.wait()


async def test_an_input_is_renamed_in_the_files_that_give_it(editor: Editor) -> None:
    child = "spec: 1\nname: child\ninputs: {n: {type: integer}}\nsteps: {a: {run: 'echo ${{ inputs.n }}'}}\n"
    parent = 'spec: 1\nname: demo\nsteps: {"a": {workflow: ../child.yaml, title: "😀", with: {n: 1}}}\n'
    (editor.folder / "sub").mkdir()
    (editor.folder / "sub" / "parent.yaml").write_text(parent)
    (editor.folder / "child.yaml").write_text(child)
    await editor.start()
    editor.open(child, "child.yaml")
    place = at(child, "inputs.n", 7)
    params = types.RenameParams(editor.document("child.yaml"), place, "count")
    edit = await editor.client.text_document_rename_async(params)
    assert edit is not None
    assert edit.changes is not None
    assert len(edit.changes[editor.uri("child.yaml")]) == 2
    [there] = edit.changes[editor.uri("sub/parent.yaml")]
    assert (there.new_text, there.range.start) == ("count", at(parent, "n: 1"))


async def test_addresses_stay_as_the_editor_writes_them(editor: Editor) -> None:
    (editor.folder / "@team").mkdir()
    child = "spec: 1\nname: child\ninputs: {n: {type: integer}}\nsteps: {a: {run: 'echo ${{ inputs.n }}'}}\n"
    parent = "spec: 1\nname: demo\nsteps: {a: {workflow: ./child.yaml, with: {n: one}}}\n"
    for name in ("child", "parent"):
        (editor.folder / "@team" / f"{name}.yaml").write_text("spec: 1\n")
    await editor.start()
    plain = f"{editor.folder.as_uri()}/@team"
    for name, text in (("child", child), ("parent", parent)):
        item = types.TextDocumentItem(f"{plain}/{name}.yaml", "yaml", 0, text)
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    document = types.VersionedTextDocumentIdentifier(1, f"{plain}/child.yaml")
    change = types.TextDocumentContentChangeWholeDocument(child.replace("integer", "string"))
    editor.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
    async with asyncio.timeout(20):
        while (
            not editor.published.get(f"{plain}/parent.yaml") or editor.published[f"{plain}/parent.yaml"][-1].diagnostics
        ):
            editor.news.clear()
            await editor.news.wait()
    assert editor.published.keys() == {f"{plain}/child.yaml", f"{plain}/parent.yaml"}


async def test_a_text_that_is_no_file_yet_is_served(editor: Editor) -> None:
    await editor.start()
    document = types.TextDocumentIdentifier("untitled:Untitled-1")
    item = types.TextDocumentItem(document.uri, "yaml", 0, SPEC)
    editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    params = types.RenameParams(document, at(SPEC, "inputs.target", 8), "place")
    edit = await editor.client.text_document_rename_async(params)
    assert edit is not None
    assert edit.changes is not None
    assert {uri: len(edits) for uri, edits in edit.changes.items()} == {document.uri: 2}
