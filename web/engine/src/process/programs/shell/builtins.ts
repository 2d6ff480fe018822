/** The builtins: what a shell does itself. */

import { calculating, evaluateText } from "./arithmetic.ts";
import { dispatch } from "./commands.ts";
import { testCommand } from "./conditions.ts";
import { declare, DECLARATIONS, unset } from "./declarations.ts";
import { functionText } from "./printing.ts";
import { find, PROGRAMS, runProgram } from "./programs.ts";
import { printf, escapes } from "./printf.ts";
import { reason } from "./redirect.ts";
import { runScript } from "./run.ts";
import type { Shell } from "./shell.ts";
import { Exit, LoopJump, Return, ShellError } from "./state.ts";
import { parse, ScriptSyntaxError } from "./syntax.ts";
import { jobs, killCommand, disown, trap, wait } from "./jobs.ts";
import { getopts, mapfile, readCommand } from "./input.ts";
import { setCommand, shopt } from "./options.ts";
import { curl } from "./curl.ts";
import { runTool } from "./tools/io.ts";
import { xargs } from "./tools/xargs.ts";
import { env, timeout } from "./wrappers.ts";

/** A builtin: its status, and what it printed, are the answer. */
export type Builtin = (shell: Shell, args: readonly string[], name: string) => number | Promise<number>;

/** Builtins whose arguments can be assignments. */
export const DECLARING: ReadonlySet<string> = new Set(Object.keys(DECLARATIONS));

const echo: Builtin = async (shell, args) => {
  let at = 0;
  let newline = true;
  let escaped = shell.state.shopt.has("xpg_echo");
  for (; at < args.length && /^-[neE]+$/.test(args[at] ?? ""); at += 1) {
    for (const letter of (args[at] ?? "").slice(1)) {
      if (letter === "n") newline = false;
      else escaped = letter === "e";
    }
  }
  const text = args.slice(at).join(" ");
  if (!escaped) await shell.print(1, newline ? `${text}\n` : text);
  else {
    const { text: shown, stop } = escapes(text, true);
    await shell.print(1, newline && !stop ? `${shown}\n` : shown);
  }
  return 0;
};

const cd: Builtin = async (shell, args) => {
  const operands = args.filter((arg) => !/^-[LPe@]+$/.test(arg) && arg !== "--");
  const to = operands[0] ?? shell.state.get("HOME");
  if (operands.length > 1) throw new ShellError("cd: too many arguments");
  if (to === undefined) throw new ShellError("cd: HOME not set");
  const back = to === "-";
  const name = back ? shell.state.get("OLDPWD") : to;
  if (name === undefined) throw new ShellError("cd: OLDPWD not set");
  const path = shell.resolve(name === "" ? "." : name);
  const kind = shell.system.files("fs.kinds", [path])[0];
  if (kind === 0) throw new ShellError(`cd: ${name}: No such file or directory`);
  if (kind !== 2) throw new ShellError(`cd: ${name}: Not a directory`);
  move(shell, args.includes("-P") ? shell.system.files("fs.realpath", path) : path);
  if (back) await shell.print(1, `${path}\n`);
  return 0;
};

function move(shell: Shell, path: string): void {
  shell.state.set("OLDPWD", shell.state.cwd);
  shell.state.set("PWD", path);
  shell.state.cwd = path;
  if (shell.state.depth === 0) shell.system.chdir(path);
}

const pwd: Builtin = async (shell, args) => {
  await shell.print(1, `${args.includes("-P") ? shell.system.files("fs.realpath", shell.state.cwd) : shell.state.cwd}\n`);
  return 0;
};

function number(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^-?\d+$/.test(text)) throw new ShellError(`${name}: ${text}: numeric argument required`, 2, name === "exit");
  return Number(text);
}

const loopJump = (kind: "break" | "continue"): Builtin => async (shell, args) => {
  if (shell.state.loops === 0) {
    await shell.complain(`${kind}: only meaningful in a \`for', \`while', or \`until' loop`);
    return 0;
  }
  throw new LoopJump(kind, number(kind, args[0], 1));
};

const source: Builtin = async (shell, args, name) => {
  const [file, ...positional] = args;
  if (file === undefined) throw new ShellError(`${name}: filename argument required`, 2);
  let text: string;
  try {
    text = new TextDecoder().decode(shell.system.files("fs.readFile", shell.resolve(file)));
  } catch (error) {
    throw new ShellError(`${file}: ${reason(error) ?? "cannot be read"}`);
  }
  const before = shell.state.positional;
  if (positional.length > 0) shell.state.positional = positional;
  const { state } = shell;
  const { line } = state;
  state.sourced += 1;
  state.calls.unshift("source");
  state.sources.unshift(file);
  state.callLines.unshift(line);
  try {
    return await runScript(shell, parse(text));
  } catch (error) {
    if (error instanceof Return) return error.code;
    if (!(error instanceof ScriptSyntaxError)) throw error;
    await shell.complainSyntax(error);
    return 2;
  } finally {
    state.sourced -= 1;
    for (const stack of [state.calls, state.sources, state.callLines]) stack.shift();
    state.line = line;
    state.positional = before;
  }
};

