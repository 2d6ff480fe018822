/** `npm install`, `ci` and `uninstall`: the server's npm makes the tree, with `--ignore-scripts`; it is put in place here. */

import { decode } from "@msgpack/msgpack";
import { call } from "../../calls.ts";
import { NpmError, type Invocation } from "./npm.ts";

interface File {
  readonly f: { readonly c?: string | Uint8Array; readonly l?: string; readonly x?: boolean };
}
interface Tree {
  readonly d: Readonly<Record<string, Tree | File>>;
}

interface Installed {
  readonly ok: boolean;
  readonly message?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exit_code?: number;
  readonly lock?: string | null;
  readonly package?: string;
  readonly tree?: Tree;
}

const FILES = ["package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc"];

/** Options that the server's npm is given. */
const PASSED = new Set([
  "save", "save-dev", "save-optional", "save-exact", "save-prod", "no-save", "save-bundle", "legacy-peer-deps", "force", "omit", "include", "only", "production", "tag", "strict-peer-deps",
  "prefer-dedupe", "package-lock", "no-package-lock", "package-lock-only", "install-strategy", "save-peer", "engine-strict", "dev",
]);
/** Options without effect here. */
const IDLE = new Set(["audit", "no-audit", "fund", "no-fund", "progress", "no-progress", "loglevel", "silent", "quiet", "verbose", "prefix", "ignore-scripts", "prefer-offline", "color", "no-color", "no-optional", "yes", "cache", "no-update-notifier", "maxsockets"]);

/** Install what package.json and the arguments say. */
export async function install(invocation: Invocation, command: "install" | "ci"): Promise<number> {
  const passed = options(invocation);
  if (command === "ci" && invocation.project.read("package-lock.json") === null && invocation.project.read("npm-shrinkwrap.json") === null) {
    throw new NpmError("code EUSAGE\n\nThe `npm ci` command can only install with an existing package-lock.json or\nnpm-shrinkwrap.json with lockfileVersion >= 1. Run an install with npm@5 or\nlater to generate a package-lock.json file, then try again.");
  }
  return perform(invocation, command, [...passed, ...invocation.words, ...invocation.rest]);
}

/** Take packages out of package.json and of node_modules. */
export async function uninstall(invocation: Invocation): Promise<number> {
  if (invocation.words.length === 0) throw new NpmError("code EUSAGE\nMust provide a package name to remove");
  const manifest = invocation.project.manifest();
  for (const kind of ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] as const) {
    const known = manifest[kind];
    if (known === undefined) continue;
    const left = Object.fromEntries(Object.entries(known).filter(([name]) => !invocation.words.includes(name)));
    if (Object.keys(left).length === 0) Reflect.deleteProperty(manifest, kind);
    else manifest[kind] = left;
  }
  invocation.project.write("package.json", `${JSON.stringify(manifest, null, 2)}\n`);
  return perform(invocation, "install", options(invocation));
}

function options({ options: all }: Invocation): string[] {
  const found: string[] = [];
  for (const [name, value] of all) {
    if (PASSED.has(name)) found.push(value === "true" ? `--${name}` : `--${name}=${value}`);
    else if (!IDLE.has(name)) throw new NpmError(`npm install --${name} is not supported by the local WebContainer engine`);
  }
  return found;
}

async function perform(invocation: Invocation, command: "install" | "ci", args: readonly string[]): Promise<number> {
  const { shell, project } = invocation;
  const files: Record<string, string> = {};
  for (const name of FILES) {
    const text = project.read(name);
    if (text !== null) files[name] = text;
  }
  files["package.json"] ??= "{}";
  let answer: Installed;
  try {
    answer = decode(await call("server.post", "npm", { command, cwd_files: files, args })) as Installed;
  } catch (error) {
    throw new NpmError((error as Error).message);
  }
  const quiet = invocation.options.has("silent") || invocation.options.get("loglevel") === "silent";
  if (answer.ok && answer.exit_code === 0) settle(invocation, answer);
  if (!quiet) await shell.print(1, answer.stdout ?? "");
  await shell.print(2, answer.stderr ?? (answer.ok ? "" : `npm error ${answer.message ?? "the server refused"}\n`));
  return answer.exit_code ?? (answer.ok ? 0 : 1);
}

function settle({ shell, project, options: given }: Invocation, answer: Installed): void {
  const unsaved = given.has("no-save") || given.get("save") === "false";
  if (answer.package !== undefined && !unsaved && answer.package !== project.read("package.json") && (answer.package.trim() !== "{}" || project.hasManifest)) project.write("package.json", answer.package);
  if (typeof answer.lock === "string" && !unsaved) project.write("package-lock.json", answer.lock);
  const modules = answer.tree?.d.node_modules;
  shell.system.files("fs.rm", `${project.folder}/node_modules`, true, true);
  if (modules === undefined || !("d" in modules)) return;
  shell.system.files("fs.mkdir", `${project.folder}/node_modules`, true, 0o755);
  shell.system.files("fs.plant", `${project.folder}/node_modules`, modules);
}
