"""What the server answers to each request of the protocol: the other modules' answers, in its terms."""

from __future__ import annotations

import functools
import logging
import posixpath
from collections.abc import Callable
from typing import Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from runner.compiler.diagnostic import Span
from runner.compiler.layout import formatted
from runner.editor import actions, completion, hints, hover, outline, rename
from runner.editor.analysis import Analysis
from runner.editor.server import RunnerServer
from runner.editor.texts import specs_near
from runner.editor.wire import Positions, diagnostic, path_of, positions

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
Handler = Callable[[RunnerServer, Any], _T]

_ITEMS = {
    "key": types.CompletionItemKind.Property,
    "value": types.CompletionItemKind.EnumMember,
    "id": types.CompletionItemKind.Reference,
    "name": types.CompletionItemKind.Variable,
    "function": types.CompletionItemKind.Function,
}
_SYMBOLS = {
    "steps": types.SymbolKind.Function,
    "inputs": types.SymbolKind.Variable,
    "secrets": types.SymbolKind.Key,
    "sandboxes": types.SymbolKind.Package,
    "agents": types.SymbolKind.Object,
    "templates": types.SymbolKind.Class,
    "phases": types.SymbolKind.Enum,
}
_FIX_ALL = types.CodeActionKind.SourceFixAll


def make() -> RunnerServer:
    """A server with all of its features."""
    server = RunnerServer()
    for name, handler, options in (*_NOTICES, *_FEATURES):
        server.feature(name, options)(handler)
    return server


def _calm(handler: Handler[_T]) -> Handler[_T | None]:
    """A handler that answers nothing about what is no spec, nor where something unforeseen happens: whoever writes must
    not be disturbed.
    """

    @functools.wraps(handler)
    def calm(server: RunnerServer, params: Any) -> _T | None:
        try:
            return handler(server, params) if server.analysis(params.text_document.uri).is_spec else None
        except JsonRpcInvalidParams:
            raise
        except Exception:  # noqa: BLE001 - logged, and the editor goes on without this answer
            _log.exception("the request could not be answered")
            return None

    return calm


# ---------------------------------------------------------------- texts come and go


async def _began(server: RunnerServer, _params: types.InitializedParams) -> None:
    """Ask to be told of files that change outside of the editor: settings, and workflows that others run."""
    workspace = server.client_capabilities.workspace
    watched = workspace.did_change_watched_files if workspace else None
    if watched is None or not watched.dynamic_registration:
        return
    watchers = [types.FileSystemWatcher(pattern) for pattern in ("**/runner.toml", "**/*.yaml", "**/*.yml")]
    name = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
    options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
    wanted = types.RegistrationParams([types.Registration("files", name, options)])
    await server.client_register_capability_async(wanted)


def _opened(server: RunnerServer, params: types.DidOpenTextDocumentParams) -> None:
    server.check_soon(params.text_document.uri, 0)


def _changed(server: RunnerServer, params: types.DidChangeTextDocumentParams) -> None:
    server.check_soon(params.text_document.uri)
    for other in server.texts.others(path_of(params.text_document.uri)):
        server.check_soon(server.address(other), 0.3)


def _saved(server: RunnerServer, params: types.DidSaveTextDocumentParams) -> None:
    server.check_soon(params.text_document.uri)


def _closed(server: RunnerServer, params: types.DidCloseTextDocumentParams) -> None:
    server.forget(params.text_document.uri)


def _files_changed(server: RunnerServer, _params: types.DidChangeWatchedFilesParams) -> None:
    server.texts.forget_settings()
    for uri in list(server.workspace.text_documents):
        server.check_soon(uri)


# ---------------------------------------------------------------- questions about a place


def _at(server: RunnerServer, params: Any) -> tuple[Analysis, Positions, int, int]:
    analysis = server.analysis(params.text_document.uri)
    at = server.positions(analysis)
    return (analysis, at, *at.place(params.position))


def _complete(server: RunnerServer, params: types.CompletionParams) -> types.CompletionList:
    analysis, at, line, column = _at(server, params)
    found = completion.complete(analysis, line, column, lambda: specs_near(analysis.path))
    items = [_item(one, at, line, column, number) for number, one in enumerate(found)]
    return types.CompletionList(is_incomplete=False, items=items)


