/** The program `node`. */

import type { ProcessStart } from "../contract.ts";
import { exit, output } from "./calls.ts";
import { Failures } from "./failures.ts";
import { installGlobals, keep } from "./globals.ts";
import { installEsm, stillAwaits } from "./loader/esm/loader.ts";
import { arrange } from "./loop.ts";
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
  arrange(() => process.emit("beforeExit", endCode(process)), () => finish(process, endCode(process), stillAwaits() ? UNSETTLED : 0));
  provide({ process: () => process, console: () => processConsole(() => process.stdout, () => process.stderr) });
  warn(process, options);
  installGlobals(process, native, failures.fail);
  builtin("console");
  installEsm();
  runProgram(process, options);
}

function warn(process: NodeProcess, options: Options): void {
  warnThrough(process, (text) => process.stderr.write(text), { silent: !options.warnings, trace: options.traceWarnings });
  if (!options.deprecation) process.noDeprecation = true;
  if (options.throwDeprecation) process.throwDeprecation = true;
  if (options.traceDeprecation) process.traceDeprecation = true;
}

/** Node's exit code of a program that still awaits at its top level when nothing can happen any more. */
const UNSETTLED = 13;

function endCode(process: NodeProcess): number {
  return Number(process.exitCode ?? 0);
}
