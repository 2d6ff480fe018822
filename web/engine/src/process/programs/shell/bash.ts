/** The programs `bash`, `sh` and `jsh`, and utilities as processes of their own. */

import type { ProcessStart } from "../../../contract.ts";
import { dispatch } from "./commands.ts";
import { setOption } from "./options.ts";
import { reason } from "./redirect.ts";
import { runScript } from "./run.ts";
import { Shell } from "./shell.ts";
import { OPTIONS, ShellError, State } from "./state.ts";
import { hold, readUntil, type Target } from "./streams.ts";
import { parse, ScriptSyntaxError, unterminated } from "./syntax.ts";
import type { System } from "./system.ts";
import { Utilities } from "./utilities.ts";

/** What the command line of a shell says. */
export interface Invocation {
  readonly login: boolean;
  readonly command: string | null;
  readonly script: string | null;
  readonly options: readonly (readonly [string, boolean])[];
  readonly positional: readonly string[];
  /** `$0`, when the command line gives it. */
  readonly name: string | null;
}

/** Read a shell's command line. Throws ShellError for options that there are not. */
export function invocation(args: readonly string[]): Invocation {
  const read = words(args);
  const { login, options } = read;
  const rest = args.slice(read.count);
  if (read.letters.has("c")) {
    if (rest[0] === undefined) throw new ShellError("-c: option requires an argument", 2);
    return { login, command: rest[0], script: null, options, name: rest[1] ?? null, positional: rest.slice(2) };
  }
  const script = read.letters.has("s") ? undefined : rest[0];
  return { login, command: null, script: script ?? null, options, name: script ?? null, positional: script === undefined ? rest : rest.slice(1) };
}

const LONG = new Set(["--version", "--norc", "--noprofile", "--posix"]);

/** The options of a shell: how many words they take, which of them tell where the script is (`c`, `s`), and the others. */
function words(args: readonly string[]): { count: number; login: boolean; letters: ReadonlySet<string>; options: [string, boolean][] } {
  const options: [string, boolean][] = [];
  const letters = new Set<string>();
  let at = 0;
  for (; /^[-+]./.test(args[at] ?? ""); at += 1) {
    const arg = args[at] ?? "";
    if (arg === "--") {
      at += 1;
      break;
    }
    if (arg === "--login") letters.add("l");
    else if (LONG.has(arg)) options.push([arg, true]);
    else if (arg.startsWith("--")) throw new ShellError(`${arg}: invalid option`, 2);
    else for (const letter of arg.slice(1)) {
      if (letter === "o") options.push([args[++at] ?? "", arg.startsWith("-")]);
      else if ("cls".includes(letter)) letters.add(letter);
      else options.push([optionOf(letter), arg.startsWith("-")]);
    }
  }
  return { count: at, login: letters.has("l"), letters, options };
}

function optionOf(letter: string): string {
  if (letter === "i") throw new ShellError("interactive shells (-i) are not supported by the local WebContainer engine", 2);
  const name = Object.hasOwn(OPTIONS, letter) ? OPTIONS[letter] : undefined;
  if (name === undefined) throw new ShellError(`-${letter}: invalid option`, 2);
  return name;
}

/** A shell whose state comes from a process's start. */
export function shellOf(system: System, start: Pick<ProcessStart, "cwd" | "env">, name: string): Shell {
  const state = new State();
  state.name = name;
  state.cwd = start.cwd;
  for (const [key, value] of Object.entries(start.env)) {
    if (/^[A-Za-z_]\w*$/.test(key)) state.variables.set(key, { value, exported: true, readonly: false, integer: false, keyed: false });
  }
  const own: Readonly<Record<string, string>> = { IFS: " \t\n", OPTIND: "1", BASH_VERSION: "5.2.15(1)-release", BASH: "/usr/bin/bash", HOSTNAME: "localhost", HOSTTYPE: "x86_64", OSTYPE: "linux-gnu", MACHTYPE: "x86_64-pc-linux-gnu", UID: "0", EUID: "0", PS4: "+ " };
  for (const [key, value] of Object.entries(own)) if (key === "IFS" || !state.variables.has(key)) state.set(key, value);
  state.writable("PWD").exported = true;
  state.set("PWD", start.cwd);
  const level = state.writable("SHLVL");
  level.exported = true;
  level.value = String(Number(state.get("SHLVL") ?? 0) + 1);
  const world = { utilities: new Utilities(), jobs: [], pending: [], interrupt: null, nextPid: (system.pid + 1) * 10_000, optionOffset: { index: 1, at: 1 }, folders: [], inline: false };
  const shell = new Shell(system, world, state);
  for (const fd of [0, 1, 2] as const) {
    const target: Target = { kind: "inherited", fd };
    hold(target);
    state.descriptors.set(fd, target);
  }
  return shell;
}