def _item(one: completion.Item, at: Positions, line: int, column: int, number: int) -> types.CompletionItem:
    place = Span("", line, max(1, column - one.replaces), line, column)
    return types.CompletionItem(
        label=one.label,
        kind=_ITEMS[one.kind],
        detail=one.detail or None,
        documentation=types.MarkupContent(types.MarkupKind.Markdown, one.note) if one.note else None,
        sort_text=f"{number:04}",
        filter_text=one.label,
        insert_text_format=types.InsertTextFormat.Snippet if one.is_snippet else types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AdjustIndentation,
        text_edit=types.TextEdit(at.range(place), one.insert),
    )


def _hover(server: RunnerServer, params: types.HoverParams) -> types.Hover | None:
    analysis, at, line, column = _at(server, params)
    found = hover.hover(analysis, line, column)
    if found is None:
        return None
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, found.text), at.range(found.span))


def _files(server: RunnerServer, analysis: Analysis) -> rename.Files:
    """The texts that may name what another one declares: those of the folder that is open."""
    if not analysis.path.startswith("/"):
        return lambda _path: ()  # a text that is no file yet
    opened = [path_of(uri) for uri in server.workspace.folders]
    above = [folder for folder in opened if analysis.path.startswith(f"{folder}/")]
    folder = max(above, key=len, default=posixpath.dirname(analysis.path))
    return lambda path: server.texts.family(path, folder)


def _location(server: RunnerServer, analysis: Analysis, span: Span) -> types.Location:
    text = analysis if span.path == analysis.path else server.texts.at(span.path)
    return types.Location(server.address(span.path), server.positions(text).range(span))


def _define(server: RunnerServer, params: types.DefinitionParams) -> types.Location | None:
    analysis, _, line, column = _at(server, params)
    span = rename.definition(analysis, line, column)
    return None if span is None else _location(server, analysis, span)


def _refer(server: RunnerServer, params: types.ReferenceParams) -> list[types.Location]:
    analysis, _, line, column = _at(server, params)
    files = _files(server, analysis)
    spans = rename.mentions(analysis, line, column, files, declaration=params.context.include_declaration)
    return [_location(server, analysis, span) for span in spans]


def _highlight(server: RunnerServer, params: types.DocumentHighlightParams) -> list[types.DocumentHighlight]:
    analysis, at, line, column = _at(server, params)
    return [types.DocumentHighlight(at.range(span)) for span in rename.mentions(analysis, line, column)]


