/** Functions as bash shows them (`type f`, `declare -f`): their trees as text, in its own layout. */

import { documentText, SELECT, wordText, type Assignment, type Command, type CommandOf, type Condition, type FunctionDefinition, type Pipeline, type Redirection, type Statement } from "./syntax.ts";

const STEP = "    ";

/** The definition of a function, with a line end behind it. */
export function functionText({ name, body, redirections }: FunctionDefinition): string {
  return `${name} () \n${block(body, "")}${redirectionTexts(redirections)}\n`;
}

/** A function's body: other commands than groups are put into one. */
function block(body: Command, indent: string): string {
  const text = body.type === "Group" ? list(body.body, indent + STEP) : command(body, indent + STEP);
  return `${indent}{ \n${indent}${STEP}${text}\n${indent}}${body.type === "Group" ? redirectionTexts(body.redirections) : ""}`;
}

/** Statements, each on a line, the last one without a semicolon. */
function list(statements: readonly Statement[], indent: string): string {
  let text = "";
  statements.forEach((statement, at) => {
    text += `${statementText(statement, indent)}${statement.background ? " &" : ""}`;
    if (at < statements.length - 1) text += statement.background ? " " : `${separator(text)}\n${indent}`;
  });
  return text;
}

/** Behind a here-document a line ends already. */
const separator = (text: string): string => (text.endsWith("\n") ? "" : ";");

/** Statements within a compound command: a semicolon follows them. */
function body(statements: readonly Statement[], indent: string): string {
  const text = list(statements, indent + STEP);
  return `\n${indent}${STEP}${text}${text.endsWith("&") ? "" : separator(text)}\n${indent}`;
}

function statementText(statement: Statement, indent: string): string {
  return statement.pipelines.map((pipeline, at) => `${at === 0 ? "" : ` ${statement.operators[at - 1] ?? "&&"} `}${pipelineText(pipeline, indent)}`).join("");
}

function pipelineText(pipeline: Pipeline, indent: string): string {
  const stages = pipeline.commands.map((stage, at) => command(stage, indent) + (at === pipeline.commands.length - 1 ? "" : pipeline.pipeStderr?.[at] === true ? " 2>&1 | " : " | "));
  return `${pipeline.timed === true ? "time " : ""}${pipeline.negated ? "! " : ""}${stages.join("")}`;
}

function command(node: Command, indent: string): string {
  if (node.type === "FunctionDef") return `function ${node.name} () \n${block(node.body, indent)}${redirectionTexts(node.redirections)}`;
  if (node.type === "SimpleCommand") return simple(node);
  return compound(node, indent) + redirectionTexts(node.redirections);
}

function simple(node: CommandOf<"SimpleCommand">): string {
  const words = [...node.assignments.map(assignment), ...(node.name === null ? [] : [node.name, ...node.args].map(wordText))].join(" ");
  return `${words}${redirectionTexts(node.redirections)}`.trimStart();
}

function assignment({ name, append, value, array }: Assignment): string {
  const text = array === null ? (value === null ? "" : wordText(value)) : `(${array.map(wordText).join(" ")})`;
  return `${name}${append ? "+" : ""}=${text}`;
}

type Compound = Exclude<Command, { type: "SimpleCommand" | "FunctionDef" }>;

function compound(node: Compound, indent: string): string {
  switch (node.type) {
    case "If": return conditional(node, indent);
    case "For": return `${loopHead(node)};\n${indent}do${body(node.body, indent)}done`;
    case "CStyleFor": return `for ((${[node.init, node.condition, node.update].map((part) => part?.originalText ?? "1").join("; ")}))\n${indent}do${body(node.body, indent)}done`;
    case "While": return `while ${list(node.condition, indent)}; do${body(node.body, indent)}done`;
    case "Until": return `until ${list(node.condition, indent)}; do${body(node.body, indent)}done`;
    case "Case": return choice(node, indent);
    case "Group": return `{ \n${indent}${STEP}${list(node.body, indent + STEP)}\n${indent}}`;
    case "Subshell": return `( ${list(node.body, indent)} )`;
    case "ArithmeticCommand": return `((${node.expression.originalText ?? ""}))`;
    case "ConditionalCommand": return `[[ ${condition(node.expression)} ]]`;
  }
}

function loopHead(node: CommandOf<"For">): string {
  const words = node.words === null ? '"$@"' : node.words.map(wordText).join(" ");
  return node.variable.startsWith(SELECT) ? `select ${node.variable.slice(SELECT.length)} in ${words}` : `for ${node.variable} in ${words}`;
}

/** `elif` is shown as an `if` within `else`. */
function conditional({ clauses, elseBody }: Pick<CommandOf<"If">, "clauses" | "elseBody">, indent: string): string {
  const [first, ...rest] = clauses;
  if (first === undefined) return "";
  const head = `if ${list(first.condition, indent)}; then${body(first.body, indent)}`;
  if (rest.length > 0) return `${head}else\n${indent}${STEP}${conditional({ clauses: rest, elseBody }, indent + STEP)};\n${indent}fi`;
  return elseBody === null ? `${head}fi` : `${head}else${body(elseBody, indent)}fi`;
}

function choice(node: CommandOf<"Case">, indent: string): string {
  const inner = indent + STEP;
  const items = node.items.map((item) => `${inner}${item.patterns.map(wordText).join(" | ")})\n${item.body.length === 0 ? "" : `${inner}${STEP}${list(item.body, inner + STEP)}`}\n${inner}${item.terminator}\n`);
  return `case ${wordText(node.word)} in \n${items.join("")}${indent}esac`;
}

function condition(node: Condition): string {
  switch (node.type) {
    case "CondAnd": return `${condition(node.left)} && ${condition(node.right)}`;
    case "CondOr": return `${condition(node.left)} || ${condition(node.right)}`;
    case "CondNot": return `! ${condition(node.operand)}`;
    case "CondGroup": return `( ${condition(node.expression)} )`;
    case "CondWord": return wordText(node.word);
    case "CondUnary": return `${node.operator} ${wordText(node.operand)}`;
    case "CondBinary": return `${wordText(node.left)} ${node.operator} ${wordText(node.right)}`;
  }
}

/** Redirections as they follow a command; here-documents have their text at the end. */
function redirectionTexts(redirections: readonly Redirection[]): string {
  const documents = redirections.flatMap(({ target }) => (target.type === "HereDoc" ? [`${documentText(target.content)}${target.delimiter}\n`] : []));
  return redirections.map((redirection) => ` ${redirectionText(redirection)}`).join("") + (documents.length === 0 ? "" : `\n${documents.join("")}`);
}

function redirectionText({ fd, fdVariable, operator, target }: Redirection): string {
  const from = fdVariable === undefined ? (fd ?? "") : `{${fdVariable}}`;
  if (target.type === "HereDoc") return `${from}${operator}${target.quoted ? `'${target.delimiter}'` : target.delimiter}`;
  const text = wordText(target);
  if (operator !== ">&" && operator !== "<&") return `${from}${operator} ${text}`;
  return `${from === "" ? (operator === ">&" ? "1" : "0") : from}${operator}${text}`;
}
