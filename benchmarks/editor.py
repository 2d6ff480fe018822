"""What somebody who writes a spec waits for: the language server, as an editor meets it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from benchmarks.harness import BenchmarkFailed, Section, Timing, span, table

STEPS = 49
FULL, QUICK = 40, 5
BUDGET = 0.1
KEYSTROKE = "keystroke → findings (30 ms of them rest)"


def spec_text(steps: int = STEPS) -> str:
    """A spec of about 300 lines whose steps hand a value on from one to the next."""
    lines = ["spec: 1", "name: long", "inputs:", "  target: {type: string, enum: [dev, prod], default: dev}"]
    lines += ["sandboxes:", "  py: {needs: {runtime: python}, prefer: [e2b]}", "steps:"]
    for number in range(steps):
        before = f"s{number - 1}"
        value = f" ${{{{ steps.{before}.outputs.size }}}}" if number else ""
        lines += [f"  s{number}:", f"    title: Step {number}"]
        lines += [f"    after: [{before}]"] if number else []
        lines += ["    sandbox: py", f'    run: echo "${{{{ inputs.target }}}}"{value}']
        lines += ["    outputs: {size: {type: integer}}"]
    return "\n".join(lines) + "\n"


def run(work: Path, quick: bool) -> Section:
    """Start a server, open a spec, type into it, and ask about it."""
    return _section(asyncio.run(_measure(work, QUICK if quick else FULL)))


async def _measure(work: Path, repetitions: int) -> list[Timing]:
    client = LanguageClient("bench", "1")
    uri, text, version = (work / "long.yaml").as_uri(), spec_text(), 0
    published: dict[int, int] = {}
    news = asyncio.Event()

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def _published(_client: LanguageClient, params: types.PublishDiagnosticsParams) -> None:
        published[params.version or 0] = len(params.diagnostics)
        news.set()

    async def told() -> None:
        async with asyncio.timeout(30):
            while version not in published:
                news.clear()
                await news.wait()

    async def type_() -> None:
        nonlocal version
        version += 1
        wrong = text.replace("after: [s0]", "after: [so]") if version % 2 else text
        change = types.TextDocumentContentChangeWholeDocument(wrong)
        document = types.VersionedTextDocumentIdentifier(version, uri)
        client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
        await told()
        if published[version] != version % 2:
            raise BenchmarkFailed(f"{published[version]} findings where {version % 2} was expected")

    async def open_() -> None:
        item = types.TextDocumentItem(uri, "yaml", 0, text)
        client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        await told()

    async def start() -> None:
        await client.start_io(sys.executable, "-m", "runner", "lsp")
        await client.initialize_async(types.InitializeParams(types.ClientCapabilities()))
        client.initialized(types.InitializedParams())

    document, place = types.TextDocumentIdentifier(uri), types.Position(20, 4)
    lines = types.Range(types.Position(0, 0), types.Position(60, 0))
    found = [await _timed("start", start, 1), await _timed("first findings", open_, 1)]
    found.append(await _timed(KEYSTROKE, type_, repetitions))
    questions: dict[str, Callable[[], Awaitable[object]]] = {
        "completion": lambda: client.text_document_completion_async(types.CompletionParams(document, place)),
        "hover": lambda: client.text_document_hover_async(types.HoverParams(document, place)),
        "inlay hints": lambda: client.text_document_inlay_hint_async(types.InlayHintParams(document, lines)),
        "outline": lambda: client.text_document_document_symbol_async(types.DocumentSymbolParams(document)),
    }
    found += [await _timed(name, question, repetitions) for name, question in questions.items()]
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()
    return found


async def _timed(name: str, call: Callable[[], Awaitable[object]], repetitions: int) -> Timing:
    seconds = []
    for _ in range(repetitions):
        started = time.perf_counter()
        await call()
        seconds.append(time.perf_counter() - started)
    return Timing(name, tuple(seconds))


def _section(timings: list[Timing]) -> Section:
    keystroke = next(one for one in timings if one.name == KEYSTROKE)
    lines = spec_text().count("\n")
    verdict = "within" if keystroke.median <= BUDGET else "above"
    rows = [(one.name, span(one.median), span(max(one.seconds)), str(one.count)) for one in timings]
    markdown = [f"A spec of {lines} lines, and a client over standard input and output (`benchmarks/editor.py`).", ""]
    markdown += table(("what", "median", "slowest", "times"), rows)
    markdown += ["", f"A keystroke takes {span(keystroke.median)}: {verdict} the {span(BUDGET)} that people notice."]
    raw: dict[str, object] = {one.name: one.to_json() for one in timings}
    return Section("editor", "The language server", markdown, raw)
