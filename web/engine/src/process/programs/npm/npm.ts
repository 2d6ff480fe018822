/** The programs `npm` and `npx`, as far as scripts need them; everything else is refused by name. */

import type { ProcessStart } from "../../../contract.ts";
import { shellOf } from "../shell/bash.ts";
import type { Shell } from "../shell/shell.ts";
import { Exit, ShellError } from "../shell/state.ts";
import type { System } from "../shell/system.ts";
import { initialize } from "./init.ts";
import { install, uninstall } from "./install.ts";
import { execute, executeNpx } from "./execute.ts";
import { list } from "./list.ts";
import { Project, NPM_VERSION } from "./project.ts";
import { listScripts, runScript } from "./scripts.ts";
import { packageCommand } from "./package.ts";

/** What the command line says. */
export interface Invocation {
  readonly shell: Shell;
  readonly command: string;
  /** Words behind the command that are no options of npm's. */
  readonly words: readonly string[];
  /** Options by their long name; their value is "true" when they have none. */
  readonly options: ReadonlyMap<string, string>;
  /** The options as they were given, for the server's npm. */
  readonly given: readonly string[];
  /** What stands behind `--`. */
  readonly rest: readonly string[];
  readonly project: Project;
}

type Command = (invocation: Invocation) => Promise<number>;

/** npm says what is wrong in lines of its own. */
export class NpmError extends Error {
  constructor(message: string, readonly code = 1) {
    super(message);
  }
}

const script = (name: string): Command => (invocation) => runScript(invocation, name, [...invocation.words, ...invocation.rest]);

const COMMANDS: Readonly<Record<string, Command>> = {
  install: (invocation) => install(invocation, "install"),
  ci: (invocation) => install(invocation, "ci"),
  uninstall,
  run: (invocation) => {
    const [name, ...more] = invocation.words;
    return name === undefined ? listScripts(invocation) : runScript(invocation, name, [...more, ...invocation.rest]);
  },
  test: script("test"), start: script("start"), stop: script("stop"),
  exec: execute, init: initialize, ls: list, pkg: packageCommand,
  root: (invocation) => line(invocation, `${invocation.project.folder}/node_modules`),
  prefix: (invocation) => line(invocation, invocation.project.folder),
  version: async (invocation) => (invocation.words.length > 0 ? refuse("npm version with an argument") : line(invocation, JSON.stringify({ [invocation.project.name]: invocation.project.version, npm: NPM_VERSION }, null, 2))),
  help: (invocation) => line(invocation, HELP),
  audit: () => refuse("npm audit"),
};

const ALIASES: Readonly<Record<string, string>> = {
  i: "install", add: "install", in: "install", isntall: "install", "clean-install": "ci", ic: "ci", "install-clean": "ci", un: "uninstall", remove: "uninstall", rm: "uninstall", r: "uninstall",
  "run-script": "run", rum: "run", urn: "run", t: "test", tst: "test", x: "exec", create: "init", list: "ls", ll: "ls", la: "ls",
};

const HELP = `npm <command>

Of npm's commands the local WebContainer engine has: ci, exec, init, install, ls, pkg, prefix, root, run, start, stop, test, uninstall, version

npm@${NPM_VERSION}`;

async function line(invocation: Invocation, text: string): Promise<number> {
  await invocation.shell.print(1, `${text}\n`);
  return 0;
}

function refuse(what: string): never {
  throw new NpmError(`${what} is not supported by the local WebContainer engine`);
}

/** Options whose value is the next word. */
const VALUED = new Set(["prefix", "call", "package", "workspace", "loglevel", "omit", "include", "script-shell", "tag", "registry", "cache", "userconfig", "depth", "init-author-name", "init-license", "init-version"]);
const LETTERS: Readonly<Record<string, string>> = {
  C: "prefix", c: "call", p: "package", w: "workspace", D: "save-dev", S: "save", O: "save-optional", E: "save-exact", P: "save-prod", B: "save-bundle", y: "yes", s: "silent", q: "quiet", f: "force", g: "global", a: "all", l: "long", h: "help", v: "version", d: "verbose",
};

interface Parsed {
  command: string;
  words: string[];
  options: Map<string, string>;
  given: string[];
  rest: string[];
}

/** Read the command line. `npx` and `npm exec` leave what stands behind their command to it. */
export function parsed(args: readonly string[], npx: boolean): Parsed {
  const found: Parsed = { command: npx ? "exec" : "", words: [], options: new Map(), given: [], rest: [] };
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? "";
    if (arg === "--") {
      found.rest = args.slice(at + 1);
      break;
    }
    if (/^-./.test(arg)) at += option(found, arg, args[at + 1]);
    else if (found.command === "") found.command = arg;
    else {
      found.words.push(arg);
      if (found.command === "exec" || found.command === "x") {
        found.words.push(...args.slice(at + 1).filter((word, index, all) => word !== "--" || all.indexOf("--") !== index));
        break;
      }
    }
  }
  return found;
}

/** Take one option; the answer is how many words more it took. */
function option(found: Parsed, arg: string, next: string | undefined): number {
  const [, long, value] = /^--([^=]+)(?:=([^]*))?$/.exec(arg) ?? [];
  const names = long === undefined ? Array.from(arg.slice(1)).map((letter) => LETTERS[letter] ?? letter) : [long];
  let taken = 0;
  for (const name of names) {
    const needs = VALUED.has(name) && value === undefined;
    found.options.set(name, needs ? (next ?? "") : (value ?? "true"));
    if (needs) taken = 1;
  }
  found.given.push(arg, ...(taken === 1 && next !== undefined ? [next] : []));
  return taken;
}

/** Run `npm` or `npx`; the answer is the exit code. */
export async function runNpm(system: System, start: ProcessStart): Promise<number> {
  const npx = start.program === "npx";
  const shell = shellOf(system, start, npx ? "npx" : "npm");
  const found = parsed(start.args, npx);
  try {
    if (found.options.has("version") && (npx || found.command === "")) {
      await shell.print(1, `${NPM_VERSION}\n`);
      return 0;
    }
    return await perform(shell, found, npx);
  } catch (error) {
    if (error instanceof Exit) return error.code;
    const failure = error instanceof ShellError ? new NpmError(error.message) : error;
    if (!(failure instanceof NpmError)) throw error;
    await shell.print(2, failure.message === "" ? "" : failure.message.split("\n").map((text) => `npm error${text === "" ? "" : ` ${text}`}\n`).join(""));
    return failure.code;
  }
}

async function perform(shell: Shell, found: Parsed, npx: boolean): Promise<number> {
  if (found.options.get("global") === "true") refuse("npm --global");
  if (found.options.has("workspace") || found.options.has("workspaces")) refuse("npm --workspace");
  const name = ALIASES[found.command] ?? found.command;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (found.command === "" || found.options.has("help")) {
    await shell.print(1, `${HELP}\n`);
    return found.command === "" && !found.options.has("help") ? 1 : 0;
  }
  if (command === undefined) refuse(`npm ${found.command}`);
  const prefix = found.options.get("prefix");
  const invocation: Invocation = { ...found, shell, command: name, project: Project.find(shell, prefix) };
  return npx ? executeNpx(invocation) : command(invocation);
}