const returns: Builtin = (shell, args) => {
  if (shell.state.locals.length === 0 && shell.state.sourced === 0) throw new ShellError("return: can only `return' from a function or sourced script", 2);
  throw new Return(number("return", args[0], shell.state.status) & 255);
};

const type: Builtin = async (shell, args) => {
  const count = args.findIndex((arg) => !/^-[afptP]+$/.test(arg));
  const options = args.slice(0, count < 0 ? args.length : count).join("");
  let code = 0;
  for (const name of args.slice(count < 0 ? args.length : args[count] === "--" ? count + 1 : count)) {
    const found = meanings(shell, name, options);
    if (found.length === 0) code = 1;
    if (found.length === 0 && !/[tpP]/.test(options)) await shell.complain(`type: ${name}: not found`);
    for (const meaning of options.includes("a") ? found : found.slice(0, 1)) await shell.print(1, typeText(name, meaning, options));
  }
  return code;
};

/** What a name can mean to the shell, first what it does mean. */
interface Meaning {
  readonly word: "keyword" | "function" | "builtin" | "file";
  /** The path of a file; the text of a function. */
  readonly text: string;
}

function typeText(name: string, { word, text }: Meaning, options: string): string {
  if (options.includes("t")) return `${word}\n`;
  if (/[pP]/.test(options)) return word === "file" ? `${text}\n` : "";
  return sentence(name, { word, text });
}

function sentence(name: string, { word, text }: Meaning): string {
  if (word === "file") return `${name} is ${text}\n`;
  return word === "function" ? `${name} is a function\n${text}` : `${name} is a shell ${word}\n`;
}

function meanings(shell: Shell, name: string, options: string): Meaning[] {
  const defined = options.includes("f") ? undefined : shell.state.functions.get(name);
  const path = where(shell, name) ?? (ALSO_FILES.has(name) ? `/usr/bin/${name}` : null);
  const all: Meaning[] = [
    ...(KEYWORDS.has(name) ? [{ word: "keyword", text: "" } as const] : []),
    ...(defined === undefined ? [] : [{ word: "function", text: functionText(defined) } as const]),
    ...(Object.hasOwn(BUILTINS, name) && !FILES.has(name) ? [{ word: "builtin", text: "" } as const] : []),
    ...(path === null ? [] : [{ word: "file", text: path } as const]),
  ];
  return options.includes("P") ? all.filter(({ word }) => word === "file") : all;
}

