/**
 * The utilities (`ls`, `grep`, `sed`, `awk` and some seventy others) of just-bash, over this machine's files.
 *
 * They take all of their input and give all of their output at once, so the shell's own language is not just-bash's
 * interpreter: programs and pipelines have to stream. Only its parser and its utilities are used.
 */

import { Bash, defineCommand, getCommandNames, type CustomCommand, type ExecResult } from "just-bash";
import { runSimpleText } from "./nested.ts";
import type { Shell } from "./shell.ts";
import { UtilityFiles, OUTPUT_PATH } from "./files.ts";

/** How a utility ended. */
export interface UtilityResult {
  readonly stdout: Uint8Array;
  readonly stderr: string;
  readonly code: number;
}

/** Names that just-bash has and this engine has not: they are no part of a machine, or need what browsers lack. */
const WITHOUT = new Set(["bash", "sh", "js-exec", "python", "python3", "sqlite3", "help", "history", "alias", "unalias", "html-to-markdown", "hostname", "clear", "time", "env", "xargs", "timeout", "sleep", "which", "curl", "wget", "nohup", "true", "false", "echo", "printf", "pwd"]);

const UNLIMITED = [
  "maxSourceBytes", "maxExecDepth", "maxCommandCount", "maxLoopIterations", "maxAwkIterations", "maxSedIterations", "maxJqIterations", "maxQueryTokens",
  "maxQueryElements", "maxAwkParserTokens", "maxAwkParserOperations", "maxCsvRows", "maxCsvCells", "maxWorkUnits", "maxTraversalEntries", "maxTraversalDepth", "maxTraversalWork",
  "maxLiveBytes", "maxInputBytes", "maxArchiveBytes", "maxArchiveCompressedBytes", "maxArchiveEntryBytes", "maxArchiveEntries", "maxGlobOperations", "maxStringLength",
  "maxArrayElements", "maxHeredocSize", "maxBraceExpansionResults", "maxOutputSize", "maxExecutionTimeMs",
];

/** All utilities of one shell process. */
export class Utilities {
  private readonly names = new Set(getCommandNames().filter((name) => !WITHOUT.has(name)));

  has(name: string): boolean {
    return this.names.has(name);
  }

  /** Run a utility with all of its input. */
  async run(shell: Shell, name: string, args: readonly string[], input: Uint8Array): Promise<UtilityResult> {
    // One of their own for each run: they run at the same time, for different shells.
    const files = new UtilityFiles(shell.system, this.names);
    const bash = new Bash({ fs: files, cwd: "/", defenseInDepth: false, executionLimits: limits(), customCommands: nested(shell) });
    const result = await bash.exec(`${name} > ${OUTPUT_PATH}`, {
      args: name === "tr" ? args.map(octal) : operands(name, args), cwd: shell.state.cwd, env: { ...shell.state.environment(), PATH: "/usr/bin" }, replaceEnv: true, stdin: latin1(input), stdinKind: "bytes", rawScript: true,
    });
    return { stdout: files.takeOutput(), stderr: result.stderr.replace(/^bash: /gm, ""), code: result.exitCode };
  }
}

/** just-bash's `paste` wants its standard input named, and its options apart. */
function operands(name: string, args: readonly string[]): string[] {
  if (name !== "paste") return [...args];
  const apart = args.flatMap((arg) => (/^-s./.test(arg) ? ["-s", `-${arg.slice(2)}`] : [arg])).flatMap((arg) => (/^-d./.test(arg) ? ["-d", arg.slice(2)] : [arg]));
  const files = apart.filter((arg, at) => !/^-./.test(arg) && apart[at - 1] !== "-d");
  return files.length === 0 ? [...apart, "-"] : apart;
}

function limits(): Record<string, number> {
  return Object.fromEntries(UNLIMITED.map((name) => [name, Number.MAX_SAFE_INTEGER]));
}

/** Programs that utilities start in turn (`find -exec`): everything that is no utility goes back to the shell. */
function nested(shell: Shell): CustomCommand[] {
  return ["node", "npm", "npx", "bash", "sh", "echo", "printf", "true", "false", "env", "xargs", "test"].map((name) =>
    defineCommand(name, async (args, context): Promise<ExecResult> => {
      const { stdout, stderr, code } = await runSimpleText(shell, [name, ...args], context.cwd);
      return { stdout, stderr, exitCode: code, stdoutKind: "bytes" };
    }),
  );
}

/** Bytes as a text of one character each: how just-bash takes them. */
export function latin1(data: Uint8Array): string {
  let text = "";
  for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192));
  return text;
}

/** Utilities that read their input when no file is named: the number of operands before the files. */
const READERS: Readonly<Record<string, number>> = {
  cat: 0, grep: 1, egrep: 1, fgrep: 1, rg: 1, sed: 1, awk: 1, sort: 0, uniq: 0, wc: 0, head: 0, tail: 0, tr: 9, cut: 0, tee: 9, jq: 1, yq: 1, base64: 0, md5sum: 0,
  sha1sum: 0, sha256sum: 0, rev: 0, nl: 0, fold: 0, expand: 0, unexpand: 0, strings: 0, column: 0, paste: 0, join: 0, comm: 0, diff: 9, tac: 0, od: 0, gzip: 0,
  gunzip: 0, zcat: 0, tar: 9, xan: 1, file: 0,
};

/** Whether a utility is going to read its standard input: it does when no file is named, or `-` is. */
export function readsInput(shell: Shell, name: string, args: readonly string[]): boolean {
  const before = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
  if (before === undefined) return false;
  if (args.includes("-") || args.includes("/dev/stdin")) return true;
  if (before === 9) return name === "tr" || name === "tee" || (name === "tar" && !args.some((arg) => /^(-\w*|\w+)f$|^--file/.test(arg)));
  if ((name === "grep" || name === "egrep" || name === "rg") && args.some((arg) => /^(-\w*[rR]\w*|--recursive)$/.test(arg))) return false;
  if (name === "rg" && shell.state.descriptors.get(0)?.kind === "inherited") return false;
  const scripted = args.some((arg) => /^(-\w*[ef]|--expression|--file|--regexp)/.test(arg));
  const operands = args.filter((arg) => !arg.startsWith("-")).slice(scripted ? 0 : before);
  return !shell.system.files("fs.kinds", operands.map((operand) => shell.resolve(operand))).some((kind) => kind !== 0) && !(operands.length > 0 && /[./]/.test(operands.at(-1) ?? ""));
}

/** A set of `tr` with its octal escapes done: just-bash's knows the others. */
function octal(set: string): string {
  return set.replace(/\\(\\|[0-7]{1,3})/g, (all: string, digits: string) => (digits === "\\" ? all : String.fromCharCode(Number.parseInt(digits, 8) & 255)));
}
