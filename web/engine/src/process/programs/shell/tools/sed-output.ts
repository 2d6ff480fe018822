/** What `sed` makes of a text: for the commands `s` and `l`. */

import { bytesOf } from "../raw.ts";
import type { Piece } from "./sed-script.ts";

const NAMED: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\f": "\\f", "\v": "\\v", "\x07": "\\a", "\b": "\\b" };

/** A text with everything to be seen, in lines of a width. */
export function listed(text: string, width: number): string[] {
  const shown: string[] = [];
  for (const char of text) {
    const named = NAMED[char];
    if (named !== undefined) shown.push(named);
    else if (/^[ -~]$/.test(char)) shown.push(char);
    else shown.push(...Array.from(bytesOf(char), (byte) => `\\${byte.toString(8).padStart(3, "0")}`));
  }
  const lines: string[] = [];
  let line = "";
  for (const piece of shown) {
    if (width > 1 && line.length + piece.length > width - 1) {
      lines.push(`${line}\\`);
      line = "";
    }
    line += piece;
  }
  return [...lines, `${line}$`];
}

/** What is put in for a match. */
export function filled(pieces: readonly Piece[], found: RegExpExecArray): string {
  let made = "";
  let mode = "";
  let once = "";
  for (const piece of pieces) {
    if ("turn" in piece) {
      if (piece.turn === "l" || piece.turn === "u") once = piece.turn;
      else [mode, once] = [piece.turn === "E" ? "" : piece.turn, piece.turn === "E" ? "" : once];
      continue;
    }
    let text = "text" in piece ? piece.text : (found[piece.group] ?? "");
    if (text === "") continue;
    if (mode !== "") text = mode === "U" ? text.toUpperCase() : text.toLowerCase();
    if (once !== "") {
      const [first = ""] = text;
      text = (once === "u" ? first.toUpperCase() : first.toLowerCase()) + text.slice(first.length);
    }
    once = "";
    made += text;
  }
  return made;
}