const KEYWORDS = new Set(["if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "function", "{", "}", "[[", "]]", "!", "time", "in", "select", "coproc"]);
/** Builtins that a machine has as programs too. */
const ALSO_FILES = new Set(["echo", "printf", "test", "[", "true", "false", "pwd", "kill"]);
/** What is done here but is a program on other machines. */
const FILES = new Set(["env", "xargs", "timeout", "sleep", "which", "curl", "nohup", "clear", "hostname", "nice"]);

function where(shell: Shell, name: string): string | null {
  if (FILES.has(name)) return `/usr/bin/${name}`;
  const found = find(shell, name);
  if (found.kind === "utility") return `/usr/bin/${found.name}`;
  if (found.kind === "refused") return null;
  return PROGRAMS.has(found.path) ? `/usr/bin/${found.path}` : found.path;
}

const which: Builtin = async (shell, args) => {
  let code = args.length === 0 ? 1 : 0;
  for (const name of args.filter((arg) => !arg.startsWith("-"))) {
    const path = where(shell, name) ?? (ALSO_FILES.has(name) ? `/usr/bin/${name}` : null);
    if (path === null) code = 1;
    else await shell.print(1, `${path}\n`);
  }
  return code;
};

const command: Builtin = async (shell, args) => {
  if (args[0] !== "-v" && args[0] !== "-V") return dispatch(shell, args[0] === "-p" || args[0] === "--" ? args.slice(1) : args, true);
  let code = 0;
  for (const name of args.slice(1)) {
    const [meaning] = meanings(shell, name, "");
    if (meaning === undefined) {
      code = 1;
      if (args[0] === "-V") await shell.complain(`command: ${name}: not found`);
    } else if (args[0] === "-V") await shell.print(1, sentence(name, meaning));
    else await shell.print(1, `${meaning.word === "file" ? meaning.text : name}\n`);
  }
  return code;
};

const exec: Builtin = async (shell, args) => {
  if (args[0]?.startsWith("-") === true) throw new ShellError(`exec: ${args[0]} is not supported by the local WebContainer engine`, 2);
  const [name = "", ...rest] = args;
  const found = find(shell, name);
  if (found.kind === "refused") {
    await shell.complain(`exec: ${found.why.replace("command not found", "not found")}`);
    throw new Exit(found.code);
  }
  shell.state.traps.delete("EXIT");
  throw new Exit(await runProgram(shell, name, rest));
};

const evaluateWords: Builtin = async (shell, args) => {
  try {
    return await runScript(shell, parse(args.join(" ")));
  } catch (error) {
    if (!(error instanceof ScriptSyntaxError)) throw error;
    // The text is wrong, not the script around it.
    await shell.complainSyntax(error, `${shell.state.sources[0] ?? shell.state.name}: eval`);
    return 2;
  }
};

const letCommand: Builtin = async (shell, args) => {
  let value = 0n;
  if (args.length === 0) throw new ShellError("let: expression expected");
  for (const arg of args) value = await calculating("let", () => evaluateText(shell, arg));
  return value === 0n ? 1 : 0;
};

const shift: Builtin = (shell, args) => {
  const count = number("shift", args[0], 1);
  if (count > shell.state.positional.length) return 1;
  shell.state.positional = shell.state.positional.slice(count);
  return 0;
};

const sleep: Builtin = async (shell, args) => {
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400 };
  let seconds = 0;
  for (const arg of args) {
    const found = /^(\d+(?:\.\d*)?|\.\d+)([smhd]?)$/.exec(arg);
    if (found === null) {
      await shell.print(2, `sleep: invalid time interval '${arg}'\n`);
      return 1;
    }
    seconds += Number(found[1]) * (units[found[2] === "" ? "s" : (found[2] ?? "s")] ?? 1);
  }
  for (const end = performance.now() + seconds * 1000; performance.now() < end && shell.group.killed === null; ) {
    await shell.system.sleep(Math.min(100, Math.max(0, end - performance.now())));
  }
  return 0;
};

const umask: Builtin = async (shell, args) => {
  const value = args.find((arg) => !arg.startsWith("-"));
  if (value === undefined) await shell.print(1, args.includes("-S") ? `${symbolic(0o777 & ~shell.state.umask)}\n` : `${shell.state.umask.toString(8).padStart(4, "0")}\n`);
  else if (!/^[0-7]+$/.test(value)) throw new ShellError(`umask: ${value}: symbolic modes are not supported by the local WebContainer engine`);
  else shell.state.umask = Number.parseInt(value, 8) & 0o777;
  return 0;
};

function symbolic(mode: number): string {
  return [["u", 6], ["g", 3], ["o", 0]].map(([who, by]) => `${who}=${["r", "w", "x"].filter((_, at) => ((mode >> Number(by)) & (4 >> at)) !== 0).join("")}`).join(",");
}

const folders: Builtin = async (shell, args, name) => {
  const stack = shell.world.folders;
  if (name === "pushd") {
    const before = shell.state.cwd;
    await cd(shell, args.slice(0, 1), "cd");
    stack.unshift(before);
  } else if (name === "popd") {
    const back = stack.shift();
    if (back === undefined) throw new ShellError("popd: directory stack empty");
    move(shell, back);
  }
  await shell.print(1, `${[shell.state.cwd, ...stack].map((path) => path.replace(new RegExp(`^${shell.state.get("HOME") ?? "\0"}(?=/|$)`), "~")).join(" ")}\n`);
  return 0;
};

const refused = (why: string): Builtin => (_shell, _args, name) => {
  throw new ShellError(`${name}: ${why} not supported by the local WebContainer engine`);
};

const silent: Builtin = () => 0;

export const BUILTINS: Readonly<Record<string, Builtin>> = {
  ":": silent, true: silent, false: () => 1, hash: silent, ulimit: async (shell) => (await shell.print(1, "unlimited\n"), 0), clear: async (shell) => (await shell.print(1, "\x1b[H\x1b[2J\x1b[3J"), 0),
  hostname: async (shell) => (await shell.print(1, "localhost\n"), 0), times: async (shell) => (await shell.print(1, "0m0.000s 0m0.000s\n0m0.000s 0m0.000s\n"), 0),
  echo, printf, cd, pwd, source, ".": source, type, which, command, exec, eval: evaluateWords, let: letCommand, shift, sleep, umask, return: returns,
  exit: (shell, args) => {
    throw new Exit(number("exit", args[0], shell.state.status) & 255);
  },
  break: loopJump("break"), continue: loopJump("continue"), builtin: (shell, args) => dispatch(shell, args, true),
  test: (shell, args) => testCommand(shell, "test", args), "[": (shell, args) => testCommand(shell, "[", args),
  ...Object.fromEntries(Object.keys(DECLARATIONS).map((name) => [name, declare])), unset, read: readCommand, mapfile, readarray: mapfile, getopts,
  set: setCommand, shopt, trap, wait, kill: killCommand, jobs, disown, env, xargs: (shell, args) => runTool(shell, "xargs", xargs, args), timeout, curl,
  nohup: (shell, args) => dispatch(shell, args, true), nice: (shell, args) => dispatch(shell, args[0] === "-n" ? args.slice(2) : args, true),
  pushd: folders, popd: folders, dirs: folders,
  fg: refused("job control is"), bg: refused("job control is"), suspend: refused("job control is"), alias: refused("aliases are"), unalias: refused("aliases are"),
  bind: refused("line editing is"), complete: silent, compgen: refused("completion is"), enable: refused("it is"), caller: refused("it is"), history: refused("history is"), fc: refused("history is"),
};

