/** Expansion of words: braces, tilde, parameters, commands, arithmetic, fields, files. */

import type { Shell } from "./shell.ts";
import { ShellError } from "./state.ts";
import type { Part, PartOf, Word } from "./syntax.ts";
import { evaluate } from "./arithmetic.ts";
import { Fields } from "./fields.ts";
import { expandParameter } from "./parameters.ts";
import { glob, isPattern } from "./patterns.ts";

/** The arguments that words give: split and matched with files. */
export async function expandWords(shell: Shell, words: readonly Word[]): Promise<string[]> {
  const found: string[] = [];
  for (const word of words) {
    for (const alternative of braces(word.parts)) found.push(...(await expandFields(shell, alternative)));
  }
  return found;
}

async function expandFields(shell: Shell, parts: readonly Part[]): Promise<string[]> {
  const fields = new Fields(shell.state.get("IFS") ?? " \t\n");
  for (const part of parts) await expandPart(shell, part, fields);
  return fields.finish().flatMap(({ text, pattern }) => {
    if (shell.state.options.has("noglob") || !isPattern(pattern)) return [text];
    const { shopt } = shell.state;
    const matches = glob(shell.system, shell.state.cwd, pattern, { dotglob: shopt.has("dotglob"), globstar: shopt.has("globstar"), nocaseglob: shopt.has("nocaseglob") });
    if (matches.length > 0) return matches;
    if (shopt.has("failglob")) throw new ShellError(`no match: ${text}`, 1, true);
    return shopt.has("nullglob") ? [] : [text];
  });
}

/** The text that a word gives where nothing is split and no file is matched: assignments, `case`, here-documents. */
export async function expandText(shell: Shell, word: Word): Promise<string> {
  return (await whole(shell, word)).map(({ text }) => text).join(" ");
}

/** The pattern that a word is: what was quoted is escaped. */
export async function expandPattern(shell: Shell, word: Word): Promise<string> {
  return (await whole(shell, word)).map(({ pattern }) => pattern).join(" ");
}

async function whole(shell: Shell, word: Word): Promise<readonly { text: string; pattern: string }[]> {
  const fields = new Fields("", true);
  for (const part of word.parts) await expandPart(shell, part, fields);
  return fields.finish();
}

/** Expand one part of a word into the fields. */
export async function expandPart(shell: Shell, part: Part, fields: Fields): Promise<void> {
  switch (part.type) {
    case "Literal":
    case "SingleQuoted":
    case "Escaped": return fields.quoted(part.value);
    case "Glob": return fields.pattern(part.pattern);
    case "DoubleQuoted": return quotedParts(shell, part.parts, fields);
    case "TildeExpansion": return fields.quoted(tilde(shell, part));
    case "ParameterExpansion": return expandParameter(shell, part, fields, false);
    case "CommandSubstitution": return fields.expanded(await shell.substitute(part.body));
    case "ArithmeticExpansion": return fields.expanded(await arithmetic(shell, part));
    case "ProcessSubstitution": return fields.quoted(await shell.processSubstitution(part.body, part.direction));
    case "BraceExpansion": for (const [at, item] of braces([part]).entries()) {
      if (at > 0) fields.quoted(" ");
      for (const inner of item) await expandPart(shell, inner, fields);
    }
  }
}

/** What is wrong in an expansion ends the whole script, as in bash. */
async function arithmetic(shell: Shell, part: PartOf<"ArithmeticExpansion">): Promise<string> {
  try {
    return (await evaluate(shell, part.expression)).toString();
  } catch (error) {
    if (!(error instanceof ShellError) || error.fatal) throw error;
    throw new ShellError(error.message, 1, true);
  }
}

/** The regular expression of a `[[ … =~ … ]]`: what is quoted is literal. */
export async function expandExpression(shell: Shell, word: Word): Promise<string> {
  let source = "";
  for (const part of word.parts) {
    if (part.type === "Literal") source += part.value;
    else if (part.type === "Glob") source += part.pattern;
    else if (part.type === "ParameterExpansion") source += await expandText(shell, { type: "Word", parts: [part] });
    else source += (await expandText(shell, { type: "Word", parts: [part] })).replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  }
  return source;
}

/** Expand parts that stand between double quotes. */
export async function quotedParts(shell: Shell, parts: readonly Part[], fields: Fields): Promise<void> {
  if (!parts.some(isList)) fields.quoted("");
  for (const part of parts) {
    if (part.type === "ParameterExpansion") await expandParameter(shell, part, fields, true);
    else if (part.type === "CommandSubstitution") fields.quoted(await shell.substitute(part.body));
    else if (part.type === "ArithmeticExpansion") fields.quoted(await arithmetic(shell, part));
    else if (part.type === "Glob") fields.quoted(part.pattern);
    else if (part.type === "Literal" || part.type === "SingleQuoted" || part.type === "Escaped") fields.quoted(part.value);
    else await expandPart(shell, part, fields);
  }
}

/** `"$@"` gives no field at all when there is nothing in it. */
function isList(part: Part): boolean {
  return part.type === "ParameterExpansion" && (part.parameter === "@" || part.parameter.endsWith("[@]") || (part.operation?.type === "ArrayKeys" && !part.operation.star));
}

function tilde(shell: Shell, part: PartOf<"TildeExpansion">): string {
  if (part.user === null) return shell.state.get("HOME") ?? "/";
  if (part.user === "+") return shell.state.cwd;
  if (part.user === "-") return shell.state.get("OLDPWD") ?? "~-";
  return part.user === "root" ? "/root" : `~${part.user}`;
}

/** Every combination of the alternatives in braces. */
function braces(parts: readonly Part[]): Part[][] {
  let found: Part[][] = [[]];
  for (const part of parts) {
    const alternatives = part.type === "BraceExpansion" ? part.items.flatMap(braceItem) : [[part]];
    found = found.flatMap((before) => alternatives.map((alternative) => [...before, ...alternative]));
  }
  return found;
}

type BraceItem = PartOf<"BraceExpansion">["items"][number];

function braceItem(item: BraceItem): Part[][] {
  if (item.type === "Word") return braces(item.word.parts);
  return range(item).map((value) => [{ type: "Literal", value }]);
}

function range(item: Extract<BraceItem, { type: "Range" }>): string[] {
  const letters = typeof item.start === "string" && typeof item.end === "string" && Number.isNaN(Number(item.start));
  const from = letters ? String(item.start).charCodeAt(0) : Number(item.start);
  const to = letters ? String(item.end).charCodeAt(0) : Number(item.end);
  const step = Math.max(1, Math.abs(item.step ?? 1)) * (from <= to ? 1 : -1);
  const padded = [item.startStr, item.endStr].some((text) => text !== undefined && /^-?0\d/.test(text));
  const width = padded ? Math.max(item.startStr?.length ?? 0, item.endStr?.length ?? 0) : 0;
  const found: string[] = [];
  for (let at = from; step > 0 ? at <= to : at >= to; at += step) {
    found.push(letters ? String.fromCharCode(at) : at < 0 ? `-${String(-at).padStart(width - 1, "0")}` : String(at).padStart(width, "0"));
  }
  return found;
}
