/** Texts as they can be written in a script again. */

const CONTROLS: Readonly<Record<string, string>> = { "\x07": "\\a", "\b": "\\b", "\x1b": "\\E", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v" };
const CONTROL = /[\x00-\x1f\x7f]/g;

/** Whether a text can only be written as `$'…'`. */
const controlled = (text: string): boolean => text.search(CONTROL) >= 0;

/** `$'…'`. */
export function ansiQuote(text: string): string {
  return `$'${text.replace(/[\\']/g, "\\$&").replace(CONTROL, (char) => CONTROLS[char] ?? `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`)}'`;
}

/** `'…'`, or `$'…'` where that is needed. */
export function shellQuote(text: string): string {
  return controlled(text) ? ansiQuote(text) : `'${text.replaceAll("'", "'\\''")}'`;
}

/** `'…'` whatever is in it: how `trap -p` and `set -x` show texts of several lines. */
export function singleQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** `"…"`, as declarations show values. */
export function doubleQuote(text: string): string {
  return controlled(text) ? ansiQuote(text) : `"${text.replace(/["$`\\]/g, "\\$&")}"`;
}

/** With backslashes, as `printf %q` writes it. */
export function backslashQuote(text: string): string {
  if (text === "") return "''";
  if (controlled(text)) return ansiQuote(text);
  return text.replace(/[^\w@%+=:./~#\u0080-\u{10ffff}-]/gu, "\\$&").replace(/^[~#]/, "\\$&").replace(/([=:])~/g, "$1\\~");
}
