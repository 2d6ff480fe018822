/** Programs: which file or utility a command is, and running it. */

import type { SpawnRequest, Stdio } from "../../../contract.ts";
import { reason } from "./redirect.ts";
import type { Shell } from "./shell.ts";
import { ShellError } from "./state.ts";
import { BrokenPipe, giveBack, hold, read, readAll, release, type Target } from "./streams.ts";
import type { Child } from "./system.ts";
import { TOOLS } from "./tools/index.ts";
import { runTool } from "./tools/io.ts";
import { readsInput } from "./utilities.ts";

/** What the kernel starts by these names without a file of that name. */
export const PROGRAMS: ReadonlySet<string> = new Set(["node", "npm", "npx", "bash", "sh", "jsh"]);

/** What a command's name leads to. */
export type Found =
  | { readonly kind: "program"; readonly path: string }
  | { readonly kind: "utility"; readonly name: string }
  | { readonly kind: "refused"; readonly code: 126 | 127; readonly why: string };

const SYSTEM_FOLDERS = new Set(["/bin", "/usr/bin", "/usr/local/bin"]);

/** Look a command up as bash does: by path, or in the folders of PATH. */
export function find(shell: Shell, name: string): Found {
  if (name.includes("/")) return byPath(shell, name);
  const folders = (shell.state.get("PATH") ?? "").split(":").filter((folder) => folder !== "");
  const files = folders.map((folder) => (folder.startsWith("/") ? `${folder}/${name}` : shell.resolve(`${folder}/${name}`)));
  const kinds = shell.system.files("fs.kinds", files);
  const at = kinds.findIndex((kind, index) => kind === 1 && !SYSTEM_FOLDERS.has(folders[index] ?? "") && isExecutable(shell, files[index] ?? ""));
  if (at >= 0) return { kind: "program", path: files[at] ?? name };
  if (shell.world.utilities.has(name) || Object.hasOwn(TOOLS, name)) return { kind: "utility", name };
  if (PROGRAMS.has(name)) return { kind: "program", path: name };
  const own = kinds.findIndex((kind, index) => kind === 1 && isExecutable(shell, files[index] ?? ""));
  if (own >= 0) return { kind: "program", path: files[own] ?? name };
  const lame = kinds.indexOf(1);
  if (lame >= 0) return { kind: "refused", code: 126, why: `${files[lame] ?? name}: Permission denied` };
  return { kind: "refused", code: 127, why: `${name}: command not found` };
}

function byPath(shell: Shell, name: string): Found {
  const path = shell.resolve(name);
  const kind = shell.system.files("fs.kinds", [path])[0];
  const base = path.slice(path.lastIndexOf("/") + 1);
  const ours = SYSTEM_FOLDERS.has(path.slice(0, path.lastIndexOf("/")));
  if (ours && (shell.world.utilities.has(base) || Object.hasOwn(TOOLS, base))) return { kind: "utility", name: base };
  if (ours && PROGRAMS.has(base)) return { kind: "program", path: base };
  if (kind === 0) return { kind: "refused", code: 127, why: `${name}: No such file or directory` };
  if (kind === 2) return { kind: "refused", code: 126, why: `${name}: Is a directory` };
  if (!isExecutable(shell, path)) return { kind: "refused", code: 126, why: `${name}: Permission denied` };
  return { kind: "program", path };
}

function isExecutable(shell: Shell, path: string): boolean {
  try {
    return (shell.system.files("fs.stat", path).mode & 0o111) !== 0;
  } catch {
    return false;
  }
}

/** Run a program with the shell's descriptors; the answer is its exit code. */
export async function runProgram(shell: Shell, name: string, args: readonly string[]): Promise<number> {
  const found = find(shell, name);
  if (found.kind === "refused") {
    await shell.complain(found.why);
    return found.code;
  }
  if (found.kind === "utility") return runUtility(shell, found.name, args);
  return runFile(shell, found.path, args);
}

