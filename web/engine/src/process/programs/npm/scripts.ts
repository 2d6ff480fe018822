/** `npm run`: scripts with what stands before and behind them. */

import { runProgram } from "../shell/programs.ts";
import { shellQuote } from "../shell/quoting.ts";
import type { Shell } from "../shell/shell.ts";
import { NpmError, type Invocation } from "./npm.ts";
import { NPM_VERSION, type Manifest, type Project } from "./project.ts";

/** Run a script of the package, with `preNAME` and `postNAME`; the answer is its exit code. */
export async function runScript(invocation: Invocation, name: string, args: readonly string[]): Promise<number> {
  const { project, options } = invocation;
  const manifest = project.manifest();
  const scripts = { ...defaults(project, name), ...manifest.scripts };
  if (scripts[name] === undefined) {
    if (options.has("if-present")) return 0;
    throw new NpmError(missing(name, Object.keys(scripts)));
  }
  const quiet = options.has("silent") || options.get("loglevel") === "silent";
  for (const event of [`pre${name}`, name, `post${name}`]) {
    const text = scripts[event];
    if (text === undefined || (event !== name && options.has("ignore-scripts"))) continue;
    const code = await runEvent(invocation, { event, text, args: event === name ? args : [], quiet, manifest });
    if (code !== 0) return code;
  }
  return 0;
}

function defaults(project: Project, name: string): Record<string, string> {
  return name === "start" && project.read("server.js") !== null ? { start: "node server.js" } : {};
}

function missing(name: string, names: readonly string[]): string {
  const near = names.filter((known) => distance(known, name) < known.length * 0.4).slice(0, 3);
  const hint = near.length === 0 ? "" : `\n\nDid you mean ${near.length === 1 ? "this" : "one of these"}?\n${near.map((known) => `  npm run ${known}`).join("\n")}`;
  return `Missing script: "${name}"${hint}\n\nTo see a list of scripts, run:\n  npm run`;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 0;
}

interface Event {
  readonly event: string;
  readonly text: string;
  readonly args: readonly string[];
  readonly quiet: boolean;
  readonly manifest: Manifest;
}

async function runEvent({ shell, project, command }: Invocation, { event, text, args, quiet, manifest }: Event): Promise<number> {
  const line = [text, ...args.map(quoted)].join(" ");
  if (!quiet) {
    const identity = manifest.name === undefined ? "" : `${manifest.name}${manifest.version === undefined ? "" : `@${manifest.version}`} `;
    await shell.print(1, `\n> ${identity}${event}\n> ${[text, ...args].join(" ").replaceAll("\n", "\n> ")}\n\n`);
  }
  const inner = shell.fork();
  return inner.runSubshell(async () => {
    inner.state.cwd = project.folder;
    surround(inner, project, { npm_command: command === "run" ? "run-script" : command, npm_lifecycle_event: event, npm_lifecycle_script: text, ...manifestVariables(manifest) });
    return runProgram(inner, "sh", ["-c", line]);
  });
}

const quoted = (arg: string): string => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : shellQuote(arg));

/** The environment that npm gives to what it starts. */
export function surround(shell: Shell, project: Project, variables: Readonly<Record<string, string>>): void {
  const { state } = shell;
  const all: Record<string, string> = {
    ...variables,
    PATH: [...project.binFolders(), ...(state.get("PATH") ?? "/usr/local/bin:/usr/bin:/bin").split(":")].join(":"),
    INIT_CWD: state.get("INIT_CWD") ?? state.get("PWD") ?? project.folder,
    NODE: "/usr/local/bin/node", npm_node_execpath: "/usr/local/bin/node", npm_execpath: "/usr/local/bin/npm", npm_config_npm_version: NPM_VERSION,
    npm_config_user_agent: `npm/${NPM_VERSION} node/v20 linux x64 workspaces/false`, npm_config_local_prefix: project.folder, npm_config_prefix: "/usr/local",
    npm_package_json: `${project.folder}/package.json`,
  };
  for (const [name, value] of Object.entries(all)) state.variables.set(name, { value, exported: true, readonly: false, integer: false, keyed: false });
}

/** `npm_package_…` of a package.json. */
export function manifestVariables(manifest: Manifest): Record<string, string> {
  const found: Record<string, string> = { npm_package_name: manifest.name ?? "", npm_package_version: manifest.version ?? "" };
  for (const key of ["bin", "config", "engines"]) flatten(found, `npm_package_${key}`, manifest[key]);
  return found;
}

function flatten(found: Record<string, string>, name: string, value: unknown): void {
  if (typeof value === "object" && value !== null) for (const [key, inner] of Object.entries(value)) flatten(found, `${name}_${key.replace(/[^a-zA-Z0-9_]/g, "_")}`, inner);
  else if (value !== undefined && value !== null) found[name] = JSON.stringify(value).replace(/^"([^]*)"$/, "$1");
}

const LIFECYCLE = new Set(["test", "start", "stop", "restart", "install", "publish", "uninstall", "version", "prepare", "prepack", "postpack", "dependencies"]);

/** `npm run` alone: what there is. */
export async function listScripts({ shell, project }: Invocation): Promise<number> {
  const manifest = project.manifest();
  const all = Object.entries(manifest.scripts ?? {});
  if (all.length === 0) return 0;
  const part = (own: boolean): string => all.filter(([name]) => LIFECYCLE.has(name.replace(/^(pre|post)(?=.)/, "")) === own).map(([name, text]) => `  ${name}\n    ${text}\n`).join("");
  const identity = `${manifest.name ?? ""}@${manifest.version ?? ""}`;
  const [lifecycle, others] = [part(true), part(false)];
  await shell.print(1, (lifecycle === "" ? "" : `Lifecycle scripts included in ${identity}:\n${lifecycle}`) + (others === "" ? "" : `${lifecycle === "" ? `Scripts available in ${identity} via \`npm run\`` : "available via `npm run`"}:\n${others}`));
  return 0;
}
