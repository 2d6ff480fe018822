/** What `node` runs: a file, a text from the command line or from stdin, tests. */

import { exit } from "./calls.ts";
import { createRequire, formatOf, Module, requireFor, runMain } from "./loader/cjs.ts";
import { evaluateText } from "./loader/compile.ts";
import { importEntry, importFrom, importText, saysModule } from "./loader/esm/loader.ts";
import { readText } from "./loader/files.ts";
import { addConditions } from "./loader/resolve.ts";
import { globalEdits } from "./loader/evals.ts";
import { runtimeFor } from "./loader/runtime.ts";
import { compileCommonJs, editsOf, looksLikeModule } from "./loader/script.ts";
import { textRecord } from "./loader/esm/sources.ts";
import { builtin, builtins } from "./modules/index.ts";
import { invalidArgValue, nodeError, unsupported } from "./modules/errors.ts";
import { posix } from "./modules/path.ts";
import type { Options } from "./options.ts";
import type { NodeProcess } from "./process.ts";

const PROMPT = "the interactive prompt of node (REPL)";

/** Start the program. Errors of its first turn are thrown. */
export function runProgram(process: NodeProcess, options: Options): void {
  addConditions(options.conditions);
  const cwd = (process.cwd as () => string)();
  preload(options.requires, cwd);
  if (options.imports.length === 0) return start(process, options, cwd);
  void importAll(options.imports, cwd).then(() => start(process, options, cwd));
}

function preload(ids: readonly string[], cwd: string): void {
  if (ids.length === 0) return;
  const parent = new Module("internal/preload");
  parent.paths = Module._nodeModulePaths(cwd);
  parent.path = cwd;
  for (const id of ids) {
    if (id.startsWith("./") || id.startsWith("../")) createRequire(posix.join(cwd, "[preload]"))(id);
    else parent.require(id);
  }
}

async function importAll(specifiers: readonly string[], cwd: string): Promise<void> {
  for (const specifier of specifiers) await importFrom(specifier, posix.join(cwd, "[import]"));
}

function start(process: NodeProcess, options: Options, cwd: string): void {
  if (options.test) return runTests(options, cwd);
  const [script] = options.rest;
  refusePrompt(options);
  if (options.evaluate !== undefined) return runText(process, options, "[eval]", options.evaluate);
  if (options.print) throw invalidArgValue("--print", undefined, "requires an argument");
  if (script === undefined || options.stdin) return fromStdin(process, options);
  const { file, format } = runMain(posix.resolve(cwd, script));
  process.argv[1] = file;
  if (options.check) return check(file);
  if (format === "module" || (format === undefined && !file.endsWith(".json") && saysModule(readText(file), file))) {
    void importEntry(file);
    return;
  }
  Module._load(file, null, true);
}

/** `-i` counts where no file is run. */
function refusePrompt({ interactive, evaluate, stdin, rest }: Options): void {
  if (interactive && (evaluate !== undefined || stdin || rest.length === 0)) throw unsupported(PROMPT);
}

/** Only read it: `node --check`. */
function check(file: string): never {
  const text = readText(file);
  if (formatOf(file) === "module" || (formatOf(file) === undefined && saysModule(text, file))) textRecord({ url: `file://${file}`, path: file, text });
  else compileCommonJs(text, file);
  exit(0);
}

function runTests(options: Options, cwd: string): void {
  const runner = builtin("test") as { runFiles?: (files: readonly string[], cwd: string, options: Options["testOptions"]) => void } | undefined;
  if (runner?.runFiles === undefined) throw unsupported("node --test");
  runner.runFiles(options.rest, cwd, options.testOptions);
}

/** Read all of stdin, then run it. */
function fromStdin(process: NodeProcess, options: Options): void {
  const stdin = process.stdin as { isTTY?: boolean; on(name: string, listener: (chunk: never) => void): unknown; setEncoding(name: string): unknown };
  if (stdin.isTTY === true) throw unsupported(PROMPT);
  if (options.stdin) process.argv.splice(1, 0, "-");
  let text = "";
  stdin.setEncoding("utf8");
  stdin.on("data", (chunk: string) => {
    text += chunk;
  });
  stdin.on("end", () => runText(process, options, "[stdin]", text));
}

function runText(process: NodeProcess, options: Options, name: string, text: string): void {
  const cwd = (process.cwd as () => string)();
  const cannotPrint = (): void => {
    if (options.print) throw nodeError(Error, "ERR_EVAL_ESM_CANNOT_PRINT", "--print cannot be used with ESM input");
  };
  if (options.inputType === "module") cannotPrint();
  if (options.inputType === "module") return void importText(text, cwd, "[eval1]");
  if (options.inputType !== undefined && options.inputType !== "commonjs") throw invalidArgValue("--input-type", options.inputType, 'must be "module" or "commonjs"');
  const module = new Module(name);
  module.filename = posix.join(cwd, name);
  module.paths = Module._nodeModulePaths(cwd);
  const define = (key: string, value: unknown): void => void Object.defineProperty(globalThis, key, { value, writable: true, configurable: true, enumerable: false });
  for (const [key, value] of Object.entries({ module, exports: module.exports, require: requireFor(module), __filename: name, __dirname: "." })) define(key, value);
  builtinGlobals();
  let edits: ReturnType<typeof editsOf>;
  let result: unknown;
  try {
    edits = editsOf(text, name);
    result = evaluateText({ name, text, edits: globalEdits(edits, runtimeFor(module.filename)), head: "", tail: "" });
  } catch (error) {
    if (options.inputType !== undefined || !looksLikeModule(error, text, name)) throw error;
    cannotPrint();
    return void importText(text, cwd, "[eval1]");
  }
  if (options.print) (builtin("console") as Console).log(result);
}

/** Core modules as globals of a text: made when first read. */
function builtinGlobals(): void {
  for (const name of Object.keys(builtins)) {
    if (name.includes("/") || name.startsWith("_") || name in globalThis) continue;
    Object.defineProperty(globalThis, name, {
      configurable: true,
      enumerable: false,
      get: () => builtin(name),
      set: (value: unknown) => Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: true }),
    });
  }
}
