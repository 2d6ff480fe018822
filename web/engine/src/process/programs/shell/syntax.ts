/** The syntax tree of bash scripts: what just-bash's parser makes of a text, by the names that this shell uses. */

import { Bash, type CommandNode, type PipelineNode, type ScriptNode, type SimpleCommandNode, type StatementNode, type WordNode } from "just-bash";
import { ShellError } from "./state.ts";

export type Script = ScriptNode;
export type Statement = StatementNode;
export type Pipeline = PipelineNode;
export type Command = CommandNode;
export type SimpleCommand = SimpleCommandNode;
export type Word = WordNode;
export type Part = WordNode["parts"][number];
export type PartOf<T extends Part["type"]> = Extract<Part, { type: T }>;
export type CommandOf<T extends CommandNode["type"]> = Extract<CommandNode, { type: T }>;
export type FunctionDefinition = CommandOf<"FunctionDef">;
export type Redirection = SimpleCommandNode["redirections"][number];
export type HereDocument = Extract<Redirection["target"], { type: "HereDoc" }>;
export type Assignment = SimpleCommandNode["assignments"][number];
export type Operation = NonNullable<PartOf<"ParameterExpansion">["operation"]>;
export type Condition = CommandOf<"ConditionalCommand">["expression"];
export type ArithmeticText = CommandOf<"ArithmeticCommand">["expression"];

/** A script that is no bash: the message is what bash says behind its own name, a line for each of its lines. */
export class ScriptSyntaxError extends Error {
  override readonly name = "ScriptSyntaxError";
}

/** What the parser throws: `token` is what it did not expect, at its place in the text. */
interface ParserError extends Error {
  readonly line?: number;
  readonly token?: { readonly type: string; readonly value: string; readonly start: number; readonly end: number; readonly line: number };
}

/** What the parser takes, and bash does not. */
class Refusal extends Error {
  constructor(message: string, readonly line: number) {
    super(message);
  }
}

/** A loop with this before its variable's name is a `select`: the parser has no such loop, and reads it as a `for`. */
export const SELECT = "__runner_select__";
/** Stands behind `@(` for `!(` where the parser takes the exclamation mark for the operator. */
const NOT = "\u0001";

let tree: Script | null = null;
let parser: Bash | null = null;

/** The text of a tree is what the parser makes next, and nobody asks for it: it gets an empty one instead, or `replacement`. */
let replacement: Script = { type: "Script", statements: [] };

function transform(text: string): string {
  if (parser === null) {
    parser = new Bash({ defenseInDepth: false, executionLimits: { maxSourceBytes: Number.MAX_SAFE_INTEGER } });
    parser.registerTransformPlugin({
      name: "tree",
      transform: ({ ast }) => {
        tree = ast;
        return { ast: replacement };
      },
    });
  }
  return parser.transform(text).script;
}

/** The text of a here-document as it stands in a script. */
export function documentText(content: Word): string {
  return content.parts.map((part) => (part.type === "Literal" ? part.value : part.type === "Escaped" ? `\\${part.value}` : wordText({ type: "Word", parts: [part] }))).join("");
}

/** A word as it stands in a script. */
export function wordText(word: Word): string {
  // What the parser has made of `$'\n'` is shown between quotes.
  const parts = word.parts.map((part): Part => ((part.type === "Literal" || part.type === "Escaped") && part.value.includes("\n") ? { type: "SingleQuoted", value: part.value } : part));
  const command: SimpleCommand = { type: "SimpleCommand", assignments: [], name: { ...word, parts }, args: [], redirections: [] };
  const empty = replacement;
  replacement = { type: "Script", statements: [{ type: "Statement", pipelines: [{ type: "Pipeline", commands: [command], negated: false }], operators: [], background: false }] };
  try {
    return transform(":").replace(/\n$/, "");
  } finally {
    replacement = empty;
  }
}

/** The tree of a script. Commands on lines before a wrong one are in it, and the error as a last statement. Throws ScriptSyntaxError. */
export function parse(text: string): Script {
  try {
    return checked(text, encoded(text));
  } catch (error) {
    if (error instanceof ShellError) throw error;
    const wrong = new ScriptSyntaxError(message(error as ParserError, text));
    return { type: "Script", statements: [...before(text, wrong), { type: "Statement", pipelines: [], operators: [], background: false, deferredError: { message: wrong.message, token: "" } }] };
  }
}

/** Parse; what the parser does not know by its own name is given it by another, where it stumbles over it. */
function encoded(text: string): Script {
  let given = text;
  for (;;) {
    try {
      transform(given);
      if (tree === null) throw new ScriptSyntaxError("line 1: syntax error");
      if (given !== text) decode(tree);
      return tree;
    } catch (error) {
      const next = encodedAt(given, error as ParserError);
      if (next === null) throw error;
      given = next;
    }
  }
}

function encodedAt(text: string, { token }: ParserError): string | null {
  if (token === undefined) return null;
  const here = text.slice(token.start, token.end) === token.value;
  if (token.type === "COPROC") throw new ShellError("coproc is not supported by the local WebContainer engine", 2, true);
  if (here && token.type === "LPAREN" && text[token.start - 1] === "!") return `${text.slice(0, token.start - 1)}@(${NOT}${text.slice(token.end)}`;
  if (token.type !== "SELECT") return null;
  const found = here ? /^[ \t]+(?=[A-Za-z_])/.exec(text.slice(token.end)) : null;
  if (found === null) throw new ShellError("select at this place is not supported by the local WebContainer engine", 2, true);
  return `${text.slice(0, token.start)}for${found[0]}${SELECT}${text.slice(token.end + found[0].length)}`;
}

