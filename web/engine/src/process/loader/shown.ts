/** `Function.prototype.toString`: programs see functions as they wrote them, without the engine's edits. */

import { RUNTIME } from "./awaits.ts";
import { edited, type Edit } from "./edits.ts";

/** Texts that were edited, the newest last. */
const texts = new Map<string, readonly Edit[]>();
/** Functions of the engine that stand for others. */
const stands = new WeakMap<object, object>();

/** Remember what a text was before its edits, which are in order. */
export function noteEdited(text: string, edits: readonly Edit[]): void {
  if (edits.length > 0) texts.set(text, edits);
}

/** Show a function as another one. */
export function standsFor(shown: object, other: object): void {
  stands.set(shown, other);
}

/** An offset of the edited text in the original; `ends`: what is inserted there lies behind it. */
function originalOffset(edits: readonly Edit[], wanted: number, ends: boolean): number {
  let shift = 0;
  for (const { at, remove, insert } of edits) {
    const from = at + shift;
    if (ends ? wanted <= from : wanted < from + insert.length) break;
    shift += insert.length - remove;
  }
  return wanted - shift;
}

/** What a piece of an edited text was; the piece itself when no text is known that holds it. */
export function originalOf(piece: string): string {
  for (const [text, edits] of [...texts].reverse()) {
    const at = edited(text, edits).indexOf(piece);
    if (at !== -1) return text.slice(originalOffset(edits, at, false), originalOffset(edits, at + piece.length, true));
  }
  return piece;
}

/** Put it in place. */
export function installShown(): void {
  const before = Object.getOwnPropertyDescriptor(Function.prototype, "toString")?.value as (this: unknown) => string;
  const shown = function (this: unknown): string {
    const text = before.call((typeof this === "function" ? stands.get(this) : undefined) ?? this);
    return text.includes(RUNTIME) ? originalOf(text) : text;
  };
  Object.defineProperty(shown, "name", { value: "toString", configurable: true });
  Reflect.deleteProperty(shown, "prototype");
  standsFor(shown, before);
  Object.defineProperty(Function.prototype, "toString", { value: shown, writable: true, configurable: true, enumerable: false });
}
