/** Commands that run another: `env`, `timeout`. */

import type { Signal } from "../../../contract.ts";
import { dispatch } from "./commands.ts";
import type { Shell } from "./shell.ts";
import { Exit, ShellError } from "./state.ts";
import { SIGNALS } from "./system.ts";

/** `env [-i] [-0] [-u NAME] [NAME=VALUE …] [COMMAND …]`. */
export async function env(shell: Shell, args: readonly string[]): Promise<number> {
  const inner = shell.fork();
  return inner.runSubshell(async () => {
    const { variables } = inner.state;
    let at = 0;
    let end = "\n";
    for (; at < args.length; at += 1) {
      const arg = args[at] ?? "";
      const pair = /^([^=]+)=([^]*)$/.exec(arg);
      if (arg === "-i" || arg === "-") variables.forEach((variable) => (variable.exported = false));
      else if (arg === "-0" || arg === "--null") end = "\0";
      else if (arg === "-u") variables.delete(args[++at] ?? "");
      else if (arg === "-C") inner.state.cwd = inner.resolve(args[++at] ?? ".");
      else if (pair !== null) variables.set(pair[1] ?? "", { value: pair[2] ?? "", exported: true, readonly: false, integer: false, keyed: false });
      else if (arg === "-S") throw new ShellError("env: -S is not supported by the local WebContainer engine", 125);
      else if (arg.startsWith("-") && arg !== "--") throw new ShellError(`env: invalid option -- '${arg.slice(1)}'`, 125);
      else break;
    }
    if (args[at] === "--") at += 1;
    if (at < args.length) return dispatch(inner, args.slice(at), true);
    await inner.print(1, Object.entries(inner.state.environment()).map(([name, value]) => `${name}=${value}${end}`).join(""));
    return 0;
  });
}

/** What stands before the command of `timeout`. Throws ShellError for what it does not know. */
function timeLimit(args: readonly string[]): { signal: Signal; seconds: number; command: readonly string[] } {
  let signal: Signal = "SIGTERM";
  let at = 0;
  for (; args[at]?.startsWith("-") === true; at += 1) {
    const arg = args[at] ?? "";
    if (arg === "-s" || arg === "-k") {
      const value = args[++at] ?? "";
      if (arg === "-s") signal = signalOf(value);
    } else if (arg.startsWith("--signal=")) signal = signalOf(arg.slice(9));
    else if (arg !== "--preserve-status" && arg !== "--foreground" && !arg.startsWith("-k")) throw new ShellError(`timeout: option ${arg} is not supported by the local WebContainer engine`, 125);
  }
  const found = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(args[at] ?? "");
  if (found === null || args.length < at + 2) throw new ShellError(`timeout: invalid time interval ‘${args[at] ?? ""}’`, 125);
  return { signal, seconds: Number(found[1]) * ({ m: 60, h: 3600, d: 86400 }[found[2] ?? ""] ?? 1), command: args.slice(at + 1) };
}

/** `timeout DURATION COMMAND …`: 124 when the time was over. */
export async function timeout(shell: Shell, args: readonly string[]): Promise<number> {
  const { signal, seconds, command } = timeLimit(args);
  const inner = shell.fork();
  const group = { children: new Set<number>(), killed: null as Signal | null };
  inner.group = group;
  const ended = inner.runSubshell(() => dispatch(inner, command, true));
  const late = seconds === 0 ? new Promise<never>(() => undefined) : shell.system.sleep(seconds * 1000).then(() => "late" as const);
  const result = await Promise.race([ended, late]);
  if (result !== "late") return result;
  group.killed = signal;
  for (const pid of group.children) shell.system.kill(pid, signal);
  const status = await ended.catch((error: unknown) => {
    if (error instanceof Exit) return error.code;
    throw error;
  });
  return signal === "SIGKILL" ? 137 : args.includes("--preserve-status") ? status : 124;
}

function signalOf(word: string): Signal {
  const name = `SIG${word.toUpperCase().replace(/^SIG/, "")}`;
  const byNumber = Object.entries(SIGNALS).find(([, value]) => String(value) === word)?.[0];
  const found = byNumber ?? name;
  if (!Object.hasOwn(SIGNALS, found)) throw new ShellError(`timeout: ${word}: invalid signal`, 125);
  return found as Signal;
}
