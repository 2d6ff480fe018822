/** The program `node`. */

import type { ProcessStart } from "../contract.ts";
import { exit, output } from "./calls.ts";
import { Failures } from "./failures.ts";
import { installGlobals, keep } from "./globals.ts";
import { alive, arrange } from "./loop.ts";
import { processConsole } from "./modules/console.ts";
import { builtin, provide } from "./modules/index.ts";
import { BadOption, parseOptions, type Options } from "./options.ts";
import { createProcess, finish, type NodeProcess } from "./process.ts";
import { runProgram } from "./run.ts";
import { installStacks } from "./stacks.ts";
import { VERSION } from "./version.ts";
import { warnThrough } from "./warnings.ts";

const encoder = new TextEncoder();
const native = keep();

/** Run what the arguments name. */
export function runNode(start: ProcessStart): void {
  let options: Options;
  try {
    options = parseOptions(start.args);
  } catch (error) {
    if (!(error instanceof BadOption)) throw error;
    output(2, encoder.encode(`node: ${error.message}\n`));
    exit(9);
  }
  if (options.version) {
    output(1, encoder.encode(`${VERSION}\n`));
    exit(0);
  }
  const process = createProcess(start);
  process.execArgv = options.execArgv;
  process.argv = [String(process.execPath), ...options.rest];
  const failures = new Failures(process, options.rejections);
  installStacks();
  failures.watch(native);
  arrange(() => idle(process));
  provide({ process: () => process, console: () => processConsole(() => process.stdout, () => process.stderr) });
  warn(process, options);
  installGlobals(process, native, failures.fail);
  builtin("console");
  runProgram(process, options);
}

function warn(process: NodeProcess, options: Options): void {
  warnThrough(process, (text) => process.stderr.write(text), { silent: !options.warnings, trace: options.traceWarnings });
  if (!options.deprecation) process.noDeprecation = true;
  if (options.throwDeprecation) process.throwDeprecation = true;
  if (options.traceDeprecation) process.traceDeprecation = true;
}

/** Nothing is left to do: the program may add something once more, else the process ends. */
function idle(process: NodeProcess): void {
  const code = process.exitCode;
  process.emit("beforeExit", typeof code === "number" ? code : 0);
  if (alive()) return;
  finish(process, Number(process.exitCode ?? unsettled()));
}

/** The exit code when the program is over: 13 when it still awaits at its top level. */
let unsettled: () => number = () => 0;

/** Ask this for the exit code of a program that has not set one. */
export function exitCodeBy(ask: () => number): void {
  unsettled = ask;
}
