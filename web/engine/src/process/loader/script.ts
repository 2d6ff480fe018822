/** CommonJS texts: which edits they need, and how they become functions. */

import { parse as parseProgram } from "acorn";
import { parse as lexImports } from "es-module-lexer/minimal/js";
import { whenUsed } from "../async/context.ts";
import { refusal } from "../modules/errors.ts";
import { emitWarning } from "../warnings.ts";
import { RUNTIME } from "./awaits.ts";
import { MAY_EVAL, programEdits } from "./evals.ts";
import { compileFunction, syntaxPlace } from "./compile.ts";
import { sorted, type Edit } from "./edits.ts";
import { runtimeFor } from "./runtime.ts";

/** Longer texts are not parsed for their awaits: it would take seconds. For evals they are, which would find other names otherwise. */
const LONG = 2_000_000;

const PARAMETERS = "exports, require, module, __filename, __dirname";
const MAY_AWAIT = /\bawait\b/;
const CALLS_EVAL = /\beval\s*(?:\(|\/[*/])/;
const MAY_IMPORT = /\bimport\s*(?:\(|\/[*/])/;

/** The function around a CommonJS text. */
export type Body = (this: unknown, ...values: [exports: unknown, require: unknown, module: unknown, file: string, folder: string]) => unknown;

/** Compile a CommonJS text. Throws SyntaxError, its `place` set. */
export function compileCommonJs(text: string, file: string): Body {
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const { edits, isRead } = readEdits(source, file);
  // A direct eval that was not announced would see none of the names around it.
  const blind = !isRead && MAY_EVAL.test(source);
  // A function around it, not a sixth parameter: programs count those of their module's function.
  const open = edits.length > 0 || blind ? `function (${RUNTIME}${blind ? ", eval" : ""}) {return ` : "";
  let body: (...args: unknown[]) => unknown;
  try {
    body = compileFunction({ name: file, text: source, edits, head: `${open}function (${PARAMETERS}) {`, tail: open === "" ? "}" : "}}" });
  } catch (error) {
    if (error instanceof SyntaxError) Object.defineProperty(error, "place", { value: syntaxPlace(file, source, "script"), configurable: true });
    throw error;
  }
  return open === "" ? body : body(runtimeFor(file), refusal("eval", `the engine cannot read ${file}`)) as Body;
}

/** The edits that a text needs: for its awaits, `import()`s and evals. */
export function editsOf(text: string, file: string): Edit[] {
  return readEdits(text, file).edits;
}

/** The same, and whether the text could be read for all of them. */
function readEdits(text: string, file: string): { readonly edits: Edit[]; readonly isRead: boolean } {
  const awaits = MAY_AWAIT.test(text);
  if (!awaits && !MAY_IMPORT.test(text) && !MAY_EVAL.test(text)) return { edits: [], isRead: true };
  if (text.length > LONG && !CALLS_EVAL.test(text)) {
    if (awaits) warnIfUsed(file);
    return { edits: importEdits(text), isRead: true };
  }
  try {
    const program = parseProgram(text, { ecmaVersion: "latest", sourceType: "script", allowReturnOutsideFunction: true, allowHashBang: true });
    return { edits: sorted(programEdits(program).edits), isRead: true };
  } catch {
    // The language's engine reads it next and says in its own words what is wrong.
    return { edits: [], isRead: false };
  }
}

function importEdits(text: string): Edit[] {
  if (!MAY_IMPORT.test(text)) return [];
  const [imports] = lexImports(text);
  return imports.filter(({ d }) => d > -1).map(({ ss }) => ({ at: ss, remove: 6, insert: `${RUNTIME}.load` }));
}

/** Not silently: contexts do not pass the awaits of this file. */
function warnIfUsed(file: string): void {
  whenUsed(() => emitWarning(`AsyncLocalStorage does not follow the awaits inside ${file}: the file is longer than ${LONG} characters`, "UnsupportedWarning"));
}

const MODULE_WORDS = [
  "Cannot use import statement outside a module",
  "Unexpected token 'export'",
  "Cannot use 'import.meta' outside a module",
];
const AWAIT_WORDS = "await is only valid in async functions and the top level bodies of modules";
const REDECLARED = /^Identifier '(?:exports|require|module|__filename|__dirname)' has already been declared$/;

/** Whether a text that failed as CommonJS is an ES module, by Node's rules for files whose package says nothing. */
export function looksLikeModule(error: unknown, text: string, file: string): boolean {
  if (!(error instanceof SyntaxError) || (error as { place?: { file: string } }).place?.file !== file) return false;
  if (MODULE_WORDS.includes(error.message)) return true;
  if (error.message !== AWAIT_WORDS && !REDECLARED.test(error.message)) return false;
  return syntaxPlace(file, text, "module") === undefined;
}
