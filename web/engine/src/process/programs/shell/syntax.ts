/** The syntax tree of bash scripts: what just-bash's parser makes of a text, by the names that this shell uses. */

import { Bash, type CommandNode, type PipelineNode, type ScriptNode, type SimpleCommandNode, type StatementNode, type WordNode } from "just-bash";

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
export type Arithmetic = CommandOf<"ArithmeticCommand">["expression"]["expression"];
export type ArithmeticOf<T extends Arithmetic["type"]> = Extract<Arithmetic, { type: T }>;

/** A script that is no bash: the message is what bash says behind its own name. */
export class ScriptSyntaxError extends Error {
  override readonly name = "ScriptSyntaxError";
}

let parser: Bash | null = null;

/** The tree of a script. Throws ScriptSyntaxError. */
export function parse(text: string): Script {
  parser ??= new Bash({ defenseInDepth: false, executionLimits: { maxSourceBytes: Number.MAX_SAFE_INTEGER } });
  try {
    return parser.transform(text).ast;
  } catch (error) {
    throw new ScriptSyntaxError(message(error, text));
  }
}

function message(error: unknown, script: string): string {
  const { message: text, line } = error as { message: string; line?: number };
  if (/got EOF$/.test(text)) return `line ${script.replace(/\n$/, "").split("\n").length + 1}: syntax error: unexpected end of file`;
  const said = text.replace(/^(Parse error at \d+:\d+: |line \d+: )/, "");
  return `line ${line ?? 1}: ${said}`;
}

const expressions = new Map<string, Arithmetic>();

/** The tree of an arithmetic expression that was found in a value or a subscript. Throws ScriptSyntaxError. */
export function parseArithmetic(text: string): Arithmetic {
  const known = expressions.get(text);
  if (known !== undefined) return known;
  const command = parse(`((${text}\n))`).statements[0]?.pipelines[0]?.commands[0];
  if (command?.type !== "ArithmeticCommand") throw new ScriptSyntaxError(`line 1: ${text}: syntax error in expression`);
  expressions.set(text, command.expression.expression);
  return command.expression.expression;
}