async function runUtility(shell: Shell, name: string, args: readonly string[]): Promise<number> {
  const tool = Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined;
  if (tool !== undefined) return runTool(shell, name, tool, args);
  const input = readsInput(shell, name, args) ? await readAll(shell.system, shell.state.descriptors.get(0)) : new Uint8Array(0);
  const result = await shell.world.utilities.run(shell, name, args, input);
  await shell.print(1, result.stdout);
  await shell.print(2, result.stderr);
  return result.code;
}

/** Start a file as a process, connect it, and wait for it. */
async function runFile(shell: Shell, path: string, args: readonly string[]): Promise<number> {
  const targets = [0, 1, 2].map((fd) => shell.state.descriptors.get(fd));
  const request: SpawnRequest = {
    command: path, args, cwd: shell.state.cwd, env: { ...shell.state.environment(), _: path },
    stdio: [inputOf(shell, targets[0]), outputOf(targets[1]), outputOf(targets[2])],
  };
  const relay = new OutputRelay(shell, targets);
  const child = await start(shell, request, relay, path);
  if (typeof child === "number") return child;
  shell.group.children.add(child.pid);
  relay.pid = child.pid;
  const over = { value: false };
  if (request.stdio[0] === "pipe") void feed(shell, targets[0], child, over);
  const code = await child.ended;
  over.value = true;
  shell.group.children.delete(child.pid);
  return code;
}

async function start(shell: Shell, request: SpawnRequest, relay: OutputRelay, path: string): Promise<Child | number> {
  relay.hold();
  try {
    const child = await shell.system.spawn(request, (fd, data) => relay.write(fd, data));
    void child.drained.then(() => relay.release());
    return child;
  } catch (error) {
    relay.release();
    const why = reason(error);
    if (why === null) throw error;
    const { code } = error as { code: string };
    await shell.complain(code === "ENOEXEC" ? `${path}: cannot execute: required file not found` : `${path}: ${why}`);
    return code === "ENOENT" ? 127 : 126;
  }
}

/** Hands on a child's piped output, and ends it by SIGPIPE when nobody reads that any more. */
class OutputRelay {
  pid = 0;
  private readonly pipes: Target[];

  constructor(private readonly shell: Shell, private readonly targets: readonly (Target | undefined)[]) {
    this.pipes = targets.slice(1).filter((target) => target?.kind === "pipe");
  }

  hold(): void {
    this.pipes.forEach(hold);
  }

  release(): void {
    for (const target of this.pipes) release(this.shell.system, target);
  }

  async write(fd: 1 | 2, data: Uint8Array): Promise<void> {
    const target = this.targets[fd];
    if (target?.kind !== "pipe") return;
    try {
      await target.pipe.write(data);
    } catch (error) {
      if (!(error instanceof BrokenPipe)) throw error;
      if (this.pid !== 0) this.shell.system.kill(this.pid, "SIGPIPE");
    }
  }
}

function outputOf(target: Target | undefined): Stdio {
  if (target === undefined || target.kind === "null") return "ignore";
  if (target.kind === "pipe") return "pipe";
  return target.fd;
}

function inputOf(shell: Shell, target: Target | undefined): Stdio {
  if (target === undefined || target.kind === "null") return "ignore";
  if (target.kind === "pipe") return "pipe";
  // What the shell has begun to read, it has to hand on itself.
  if (target.kind === "inherited") return shell.system.readsInput ? "pipe" : target.fd;
  return target.at > 0 ? "pipe" : target.fd;
}

async function feed(shell: Shell, source: Target | undefined, child: Child, over: { value: boolean }): Promise<void> {
  for (;;) {
    const data = await read(shell.system, source).catch((error: unknown) => {
      if (error instanceof ShellError) return null;
      throw error;
    });
    if (over.value) {
      if (data !== null) giveBack(shell.system, source, data);
      return;
    }
    if (!(await child.input(data)) || data === null) return;
  }
}
