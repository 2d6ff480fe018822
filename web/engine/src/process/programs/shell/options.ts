/** `set` and `shopt`. */

import type { Shell } from "./shell.ts";
import { OPTIONS, ShellError } from "./state.ts";
import { keys, values } from "./arrays.ts";
import { shellQuote } from "./quoting.ts";

const LONG = new Set([...Object.values(OPTIONS).filter((name) => name !== ""), "pipefail", "posix", "interactive-comments", "ignoreeof", "nolog", "vi", "emacs", "keyword", "onecmd", "privileged"]);
/** Options that change what a script does, and that this shell does not do. */
const REFUSED = new Set(["posix", "keyword", "onecmd", "monitor", "vi", "emacs"]);

/** Turn an option of `set` on or off. Throws ShellError when there is none of that name. */
export function setOption(shell: Shell, name: string, on: boolean): void {
  if (!LONG.has(name)) throw new ShellError(`set: ${name}: invalid option name`, 2);
  if (on && REFUSED.has(name)) throw new ShellError(`set: ${name} is not supported by the local WebContainer engine`, 2);
  if (on) shell.state.options.add(name);
  else shell.state.options.delete(name);
}

/** `set`. */
export async function setCommand(shell: Shell, args: readonly string[]): Promise<number> {
  if (args.length === 0) return variables(shell);
  let at = 0;
  for (; at < args.length; at += 1) {
    const arg = args[at] ?? "";
    if (arg === "--" || arg === "-") {
      shell.state.positional = args.slice(at + 1);
      return 0;
    }
    if (!/^[-+]./.test(arg)) break;
    for (const letter of arg.slice(1)) {
      if (letter === "o") {
        const name = args[++at];
        if (name === undefined) return list(shell, arg.startsWith("+"));
        setOption(shell, name, arg.startsWith("-"));
      } else {
        const name = Object.hasOwn(OPTIONS, letter) ? OPTIONS[letter] : undefined;
        if (name === undefined) throw new ShellError(`set: -${letter}: invalid option`, 2);
        setOption(shell, name, arg.startsWith("-"));
      }
    }
  }
  if (at < args.length) shell.state.positional = args.slice(at);
  return 0;
}

async function variables(shell: Shell): Promise<number> {
  for (const [name, variable] of [...shell.state.variables].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (variable.value === null) continue;
    const shown = typeof variable.value === "string" ? quoteWhenNeeded(variable.value) : `(${keys(variable).map((key, at) => `[${key}]="${values(variable)[at] ?? ""}"`).join(" ")})`;
    await shell.print(1, `${name}=${shown}\n`);
  }
  return 0;
}

const quoteWhenNeeded = (text: string): string => (/^[\w@%+=:,./-]*$/.test(text) ? text : shellQuote(text));

async function list(shell: Shell, asCommands: boolean): Promise<number> {
  for (const name of [...LONG].sort()) {
    const on = shell.state.options.has(name);
    await shell.print(1, asCommands ? `set ${on ? "-" : "+"}o ${name}\n` : `${name.padEnd(15)}\t${on ? "on" : "off"}\n`);
  }
  return 0;
}

const SHOPT = new Set(["extglob", "nullglob", "failglob", "dotglob", "globstar", "nocaseglob", "nocasematch", "xpg_echo", "sourcepath", "globskipdots", "expand_aliases", "lastpipe", "inherit_errexit", "checkwinsize", "cmdhist", "histappend", "huponexit", "autocd", "cdspell", "checkhash", "login_shell", "patsub_replacement"]);
/** What this shell does not do though it has the name. */
const SHOPT_REFUSED = new Set(["expand_aliases", "lastpipe", "autocd", "cdspell"]);

/** `shopt`. */
export async function shopt(shell: Shell, args: readonly string[]): Promise<number> {
  const flags = args.filter((arg) => /^-[suqpo]+$/.test(arg)).join("");
  const names = args.filter((arg) => !arg.startsWith("-"));
  const on = flags.includes("s");
  const options = flags.includes("o") ? shell.state.options : shell.state.shopt;
  let code = 0;
  for (const name of names) {
    if (!(flags.includes("o") ? LONG : SHOPT).has(name)) throw new ShellError(`shopt: ${name}: invalid shell option name`);
    if (on || flags.includes("u")) {
      if (on && SHOPT_REFUSED.has(name)) throw new ShellError(`shopt: ${name} is not supported by the local WebContainer engine`);
      if (on) options.add(name);
      else options.delete(name);
      continue;
    }
    if (!options.has(name)) code = 1;
    if (!flags.includes("q")) await shell.print(1, `${name.padEnd(15)}\t${options.has(name) ? "on" : "off"}\n`);
  }
  if (names.length === 0) for (const name of [...SHOPT].sort()) await shell.print(1, `${name.padEnd(15)}\t${options.has(name) ? "on" : "off"}\n`);
  return code;
}
