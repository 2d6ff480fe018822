/** The program `node`. */

import type { ProcessStart } from "../contract.ts";
import { asyncHooksModule, provideHooks } from "./async/hooks.ts";
import { exit, output } from "./calls.ts";
import { Failures } from "./failures.ts";
import { installGlobals, keep } from "./globals.ts";
import { importFrom, installEsm, stillAwaits } from "./loader/esm/loader.ts";
import { runtimeOfCaller } from "./loader/caller.ts";
import { installEval } from "./loader/evals.ts";
import { installFunctions } from "./loader/functions.ts";
import { moduleModule } from "./loader/module-api.ts";
import { installShown } from "./loader/shown.ts";
import { arrange, begin } from "./loop.ts";
import { processConsole } from "./modules/console.ts";
import { builtin, provide } from "./modules/index.ts";
import { BadOption, parseOptions, type Options } from "./options.ts";
import { createProcess, finish, type NodeProcess } from "./process.ts";
import { runProgram } from "./run.ts";
import { installStacks } from "./stacks.ts";
import { awaitStart, reportError, restrict, type Inside } from "./threads/inside.ts";
import { threadsModule, type Self } from "./threads/worker.ts";
import { VERSION } from "./version.ts";
import { vmModule } from "./vm/index.ts";
import { warnThrough } from "./warnings.ts";

const encoder = new TextEncoder();
const native = keep();

/** Run what the arguments name; in a thread, what its starter says. */
export function runNode(start: ProcessStart): void {
  const { thread } = start;
  if (thread !== undefined) return awaitStart(thread, (inside) => begin(() => runThread(start, inside)));
  const options = optionsOf(start.args);
  if (options.version) {
    output(1, encoder.encode(`${VERSION}\n`));
    exit(0);
  }
  const process = createProcess(start);
  process.argv = [String(process.execPath), ...options.rest];
  arise(process, options, new Failures(process, options.rejections), undefined);
  runProgram(process, options);
}

function optionsOf(args: readonly string[]): Options {
  try {
    return parseOptions(args);
  } catch (error) {
    if (!(error instanceof BadOption)) throw error;
    output(2, encoder.encode(`node: ${error.message}\n`));
    exit(9);
  }
}

function runThread(start: ProcessStart, inside: Inside): void {
  const { script, evaluate, argv, execArgv, stdout, stderr } = inside.start;
  const options = { ...optionsOf(execArgv), ...evaluate ? { evaluate: script } : {}, rest: evaluate ? [...argv] : [script, ...argv] };
  const put = (fd: 1 | 2, data: Uint8Array): void => {
    if (fd === 1 ? stdout : stderr) inside.tell({ kind: "output", fd, data });
    else output(fd, data);
  };
  const process = createProcess(start, put);
  restrict(process);
  process.argv = [String(process.execPath), evaluate ? "[worker eval]" : script, ...argv];
  arise(process, options, new Failures(process, options.rejections, reportError(inside)), {
    threadId: inside.threadId, parentPort: inside.parentPort, workerData: inside.start.data, environment: inside.start.environment,
  });
  inside.tell({ kind: "online" });
  if (evaluate || !script.startsWith("data:")) return runProgram(process, options);
  void importFrom(script, `${start.cwd}/[worker]`);
}

/** Everything that a program finds when it starts. */
function arise(process: NodeProcess, options: Options, failures: Failures, self: Self | undefined): void {
  process.execArgv = options.execArgv;
  installStacks();
  failures.watch(native);
  arrange(() => process.emit("beforeExit", endCode(process)), () => finish(process, endCode(process), stillAwaits() ? UNSETTLED : 0));
  provide({
    async_hooks: asyncHooksModule,
    console: () => processConsole(() => process.stdout, () => process.stderr),
    module: moduleModule,
    process: () => process,
    vm: vmModule,
  });
  warn(process, options);
  installGlobals(process, native, failures.fail);
  provide({ worker_threads: threadsModule(process.pid, self) });
  builtin("console");
  installEsm();
  installFunctions();
  installEval(runtimeOfCaller);
  installShown();
  provideHooks();
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
