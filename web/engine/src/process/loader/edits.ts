/** Changes to a text at offsets, and the text with them. */

/** A change to a text: what is inserted at an offset, after removing some characters. Newlines are never removed. */
export interface Edit {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
  /** Present when it closes something: the offset at which that begins. Inner ones close first. */
  readonly closes?: number;
}

/** The text with its edits done. They must not overlap; of those at one offset the first given comes first. */
export function edited(text: string, edits: readonly Edit[]): string {
  let out = "";
  let at = 0;
  for (const edit of edits) {
    out += text.slice(at, edit.at) + edit.insert;
    at = Math.max(at, edit.at + edit.remove);
  }
  return out + text.slice(at);
}

/** Edits in the order of their places; at one place those that close come before those that open, which stay as given. */
export function sorted(edits: readonly Edit[]): Edit[] {
  // Of two that close what began at one place, the inner one was found later.
  const order = new Map(edits.map((edit, index) => [edit, edit.closes === undefined ? index : -index]));
  const rank = (edit: Edit): number => order.get(edit) ?? 0;
  return [...edits].sort((a, b) => a.at - b.at || (b.closes ?? -1) - (a.closes ?? -1) || rank(a) - rank(b));
}