const PROFILES = ["/etc/profile"];
const OWN_PROFILES = [".bash_profile", ".bash_login", ".profile"];

/** Run a shell, or a utility (`command`, whose name is the first argument); the answer is the exit code. */
export async function runBash(system: System, start: ProcessStart): Promise<number> {
  if (start.program === "command") {
    const shell = shellOf(system, start, "bash");
    return shell.runSubshell(() => dispatch(shell, start.args, true));
  }
  const shell = shellOf(system, start, start.program);
  let found: Invocation;
  try {
    found = invocation(start.args);
    for (const [name, on] of found.options) if (!name.startsWith("--")) setOption(shell, name, on);
  } catch (error) {
    if (!(error instanceof ShellError)) throw error;
    await shell.print(2, `${start.program}: ${error.message}\n`);
    return error.code;
  }
  if (found.options.some(([name]) => name === "--version")) {
    await shell.print(1, "GNU bash, version 5.2.15(1)-release compatible: the local WebContainer engine\n");
    return 0;
  }
  shell.state.lastArgument = "/usr/bin/bash";
  shell.state.positional = [...found.positional];
  if (found.name !== null) shell.state.name = found.name;
  return shell.runSubshell(() => perform(shell, found));
}

async function perform(shell: Shell, found: Invocation): Promise<number> {
  if (found.login) shell.state.shopt.add("login_shell");
  if (found.login && !found.options.some(([name]) => name === "--noprofile")) await profiles(shell);
  if (found.command !== null) {
    shell.world.inline = true;
    return runText(shell, found.command);
  }
  if (found.script !== null) {
    const text = scriptText(shell, found.script);
    shell.state.sources = [found.script];
    return runText(shell, text);
  }
  return runInput(shell);
}

/** The files that a login shell reads first. */
async function profiles(shell: Shell): Promise<void> {
  const home = shell.state.get("HOME") ?? "/";
  const own = OWN_PROFILES.map((name) => `${home}/${name}`);
  const kinds = shell.system.files("fs.kinds", [...PROFILES, ...own]);
  const first = own.find((_, at) => kinds[PROFILES.length + at] === 1);
  const present = [...PROFILES.filter((_, at) => kinds[at] === 1), ...(first === undefined ? [] : [first])];
  for (const path of present) await dispatch(shell, ["source", path], true);
}

function scriptText(shell: Shell, script: string): string {
  const path = shell.resolve(script);
  try {
    return new TextDecoder().decode(shell.system.files("fs.readFile", path));
  } catch (error) {
    const why = reason(error);
    if (why === null) throw error;
    throw new ShellError(`${script}: ${why}`, (error as { code?: string }).code === "ENOENT" ? 127 : 126);
  }
}

async function runText(shell: Shell, text: string): Promise<number> {
  return runScript(shell, parse(text));
}

/** A script on standard input, statement by statement as far as its lines go. */
async function runInput(shell: Shell): Promise<number> {
  let pending = "";
  let status = 0;
  for (;;) {
    const line = await readUntil(shell.system, shell.state.descriptors.get(0), 10);
    if (line === null) break;
    pending += new TextDecoder().decode(line);
    const script = complete(pending);
    if (script === null) continue;
    pending = "";
    status = await runScript(shell, script);
  }
  return pending.trim() === "" ? status : runText(shell, pending);
}

/** The statements of a text, null when it goes on in a line to come. */
function complete(text: string): ReturnType<typeof parse> | null {
  if (text.endsWith("\\\n")) return null;
  try {
    const script = parse(text);
    return unterminated(script) || script.statements.some((statement) => statement.deferredError !== undefined) ? null : script;
  } catch (error) {
    if (error instanceof ScriptSyntaxError) return null;
    throw error;
  }
}
