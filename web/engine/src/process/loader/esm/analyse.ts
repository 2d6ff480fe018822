/** An ES module's text: what it asks for, what it gives, and the edits that make it the body of a function. */

import { parse, type AnyNode, type ExportDefaultDeclaration, type ExportNamedDeclaration, type Identifier, type ImportDeclaration, type Literal } from "acorn";
import { RUNTIME, SAVED } from "../awaits.ts";
import { sorted, type Edit } from "../edits.ts";
import { MAY_EVAL, programEdits } from "../evals.ts";
import { referenceEdits, type References } from "./references.ts";
import { boundNames, scopesHiding } from "./scopes.ts";

/** Another module that is asked for. */
export interface Request {
  readonly specifier: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A name taken from a request; `*` is its whole namespace. `at` is the offset for messages. */
export interface Taken {
  readonly request: number;
  readonly name: string;
  readonly at: number;
}

/** What a text says. */
export interface Analysis {
  readonly requests: readonly Request[];
  /** By local name. */
  readonly imports: ReadonlyMap<string, Taken>;
  /** Exported names and the local names behind them. */
  readonly locals: ReadonlyMap<string, string>;
  /** Exported names that come from other modules. */
  readonly indirect: ReadonlyMap<string, Taken>;
  /** Requests of `export *`. */
  readonly stars: readonly number[];
  readonly awaits: boolean;
  readonly edits: readonly Edit[];
  /** What its own text names by its imports' local names. */
  readonly references: References;
  readonly head: string;
}

/** The name of the local variable behind `export default`. */
const DEFAULT = "__runner$default";
export const ENVIRONMENT = "__runner$env";
/** The property of an environment that holds the namespace, beside the exports. */
export const NAMESPACE = "*namespace*";

interface Draft {
  readonly text: string;
  readonly requests: Request[];
  readonly imports: Map<string, Taken>;
  readonly locals: Map<string, string>;
  readonly indirect: Map<string, Taken>;
  readonly stars: number[];
  readonly edits: Edit[];
  unnamed: boolean;
}

const nameOf = (node: Identifier | Literal): string => (node.type === "Identifier" ? node.name : String(node.value));

/** Read a module's text. Throws acorn's SyntaxError with `loc`. `body` is the name of the function around it. */
export function analyse(text: string, body: string): Analysis {
  const program = parse(text, { ecmaVersion: "latest", sourceType: "module", allowHashBang: true });
  const draft: Draft = { text, requests: [], imports: new Map(), locals: new Map(), indirect: new Map(), stars: [], edits: [], unnamed: false };
  for (const statement of program.body) statementOf(statement, draft);
  // An export of an imported name is one of the other module.
  for (const [name, local] of draft.locals) {
    const taken = draft.imports.get(local);
    if (taken === undefined) continue;
    draft.locals.delete(name);
    draft.indirect.set(name, taken);
  }
  const names = references(draft);
  const hiding = MAY_EVAL.test(text) ? scopesHiding(new Set(names.keys()), program) : undefined;
  const { edits: found, awaits } = programEdits(program, `${RUNTIME}.meta`, hiding);
  const edits = sorted([...draft.edits, ...found, ...referenceEdits(program, names)]);
  return { ...draft, awaits: awaits.topLevel, edits, references: names, head: headOf(draft, body, awaits.topLevel, awaits.topLevelSaves) };
}

function references(draft: Draft): References {
  return new Map([...draft.imports].map(([local, taken]) => {
    const key = taken.name === "*" ? NAMESPACE : taken.name;
    return [local, `${ENVIRONMENT}${taken.request}[${JSON.stringify(key)}]`];
  }));
}

function headOf(draft: Draft, body: string, awaits: boolean, saves: boolean): string {
  const environments = draft.requests.map((_, at) => `, ${ENVIRONMENT}${at}`).join("");
  const getters = [...draft.locals].map(([name, local]) => `${JSON.stringify(name)}: () => ${local}`).join(", ");
  const named = draft.unnamed ? `${RUNTIME}.named(${DEFAULT});` : "";
  return `${awaits ? "async " : ""}function* ${body}(${RUNTIME}${environments}) {"use strict";${saves ? `var ${SAVED};` : ""}${named}${RUNTIME}.exports({__proto__: null, ${getters}});yield;`;
}

function request(source: Literal, attributes: ImportDeclaration["attributes"], draft: Draft): number {
  const wanted: Record<string, string> = {};
  for (const { key, value } of attributes) wanted[nameOf(key)] = String(value.value);
  const specifier = String(source.value);
  const known = draft.requests.findIndex((other) => other.specifier === specifier && JSON.stringify(other.attributes) === JSON.stringify(wanted));
  return known === -1 ? draft.requests.push({ specifier, attributes: wanted }) - 1 : known;
}

/** Take a statement out, keeping its lines; what is left ends the statement before it. */
function drop(node: AnyNode, draft: Draft): void {
  const lines = draft.text.slice(node.start, node.end).replace(/[^\n\r\u2028\u2029]/g, "");
  draft.edits.push({ at: node.start, remove: node.end - node.start, insert: `;${lines}` });
}

function statementOf(node: AnyNode, draft: Draft): void {
  switch (node.type) {
    case "ImportDeclaration": {
      const at = request(node.source, node.attributes, draft);
      for (const specifier of node.specifiers) {
        const name = specifier.type === "ImportDefaultSpecifier" ? "default" : specifier.type === "ImportNamespaceSpecifier" ? "*" : nameOf(specifier.imported);
        draft.imports.set(specifier.local.name, { request: at, name, at: specifier.start });
      }
      return drop(node, draft);
    }
    case "ExportAllDeclaration": {
      const at = request(node.source, node.attributes, draft);
      if (node.exported) draft.indirect.set(nameOf(node.exported), { request: at, name: "*", at: node.start });
      else draft.stars.push(at);
      return drop(node, draft);
    }
    case "ExportNamedDeclaration":
      return named(node, draft);
    case "ExportDefaultDeclaration":
      return defaulted(node, draft);
    default:
  }
}

function named(node: ExportNamedDeclaration, draft: Draft): void {
  const { declaration, source } = node;
  if (declaration) {
    const names = declaration.type === "VariableDeclaration" ? declaration.declarations.flatMap(({ id }) => boundNames(id)) : [declaration.id.name];
    for (const name of names) draft.locals.set(name, name);
    draft.edits.push({ at: node.start, remove: 6, insert: "" });
    return;
  }
  const at = source ? request(source, node.attributes, draft) : -1;
  for (const specifier of node.specifiers) {
    const name = nameOf(specifier.exported);
    if (source) draft.indirect.set(name, { request: at, name: nameOf(specifier.local), at: specifier.start });
    else draft.locals.set(name, nameOf(specifier.local));
  }
  drop(node, draft);
}

/** The offset behind `export default`, whatever stands between the words. */
function behindDefault(node: ExportDefaultDeclaration, text: string): number {
  const gap = /^export(?:\s|\/\*[\s\S]*?\*\/|\/\/.*)*default/.exec(text.slice(node.start, node.declaration.start));
  return node.start + (gap?.[0].length ?? 0);
}

function defaulted(node: ExportDefaultDeclaration, draft: Draft): void {
  const { declaration } = node;
  const end = behindDefault(node, draft.text);
  const lines = draft.text.slice(node.start, end).replace(/[^\n\r]/g, "");
  const isFunction = declaration.type === "FunctionDeclaration";
  if ((isFunction || declaration.type === "ClassDeclaration") && declaration.id) {
    draft.locals.set("default", declaration.id.name);
    draft.edits.push({ at: node.start, remove: end - node.start, insert: lines });
    return;
  }
  draft.locals.set("default", DEFAULT);
  if (isFunction) {
    // Hoisted like any function, so it gets a name to be known by, and then the name that it has in Node.
    draft.unnamed = true;
    draft.edits.push({ at: node.start, remove: end - node.start, insert: lines });
    draft.edits.push({ at: openParenthesis(draft.text, declaration.start), remove: 0, insert: ` ${DEFAULT}` });
    return;
  }
  const closed = draft.text[node.end - 1] === ";" && declaration.end < node.end;
  draft.edits.push({ at: node.start, remove: end - node.start, insert: `${lines}const ${DEFAULT} = ({default:` });
  draft.edits.push({ at: closed ? node.end - 1 : node.end, remove: 0, insert: closed ? "}).default" : "}).default;", closes: node.start });
}

/** The parameter list's parenthesis of a function without a name. */
function openParenthesis(text: string, from: number): number {
  const gap = /^(?:\s|\/\*[\s\S]*?\*\/|\/\/.*|async|function|\*)*/.exec(text.slice(from));
  return from + (gap?.[0].length ?? 0);
}
