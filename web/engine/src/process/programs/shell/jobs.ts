/** Background jobs, signals and traps. */

import type { Signal } from "../../../contract.ts";
import { singleQuote } from "./quoting.ts";
import type { Job, Shell } from "./shell.ts";
import { ShellError } from "./state.ts";
import { SIGNALS } from "./system.ts";

/** The name of a signal without SIG, by name or number; EXIT, ERR, DEBUG and RETURN are bash's own. */
function signalName(word: string): string | null {
  const name = word.toUpperCase().replace(/^SIG/, "");
  if (/^\d+$/.test(word)) return word === "0" ? "EXIT" : (Object.entries(SIGNALS).find(([, value]) => value === Number(word))?.[0].slice(3) ?? null);
  return name === "EXIT" || name === "ERR" || name === "DEBUG" || name === "RETURN" || Object.hasOwn(SIGNALS, `SIG${name}`) ? name : null;
}

/** `trap`. */
export async function trap(shell: Shell, args: readonly string[]): Promise<number> {
  const words = args[0] === "--" ? args.slice(1) : args;
  if (words[0] === "-l") return list(shell);
  if (words.length === 0 || words[0] === "-p") {
    for (const [name, text] of shell.state.traps) await shell.print(1, `trap -- ${singleQuote(text)} ${name === "EXIT" || name === "ERR" || name === "RETURN" ? name : `SIG${name}`}\n`);
    return 0;
  }
  const [text = "", ...names] = words;
  const alone = names.length === 0;
  for (const word of alone ? [text] : names) {
    const name = signalName(word);
    if (name === null) throw new ShellError(`trap: ${word}: invalid signal specification`);
    if (name === "DEBUG") throw new ShellError(`trap: ${name} is not supported by the local WebContainer engine`);
    if (alone || text === "-") shell.state.traps.delete(name);
    else shell.state.traps.set(name, text);
  }
  if (shell.state.depth === 0) hear(shell);
  return 0;
}

function hear(shell: Shell): void {
  const heard = [...shell.state.traps.keys()].map((name) => `SIG${name}`).filter((name): name is Signal => Object.hasOwn(SIGNALS, name));
  shell.system.hear(heard, (signal) => {
    if (shell.state.traps.get(signal.slice(3)) === "") return;
    shell.world.pending.push(signal);
    shell.world.interrupt?.();
  });
}

async function list(shell: Shell): Promise<number> {
  await shell.print(1, `${Object.entries(SIGNALS).map(([name, value]) => `${String(value).padStart(2)}) ${name}`).join("\t")}\n`);
  return 0;
}

function jobOf(shell: Shell, word: string): Job | undefined {
  const { jobs: all } = shell.world;
  if (!word.startsWith("%")) return all.findLast((job) => String(job.pid) === word);
  const name = word.slice(1);
  if (name === "" || name === "%" || name === "+") return all.at(-1);
  if (name === "-") return all.at(-2);
  return all.findLast((job) => String(job.id) === name || job.text.startsWith(name));
}

/** `wait`: for all jobs, for some, or with `-n` for the next. A trapped signal ends it. */
export async function wait(shell: Shell, args: readonly string[]): Promise<number> {
  const words = args.filter((arg) => arg !== "-f");
  const next = words[0] === "-n";
  const { world } = shell;
  const wanted: Job[] = [];
  for (const word of next ? words.slice(1) : words) {
    const job = jobOf(shell, word);
    if (job === undefined) {
      await shell.complain(word.startsWith("%") ? `wait: ${word}: no such job` : `wait: pid ${word} is not a child of this shell`);
      return 127;
    }
    wanted.push(job);
  }
  const all = words.length === (next ? 1 : 0);
  const jobsWaited = all ? [...world.jobs] : wanted;
  const interrupted = new Promise<number>((resolve) => {
    world.interrupt = () => resolve(128 + SIGNALS[world.pending[0] ?? "SIGTERM"]);
  });
  const ended = next ? anyOf(jobsWaited) : Promise.all(jobsWaited.map((job) => job.ended)).then((codes) => (all ? 0 : (codes.at(-1) ?? 0)));
  const status = await Promise.race([ended, interrupted]);
  world.interrupt = null;
  for (const job of jobsWaited) if (job.status !== null && (all || next)) remove(shell, job);
  return status;
}

