/** Modes of files: as letters, and as `chmod` takes them. */

import { ToolError } from "./options.ts";

const TYPES: Readonly<Record<number, readonly [letter: string, name: string]>> = {
  0o100000: ["-", "regular file"], 0o040000: ["d", "directory"], 0o120000: ["l", "symbolic link"], 0o020000: ["c", "character special file"],
  0o060000: ["b", "block special file"], 0o010000: ["p", "fifo"], 0o140000: ["s", "socket"],
};

/** What kind of file a mode says. */
export function typeOf(mode: number): readonly [letter: string, name: string] {
  return TYPES[mode & 0o170000] ?? ["?", "weird file"];
}

/** `-rwxr-xr-x`. */
export function letters(mode: number): string {
  const part = (by: number, special: boolean, mark: string): string => {
    const bits = mode >> by;
    const run = (bits & 1) !== 0;
    return ((bits & 4) !== 0 ? "r" : "-") + ((bits & 2) !== 0 ? "w" : "-") + (special ? (run ? mark : mark.toUpperCase()) : run ? "x" : "-");
  };
  return typeOf(mode)[0] + part(6, (mode & 0o4000) !== 0, "s") + part(3, (mode & 0o2000) !== 0, "s") + part(0, (mode & 0o1000) !== 0, "t");
}

const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 };
const WHAT: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000, t: 0o1000 };

/** A mode as `chmod` takes it, for a file that has one. Throws ToolError. */
export function changedMode(text: string, before: number, umask: number, folder: boolean): number {
  if (/^[0-7]+$/.test(text)) {
    const value = Number.parseInt(text, 8);
    if (value > 0o7777) throw new ToolError(`invalid mode: ‘${text}’\nTry '\0 --help' for more information.`);
    // A directory keeps its special bits, unless five digits say otherwise.
    return folder && text.length < 5 ? value | (before & 0o6000) : value;
  }
  let mode = before & 0o7777;
  for (const clause of text.split(",")) {
    const found = /^([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)$/.exec(clause);
    if (found === null) throw new ToolError(`invalid mode: ‘${text}’\nTry '\0 --help' for more information.`);
    const [, who = "", actions = ""] = found;
    const mask = who === "" ? 0o7777 : Array.from(who).reduce((sum, letter) => sum | (WHO[letter] ?? 0), 0);
    for (const [, operator = "", what = ""] of actions.matchAll(/([-+=])([ugo]|[rwxXst]*)/g)) mode = acted(mode, { operator, what, mask, limit: who === "" ? ~umask : ~0, folder });
  }
  return mode;
}

interface Action {
  readonly operator: string;
  readonly what: string;
  readonly mask: number;
  readonly limit: number;
  readonly folder: boolean;
}

function acted(mode: number, { operator, what, mask, limit, folder }: Action): number {
  const copied = { u: 6, g: 3, o: 0 }[what];
  let bits = 0;
  if (copied !== undefined) bits = ((mode >> copied) & 7) * 0o111;
  else for (const letter of what) bits |= letter === "X" ? (folder || (mode & 0o111) !== 0 ? 0o111 : 0) : (WHAT[letter] ?? 0);
  bits &= mask & (limit | 0o7000);
  if (operator === "+") return mode | bits;
  if (operator === "-") return mode & ~bits;
  return (mode & ~(mask & (folder ? 0o1777 : 0o7777))) | bits;
}
