/** The program `node`. */

import type { ProcessStart } from "../contract.ts";
import { asyncHooksModule, provideHooks } from "./async/hooks.ts";
import { exit, output } from "./calls.ts";
import { Failures, omitVersion } from "./failures.ts";
import { installGlobals, keep } from "./globals.ts";
import { importFrom, installEsm, stillAwaits } from "./loader/esm/loader.ts";
import { runtimeOfCaller } from "./loader/caller.ts";
import { installEval } from "./loader/evals.ts";
import { readText } from "./loader/files.ts";
import { installFunctions } from "./loader/functions.ts";
import { moduleModule } from "./loader/module-api.ts";
import { installShown } from "./loader/shown.ts";
import { arrange, begin } from "./loop.ts";
import { processConsole } from "./modules/console.ts";
import { builtin, provide } from "./modules/index.ts";
import { posix } from "./modules/path.ts";
import { parseEnv } from "./modules/util/functions.ts";
import { BadOption, knownOptions, parseOptions, type Options } from "./options.ts";
import { createProcess, finish, type NodeProcess } from "./process.ts";
import { runProgram } from "./run.ts";
import { installStacks } from "./stacks.ts";
import { awaitStart, reportError, restrict, type Inside } from "./threads/inside.ts";
import { threadsModule, type Self } from "./threads/worker.ts";
import { VERSION } from "./version.ts";
import { allowVmModules, vmModule } from "./vm/index.ts";
import { warnThrough } from "./warnings.ts";

const encoder = new TextEncoder();
const native = keep();

/** Run what the arguments name; in a thread, what its starter says. */
export function runNode(start: ProcessStart): void {
  const { thread } = start;
  if (thread !== undefined) return awaitStart(thread, (inside) => begin(() => runThread(start, inside)));
  const options = optionsOf(start.args, start.env.NODE_OPTIONS);
  if (options.version) say(`${VERSION}\n`);
  if (options.help) say(`Usage: node [options] [ script.js ] [arguments]\n\nOptions of the local WebContainer engine:\n${knownOptions().map((name) => `  ${name}\n`).join("")}`);
  const process = createProcess(start);
  readEnvironment(process, options);
  process.argv = [String(process.execPath), ...options.rest];
  arise(process, options, new Failures(process, options.rejections), undefined);
  runProgram(process, options);
}

function say(text: string): never {
  output(1, encoder.encode(text));
  exit(0);
}

function refuse(why: string): never {
  output(2, encoder.encode(`node: ${why}\n`));
  exit(9);
}

function optionsOf(args: readonly string[], environment?: string): Options {
  try {
    const options = parseOptions(args, environment);
    if (options.gc && native.gc === undefined) throw new BadOption("--expose-gc is not supported by the local WebContainer engine: its browser was started without it");
    return options;
  } catch (error) {
    if (error instanceof BadOption) refuse(error.message);
    throw error;
  }
}

/** `--env-file`: what the environment has already stays. */
function readEnvironment(process: NodeProcess, { envFiles }: Options): void {
  for (const { path, optional } of envFiles) {
    let text: string;
    try {
      text = readText(posix.resolve((process.cwd as () => string)(), path));
    } catch {
      if (!optional) refuse(`${path}: not found`);
      output(2, encoder.encode(`${path} not found. Continuing without it.\n`));
      continue;
    }
    const given = { ...process.env };
    Object.assign(process.env, parseEnv(text), given);
  }
}

function runThread(start: ProcessStart, inside: Inside): void {
  const { script, evaluate, argv, execArgv, stdout, stderr } = inside.start;
  const options = { ...optionsOf(execArgv, start.env.NODE_OPTIONS), interactive: false, ...evaluate ? { evaluate: script } : {}, rest: evaluate ? [...argv] : [script, ...argv] };
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
  if (options.vmModules) allowVmModules();
  provide({ worker_threads: threadsModule(process.pid, self) });
  builtin("console");
  installEsm();
  installFunctions();
  installEval(runtimeOfCaller);
  installShown();
  provideHooks();
  alter(process, options);
}

/** What options change of the process and its globals. */
function alter(process: NodeProcess, options: Options): void {
  for (const name of options.hidden) Reflect.deleteProperty(globalThis, name);
  if (options.title !== undefined) process.title = options.title;
  if (options.stackLimit !== undefined) Error.stackTraceLimit = options.stackLimit;
  if (options.gc) Object.defineProperty(globalThis, "gc", { value: native.gc, writable: true, enumerable: true, configurable: false });
  if (!options.extraInfo) omitVersion();
}

function warn(process: NodeProcess, options: Options): void {
  warnThrough(process, (text) => process.stderr.write(text), { silent: !options.warnings || process.env.NODE_NO_WARNINGS === "1", trace: options.traceWarnings, silenced: options.silenced });
  if (!options.deprecation) process.noDeprecation = true;
  if (options.throwDeprecation) process.throwDeprecation = true;
  if (options.traceDeprecation) process.traceDeprecation = true;
}

/** Node's exit code of a program that still awaits at its top level when nothing can happen any more. */
const UNSETTLED = 13;

function endCode(process: NodeProcess): number {
  return Number(process.exitCode ?? 0);
}