function anyOf(jobs: readonly Job[]): Promise<number> {
  return jobs.length === 0 ? Promise.resolve(127) : Promise.race(jobs.map((job) => job.ended));
}

function remove(shell: Shell, job: Job): void {
  const at = shell.world.jobs.indexOf(job);
  if (at >= 0) shell.world.jobs.splice(at, 1);
}

/** `kill`. */
export async function killCommand(shell: Shell, args: readonly string[]): Promise<number> {
  let signal = "TERM";
  let targets = args;
  if (args[0] === "-l" || args[0] === "-L") return args.length === 1 ? list(shell) : translate(shell, args.slice(1));
  if (args[0] === "-s" || args[0] === "-n") {
    signal = args[1] ?? "";
    targets = args.slice(2);
  } else if (/^-\w/.test(args[0] ?? "")) {
    signal = (args[0] ?? "").slice(1);
    targets = args.slice(1);
  }
  const name = signal === "0" ? "0" : signalName(signal);
  if (name === null) throw new ShellError(`kill: ${signal}: invalid signal specification`);
  if (targets[0] === "--") targets = targets.slice(1);
  if (targets.length === 0) throw new ShellError("kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]", 2);
  let code = 0;
  for (const target of targets) code = Math.max(code, await killOne(shell, target, name === "0" ? 0 : (`SIG${name}` as Signal)));
  return code;
}

/** The number of each name and the name of each number; an exit code stands for the signal that it tells of. */
async function translate(shell: Shell, words: readonly string[]): Promise<number> {
  let code = 0;
  for (const word of words) {
    const numeric = /^\d+$/.test(word);
    const name = signalName(numeric && Number(word) > 128 ? String(Number(word) - 128) : word);
    if (name === null) {
      await shell.complain(`kill: ${word}: invalid signal specification`);
      code = 1;
    } else await shell.print(1, `${numeric ? name : SIGNALS[`SIG${name}` as Signal]}\n`);
  }
  return code;
}

async function killOne(shell: Shell, target: string, signal: Signal | 0): Promise<number> {
  const job = jobOf(shell, target);
  if (job !== undefined && job.status === null) {
    if (signal !== 0) job.kill(signal);
    return 0;
  }
  if (target.startsWith("%")) {
    await shell.complain(`kill: ${target}: no such job`);
    return 1;
  }
  if (!/^-?\d+$/.test(target)) {
    await shell.complain(`kill: ${target}: arguments must be process or job IDs`);
    return 1;
  }
  if (job === undefined && shell.system.kill(Number(target), signal)) return 0;
  await shell.complain(`kill: (${target}) - No such process`);
  return 1;
}

/** `jobs`. */
export async function jobs(shell: Shell, args: readonly string[]): Promise<number> {
  for (const job of [...shell.world.jobs]) {
    if (args.includes("-p")) await shell.print(1, `${job.pid}\n`);
    else if (!args.includes("-r") || job.status === null) {
      const mark = job === shell.world.jobs.at(-1) ? "+" : job === shell.world.jobs.at(-2) ? "-" : " ";
      const state = job.status === null ? "Running" : job.status === 0 ? "Done" : `Exit ${job.status}`;
      await shell.print(1, `[${job.id}]${mark}  ${state.padEnd(24)}${job.text}${job.status === null ? " &" : ""}\n`);
    }
    if (job.status !== null) remove(shell, job);
  }
  return 0;
}

/** `disown`: the shell forgets jobs; they go on. */
export function disown(shell: Shell, args: readonly string[]): number {
  const words = args.filter((arg) => !arg.startsWith("-"));
  const forgotten = words.length === 0 ? (args.includes("-a") ? [...shell.world.jobs] : shell.world.jobs.slice(-1)) : words.map((word) => jobOf(shell, word));
  for (const job of forgotten) if (job !== undefined) remove(shell, job);
  return 0;
}
