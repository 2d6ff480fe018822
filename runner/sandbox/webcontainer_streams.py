"""Standard streams of a command in a WebContainer: two kinds of output in one, and input that can end.

The genuine client (`@webcontainer/api` 1.6.4) gives a command's output as one stream and has no way to end its input.
So what runs the command frames both. Output, where `RUNNER_STREAMS=tagged` is in its environment: each piece is NUL,
`1` (stdout) or `2` (stderr), the length of the text in bytes of UTF-8 as a decimal number, `:`, the text. Input, where
`RUNNER_STDIN=framed` is, by the host page: `D`, such a length, `:`, the text, as often as needed; then `E` ends it. The
local engine knows both by itself; elsewhere the program `WRAPPER` stands around the command.
"""

from __future__ import annotations

from collections.abc import Iterator

from runner.errors import RequestRefused
from runner.run.ports import Stream

#: What the command's environment must hold for both framings; the engine takes these variables out again.
FRAMED = {"RUNNER_STREAMS": "tagged", "RUNNER_STDIN": "framed"}
#: Most bytes of input in one frame: each travels as an argument of a call to the page.
INPUT_PIECE = 256 * 1024
_KINDS: dict[int, Stream] = {ord("1"): "stdout", ord("2"): "stderr"}
_MARK = 0
#: Digits that a length may have: more is no length.
_DIGITS = 12

#: Runs a command (the arguments) where the engine does not frame. Its input comes framed, its output goes out tagged.
WRAPPER = """
const { spawn } = require("node:child_process");
const { StringDecoder } = require("node:string_decoder");
const [command, ...args] = process.argv.slice(1);
const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
for (const [kind, stream] of [["1", child.stdout], ["2", child.stderr]]) {
  const decoder = new StringDecoder("utf8");
  const put = (text) => {
    if (text) process.stdout.write(`\\0${kind}${Buffer.byteLength(text)}:${text}`);
  };
  stream.on("data", (data) => put(decoder.write(data)));
  stream.on("end", () => put(decoder.end()));
}
let kept = Buffer.alloc(0);
process.stdin.on("data", (data) => {
  kept = Buffer.concat([kept, data]);
  while (kept.length > 0) {
    if (kept[0] !== 68) {
      if (kept[0] === 69) child.stdin.end();
      kept = kept.subarray(1);
      continue;
    }
    const colon = kept.indexOf(58);
    const size = Number(kept.toString("latin1", 1, colon));
    if (colon < 0 || kept.length < colon + 1 + size) return;
    child.stdin.write(kept.subarray(colon + 1, colon + 1 + size));
    kept = kept.subarray(colon + 1 + size);
  }
});
child.stdin.on("error", () => {});
const end = (code) => process.stdout.write("", () => process.exit(code)); // what was written before goes out first
child.on("error", (error) => {
  process.stdout.write(`\\x002${Buffer.byteLength(error.message)}:${error.message}`);
  end(127);
});
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 };
child.on("close", (code, signal) => end(code ?? 128 + (SIGNALS[signal] ?? 15)));
"""


def pieces(data: bytes) -> Iterator[str]:
    """Input as texts of a size that travels well, no character cut in two. Raises RequestRefused for other bytes than
    UTF-8: the client sends texts only.
    """
    at = 0
    while at < len(data):
        end = min(at + INPUT_PIECE, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        try:
            yield data[at:end].decode()
        except UnicodeDecodeError as error:
            raise RequestRefused(
                f"input of a WebContainer is text, and byte {at + error.start} is no UTF-8",
                "Write the bytes to a file of the box and let the command read that.",
            ) from error
        at = end


class Tagged:
    """Takes a tagged stream apart, however it was cut into pieces. What stands outside of any frame, as an engine's
    own complaint before the command runs, counts as stderr.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, text: str) -> list[tuple[Stream, str]]:
        """The pieces that are whole now, in order."""
        self._rest += text.encode("utf-8", "replace")
        found: list[tuple[Stream, str]] = []
        while self._rest:
            if self._rest[0] != _MARK:
                cut = self._rest.find(_MARK)
                plain, self._rest = (self._rest, b"") if cut < 0 else (self._rest[:cut], self._rest[cut:])
                found.append(("stderr", plain.decode("utf-8", "replace")))
                continue
            piece = self._framed()
            if piece is None:
                break
            found.append(piece)
        return found

    def end(self) -> list[tuple[Stream, str]]:
        """What is left when the stream has ended: a frame that was cut short, as it is."""
        rest, self._rest = self._rest, b""
        return [("stderr", rest.decode("utf-8", "replace"))] if rest else []

    def _framed(self) -> tuple[Stream, str] | None:
        """The frame at the start, None while it is not whole."""
        colon = self._rest.find(b":", 2, 2 + _DIGITS)
        if colon < 0 and len(self._rest) < 2 + _DIGITS:
            return None
        kind, digits = _KINDS.get(self._rest[1]), self._rest[2 : max(colon, 0)]
        if kind is None or not digits.isdigit():
            # A NUL that begins no frame: it is passed on, with what follows up to the next one.
            cut = self._rest.find(_MARK, 1)
            plain, self._rest = (self._rest, b"") if cut < 0 else (self._rest[:cut], self._rest[cut:])
            return "stderr", plain.decode("utf-8", "replace")
        end = colon + 1 + int(digits)
        if len(self._rest) < end:
            return None
        text, self._rest = self._rest[colon + 1 : end].decode("utf-8", "replace"), self._rest[end:]
        return kind, text
