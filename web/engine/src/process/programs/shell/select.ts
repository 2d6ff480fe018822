/** The loop `select`: a menu on stderr, the answer from stdin. */

import type { Shell } from "./shell.ts";
import { readUntil } from "./streams.ts";

/** Ask until `round` says that it is enough, or the input ends; true in the latter case. */
export async function select(shell: Shell, words: readonly string[], variable: string, round: () => Promise<boolean>): Promise<boolean> {
  if (words.length === 0) return false;
  await shell.print(2, menu(words, Number(shell.state.get("COLUMNS") ?? 80)));
  for (;;) {
    await shell.print(2, shell.state.get("PS3") ?? "#? ");
    const data = await readUntil(shell.system, shell.state.descriptors.get(0), 10);
    if (data === null) {
      await shell.print(1, "\n");
      return true;
    }
    const answer = new TextDecoder().decode(data).replace(/\n$/, "").trim();
    shell.state.set("REPLY", answer);
    if (answer === "") {
      await shell.print(2, menu(words, Number(shell.state.get("COLUMNS") ?? 80)));
      continue;
    }
    shell.state.set(variable, /^\d+$/.test(answer) ? (words[Number(answer) - 1] ?? "") : "");
    if (!(await round())) return false;
  }
}

const TAB = 8;

/** The words with their numbers, in as many columns as fit; one column where all of it is short. */
function menu(words: readonly string[], width: number): string {
  const digits = String(words.length).length;
  const longest = Math.max(...words.map((word) => word.length)) + digits + 2;
  const columns = Math.max(1, Math.floor(width / (longest + 2)));
  const wanted = Math.ceil(words.length / columns);
  // As bash has it: what fits in one row stands in one column.
  const rows = wanted === 1 ? words.length : wanted;
  return Array.from({ length: rows }, (_, row) => line(words, { row, rows, digits, longest: longest + 2 })).join("");
}

function line(words: readonly string[], { row, rows, digits, longest }: { row: number; rows: number; digits: number; longest: number }): string {
  let text = "";
  let at = 0;
  for (let index = row; index < words.length; index += rows) {
    // The numbers of the first column are no wider than its largest.
    const wide = row === index ? String(rows).length : digits;
    const item = `${String(index + 1).padStart(wide)}) ${words[index] ?? ""}`;
    text += item;
    if (index + rows >= words.length) break;
    const end = at + longest;
    text += gap(at + item.length, end);
    at = end;
  }
  return `${text}\n`;
}

/** From one column of the screen to another, by tabs as far as they go. */
function gap(from: number, to: number): string {
  let text = "";
  let at = from;
  while (at < to) {
    const tab = Math.floor(at / TAB) * TAB + TAB;
    const tabbed = tab <= to && Math.floor(to / TAB) > Math.floor(at / TAB);
    text += tabbed ? "\t" : " ";
    at = tabbed ? tab : at + 1;
  }
  return text;
}
