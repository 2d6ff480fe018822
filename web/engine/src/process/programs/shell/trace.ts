/** What `set -x` says. */

import { shellQuote } from "./quoting.ts";
import type { Shell } from "./shell.ts";
import { SELECT, wordText, type Command, type Condition } from "./syntax.ts";
import { expandText } from "./words.ts";

/** Say a line of `set -x`: behind PS4, whose first character is repeated within command substitutions. */
export async function traceLine(shell: Shell, text: string): Promise<void> {
  const written = shell.state.get("PS4") ?? "+ ";
  const before = shell.state.options.has("xtrace");
  shell.state.options.delete("xtrace");
  const shown = /[$`]/.test(written) ? await shell.expandText(written) : written;
  if (before) shell.state.options.add("xtrace");
  await shell.print(2, `${shown.slice(0, 1).repeat(shell.state.substitutions)}${shown}${text}\n`);
}

/** A word as `set -x` shows it. */
export function traced(word: string): string {
  if (word === "") return "''";
  return /^[\w@%+=:,./\-{}^]+$/.test(word) ? word : shellQuote(word);
}

/** Say a compound command, those of them that bash says. */
export async function traceCommand(shell: Shell, command: Command): Promise<void> {
  const text = await said(shell, command);
  if (text !== null) await traceLine(shell, text);
}

async function said(shell: Shell, command: Command): Promise<string | null> {
  switch (command.type) {
    case "For": {
      const select = command.variable.startsWith(SELECT);
      return `${select ? "select" : "for"} ${command.variable.replace(SELECT, "")} in ${command.words === null ? '"$@"' : command.words.map(wordText).join(" ")}`;
    }
    case "Case": return `case ${wordText(command.word)} in`;
    case "ArithmeticCommand": return `(( ${command.expression.originalText ?? ""} ))`;
    case "ConditionalCommand": return `[[ ${await condition(shell, command.expression)} ]]`;
    default: return null;
  }
}

async function condition(shell: Shell, node: Condition): Promise<string> {
  switch (node.type) {
    case "CondUnary": return `${node.operator} ${traced(await expandText(shell, node.operand))}`;
    case "CondBinary": return `${traced(await expandText(shell, node.left))} ${node.operator} ${traced(await expandText(shell, node.right))}`;
    case "CondWord": return `-n ${traced(await expandText(shell, node.word))}`;
    case "CondNot": return `! ${await condition(shell, node.operand)}`;
    case "CondGroup": return `( ${await condition(shell, node.expression)} )`;
    default: return `${await condition(shell, node.left)} ${node.type === "CondAnd" ? "&&" : "||"} ${await condition(shell, node.right)}`;
  }
}

