"""The language server: which texts are open, and their findings, which follow a change after a short rest."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from runner import __version__
from runner.compiler.diagnostic import Diagnostic
from runner.editor.analysis import Analysis
from runner.editor.texts import Texts
from runner.editor.wire import Positions, diagnostic, path_of, uri_of

_log = logging.getLogger(__name__)
REST = 0.03  # seconds without a change before a text is checked


class RunnerServer(LanguageServer):
    """A language server with the texts that are open in it."""

    def __init__(self) -> None:
        super().__init__("runner", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full, max_workers=2)
        self.texts = Texts()
        self._addresses: dict[str, str] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}
        # One thread: texts are checked one after the other, beside the loop that answers.
        self._worker = ThreadPoolExecutor(1, "check")

    def analysis(self, uri: str) -> Analysis:
        """The analysis of a document as it is now."""
        self._addresses.setdefault(path_of(uri), uri)
        return self.texts.put(path_of(uri), self.workspace.get_text_document(uri).source)

    def address(self, path: str) -> str:
        """The address of a file; of one that is open as the client writes it: which signs are escaped is its choice."""
        return self._addresses.get(path) or uri_of(path)

    def positions(self, analysis: Analysis) -> Positions:
        """The positions of a text, in the units of this client."""
        return Positions(analysis.lines, self.workspace.position_encoding or types.PositionEncodingKind.Utf16)

    def check_soon(self, uri: str, rest: float = REST) -> None:
        """Check a document when it has rested, unless it changes again before."""
        waiting = self._waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()
        task = asyncio.get_running_loop().create_task(self._check(uri, rest))
        self._waiting[uri] = task

    async def _check(self, uri: str, rest: float) -> None:
        await asyncio.sleep(rest)
        document = self.workspace.get_text_document(uri)
        version, analysis = document.version, self.analysis(uri)
        try:
            findings = await asyncio.get_running_loop().run_in_executor(self._worker, _findings, analysis)
        except Exception:  # noqa: BLE001 - logged; the findings of the version before stay
            _log.exception("the text could not be checked")
            return
        if self.workspace.get_text_document(uri).version != version:
            return
        at = self.positions(analysis)
        shown = [diagnostic(one, at) for one in findings if one.span.path == analysis.path]
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, shown, version))

    def forget(self, uri: str) -> None:
        """A document was closed: take its findings away."""
        waiting = self._waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()
        self.texts.drop(path_of(uri))
        self._addresses.pop(path_of(uri), None)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))


def _findings(analysis: Analysis) -> list[Diagnostic]:
    return list(analysis.findings) if analysis.is_spec else []