def _prepare(server: RunnerServer, params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder | None:
    analysis, at, line, column = _at(server, params)
    found = rename.renamable(analysis, line, column)
    return None if found is None else types.PrepareRenamePlaceholder(at.range(found.span), found.name)


def _rename(server: RunnerServer, params: types.RenameParams) -> types.WorkspaceEdit:
    analysis, at, line, column = _at(server, params)
    try:
        edits = rename.rename(analysis, line, column, params.new_name, _files(server, analysis))
    except rename.Refused as refused:
        raise JsonRpcInvalidParams(str(refused)) from refused
    changes: dict[str, list[types.TextEdit]] = {}
    for edit in edits:
        there = at if edit.span.path == analysis.path else server.positions(server.texts.at(edit.span.path))
        changes.setdefault(server.address(edit.span.path), []).append(there.edit(edit))
    return types.WorkspaceEdit(changes)


# ---------------------------------------------------------------- questions about a text


def _outline(server: RunnerServer, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    analysis = server.analysis(params.text_document.uri)
    at = server.positions(analysis)
    return [_symbol(one, at) for one in outline.symbols(analysis)]


def _symbol(one: outline.Symbol, at: Positions) -> types.DocumentSymbol:
    return types.DocumentSymbol(
        name=one.name,
        kind=_SYMBOLS.get(one.kind, types.SymbolKind.Event if one.kind else types.SymbolKind.Property),
        range=at.range(one.span),
        selection_range=at.range(one.name_span),
        detail=one.detail or None,
        children=[_symbol(child, at) for child in one.children],
    )


def _fold(server: RunnerServer, params: types.FoldingRangeParams) -> list[types.FoldingRange]:
    analysis = server.analysis(params.text_document.uri)
    return [types.FoldingRange(first - 1, last - 1) for first, last in outline.folds(analysis)]


def _act(server: RunnerServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    analysis = server.analysis(params.text_document.uri)
    at, uri = server.positions(analysis), params.text_document.uri
    only = params.context.only
    found: list[types.CodeAction] = []
    if _wanted(types.CodeActionKind.QuickFix, only):
        span = params.range
        found += [_action(one, at, uri) for one in actions.actions(analysis, span.start.line + 1, span.end.line + 1)]
    if _wanted(_FIX_ALL, only):
        text = actions.fix_all(analysis)
        if text != analysis.text:
            edit = types.WorkspaceEdit({uri: [at.everything(text)]})
            found.append(types.CodeAction("Apply all safe fixes", kind=f"{_FIX_ALL.value}.runner", edit=edit))
    return found


def _wanted(kind: types.CodeActionKind, only: Any) -> bool:
    wanted = [str(getattr(one, "value", one)) for one in only or ()]
    name = kind.value
    return not wanted or any(name == one or name.startswith(f"{one}.") or one.startswith(f"{name}.") for one in wanted)


def _action(one: actions.Action, at: Positions, uri: str) -> types.CodeAction:
    return types.CodeAction(
        one.title[:1].upper() + one.title[1:],
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[diagnostic(one.finding, at)],
        is_preferred=one.preferred or None,
        edit=types.WorkspaceEdit({uri: [at.edit(one.edit)]}),
    )


def _format(server: RunnerServer, params: types.DocumentFormattingParams) -> list[types.TextEdit]:
    analysis = server.analysis(params.text_document.uri)
    text = formatted(analysis.data, analysis.path).data.decode()
    return [] if text == analysis.text else [_smallest(analysis.text, text, server.positions(analysis))]


def _smallest(old: str, new: str, at: Positions) -> types.TextEdit:
    """The replacement of the lines that differ: what stands around keeps its marks and folds."""
    mine, others = at.lines, positions(new, at.encoding).lines
    same = next((n for n, (a, b) in enumerate(zip(mine, others, strict=False)) if a != b), min(len(mine), len(others)))
    if "\r" in old or same >= len(others) or same >= len(mine):
        return at.everything(new)
    end = at.position(len(mine), len(mine[-1]) + 1)
    return types.TextEdit(types.Range(types.Position(same, 0), end), "\n".join(others[same:]))


def _hint(server: RunnerServer, params: types.InlayHintParams) -> list[types.InlayHint]:
    analysis = server.analysis(params.text_document.uri)
    at = server.positions(analysis)
    found = hints.hints(analysis, params.range.start.line + 1, params.range.end.line + 1)
    return [types.InlayHint(at.position(one.line, one.column), one.text) for one in found]


_Rows = tuple[tuple[str, Handler[Any], Any], ...]
_NOTICES: _Rows = (
    (types.INITIALIZED, _began, None),
    (types.TEXT_DOCUMENT_DID_OPEN, _opened, None),
    (types.TEXT_DOCUMENT_DID_CHANGE, _changed, None),
    (types.TEXT_DOCUMENT_DID_SAVE, _saved, None),
    (types.TEXT_DOCUMENT_DID_CLOSE, _closed, None),
    (types.WORKSPACE_DID_CHANGE_WATCHED_FILES, _files_changed, None),
)
_FEATURES: _Rows = (
    (
        types.TEXT_DOCUMENT_COMPLETION,
        _calm(_complete),
        types.CompletionOptions(trigger_characters=[".", "{", ":", "[", ",", " ", "-"]),
    ),
    (types.TEXT_DOCUMENT_HOVER, _calm(_hover), None),
    (types.TEXT_DOCUMENT_DEFINITION, _calm(_define), None),
    (types.TEXT_DOCUMENT_REFERENCES, _calm(_refer), None),
    (types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, _calm(_highlight), None),
    (types.TEXT_DOCUMENT_PREPARE_RENAME, _calm(_prepare), None),
    (types.TEXT_DOCUMENT_RENAME, _calm(_rename), types.RenameOptions(prepare_provider=True)),
    (types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, _calm(_outline), None),
    (types.TEXT_DOCUMENT_FOLDING_RANGE, _calm(_fold), None),
    (
        types.TEXT_DOCUMENT_CODE_ACTION,
        _calm(_act),
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix, _FIX_ALL]),
    ),
    (types.TEXT_DOCUMENT_FORMATTING, _calm(_format), None),
    (types.TEXT_DOCUMENT_INLAY_HINT, _calm(_hint), None),
)