/** Undo in the tree what was encoded in the text. */
function decode(node: unknown): void {
  if (typeof node !== "object" || node === null) return;
  const record = node as Record<string, unknown>;
  for (const [key, value] of Object.entries(record)) {
    if (typeof value !== "string") decode(value);
    else if (key !== "variable") record[key] = value.replaceAll(`@(${NOT}`, "!(").replaceAll(/for([ \t]+)__runner_select__/g, "select$1");
  }
}

/** The parser lets commands be missing where bash does not. */
function checked(text: string, script: Script): Script {
  const deferred = script.statements.find((statement) => statement.deferredError !== undefined)?.deferredError;
  if (deferred !== undefined) throw new Refusal(deferred.message, lineOf(text, deferred.message));
  if (COUNTING.test(text)) visitLoops(script, (loop) => checkHead(text, loop));
  visit(script, (pipeline, alone) => {
    const missing = pipeline.commands.findIndex((command) => command.type === "SimpleCommand" && command.name === null && command.assignments.length === 0 && command.redirections.length === 0);
    if (missing < 0 || (alone && pipeline.commands.length === 1)) return;
    const next = missing < pipeline.commands.length - 1;
    const [first] = pipeline.commands;
    throw new Refusal(next ? "syntax error near unexpected token `|'" : "got EOF", first?.line ?? 1);
  });
  return script;
}

function visit(node: unknown, see: (pipeline: Pipeline, alone: boolean) => void): void {
  if (typeof node !== "object" || node === null) return;
  const { type, pipelines, operators } = node as Partial<Statement>;
  if (type === "Statement") for (const pipeline of pipelines ?? []) see(pipeline, operators?.length === 0);
  for (const value of Object.values(node)) visit(value, see);
}

const COUNTING = /\bfor\s*\(\(/;

function visitLoops(node: unknown, see: (loop: CommandOf<"CStyleFor">) => void): void {
  if (typeof node !== "object" || node === null) return;
  if ((node as Partial<Command>).type === "CStyleFor") see(node as CommandOf<"CStyleFor">);
  for (const value of Object.values(node)) visitLoops(value, see);
}

/** `for ((A; B))` is no loop, `for ((A; B;))` is one: only their texts tell them apart. */
function checkHead(text: string, { init, condition, update, line = 1 }: CommandOf<"CStyleFor">): void {
  if (update !== null) return;
  const start = text.split("\n").slice(0, line - 1).join("\n").length;
  const parts = [init, condition].map((part) => tight(part?.originalText ?? ""));
  for (const { index, 0: opening } of text.slice(start).matchAll(new RegExp(COUNTING, "g"))) {
    const head = upToClosing(text.slice(start + index + opening.length));
    const found = head.split(";");
    if (found.length > 2 || tight(found[0] ?? "") !== parts[0] || tight(found[1] ?? "") !== parts[1]) continue;
    throw new ScriptSyntaxError(`line ${line}: syntax error: arithmetic expression required\nline ${line}: syntax error: \`((${head}))'`);
  }
}

const tight = (text: string): string => text.replace(/\s+/g, "");

function upToClosing(text: string): string {
  let depth = 0;
  for (const { index, 0: bracket } of text.matchAll(/[()]/g)) {
    depth += bracket === "(" ? 1 : -1;
    if (depth < 0) return text.slice(0, index);
  }
  return text;
}

/** The line on which the parser first complains so. */
function lineOf(text: string, complaint: string): number {
  const lines = text.split("\n");
  for (let count = 1; count < lines.length; count += 1) {
    try {
      if (encoded(lines.slice(0, count).join("\n")).statements.some((statement) => statement.deferredError?.message === complaint)) return count;
    } catch {
      // Not a whole command yet.
    }
  }
  return lines.length;
}

/** The commands of the lines before the wrong one: bash has run them when it comes there. */
function before(text: string, wrong: ScriptSyntaxError): readonly Statement[] {
  const lines = text.split("\n");
  const line = Number(/^line (\d+)/.exec(wrong.message)?.[1] ?? 1);
  for (let count = Math.min(line - 1, lines.length - 1); count > 0; count -= 1) {
    const whole = statements(lines.slice(0, count).join("\n"));
    if (whole !== null) return whole;
  }
  throw wrong;
}

function statements(text: string): readonly Statement[] | null {
  try {
    const script = checked(text, encoded(text));
    return script.statements.length === 0 || unterminated(script) ? null : script.statements;
  } catch {
    return null;
  }
}

/** Whether a here-document has not ended yet. */
export function unterminated(script: Script): boolean {
  return script.statements.some((statement) => statement.pipelines.some((pipeline) => pipeline.commands.some((command) => "redirections" in command
    && command.redirections.some(({ target }) => target.type === "HereDoc" && target.terminated === false))));
}

function message(error: ParserError, script: string): string {
  const { message: text, token } = error;
  if (error instanceof ScriptSyntaxError) return text;
  const lines = script.split("\n");
  if (/got EOF$/.test(text) || token?.type === "EOF") return `line ${script.replace(/\n$/, "").split("\n").length + 1}: syntax error: unexpected end of file`;
  const line = Math.max(1, token?.line ?? error.line ?? 1);
  const said = text.replace(/^(Parse error at \d+:\d+: |line \d+: )/, "").replace(/'([^'])'$/, "`$1'");
  if (/bad substitution$/.test(said)) throw new ShellError(said, 1, true);
  if (/unexpected EOF/.test(said)) return `line ${line}: ${said}`;
  const name = token?.type === "NEWLINE" ? "newline" : token?.value;
  const complaint = /near unexpected token/.test(said) || name === undefined || name === "" ? said : `syntax error near unexpected token \`${name}'`;
  return `line ${line}: ${complaint}\nline ${line}: \`${lines[line - 1] ?? ""}'`;
}
