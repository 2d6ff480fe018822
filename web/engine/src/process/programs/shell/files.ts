/** This machine's files in the form that just-bash's utilities ask for. */

import type { IFileSystem } from "just-bash";
import type { Stat } from "../../../contract.ts";
import type { System } from "./system.ts";
import { concat } from "./streams.ts";

/** The path to which a utility's output is redirected: it is kept aside, byte by byte. */
export const OUTPUT_PATH = "/dev/.utility-output";

type Files = Required<Omit<IFileSystem, "readFileBytes">>;
type Content = Parameters<IFileSystem["writeFile"]>[1];
type Options = Parameters<IFileSystem["writeFile"]>[2];
type FsStat = Awaited<ReturnType<IFileSystem["stat"]>>;

const encoder = new TextEncoder();

/** just-bash's file system over the calls to the kernel. */
export class UtilityFiles implements Files {
  private output: Uint8Array[] = [];

  constructor(private readonly system: System, private readonly utilities: ReadonlySet<string>) {}

  /** What the last utility wrote. */
  takeOutput(): Uint8Array {
    const all = concat(this.output);
    this.output = [];
    return all;
  }

  async readFile(path: string, options?: Parameters<IFileSystem["readFile"]>[1]): Promise<string> {
    const encoding = typeof options === "string" ? options : (options?.encoding ?? "utf8");
    const data = await this.readFileBuffer(path);
    if (encoding === "binary" || encoding === "latin1") return Array.from(data, (byte) => String.fromCharCode(byte)).join("");
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(data);
  }

  async readFileBuffer(path: string): Promise<Uint8Array> {
    return Promise.resolve(path === "/dev/null" ? new Uint8Array(0) : this.system.files("fs.readFile", path));
  }

  async writeFile(path: string, content: Content, options?: Options): Promise<void> {
    const data = encoded(content, options);
    if (path === OUTPUT_PATH) this.output = [data];
    else if (path !== "/dev/null") this.system.files("fs.writeFile", path, data, "w", 0o666);
    return Promise.resolve();
  }

  async appendFile(path: string, content: Content, options?: Options): Promise<void> {
    const data = encoded(content, options);
    if (path === OUTPUT_PATH) this.output.push(data);
    else if (path !== "/dev/null") this.system.files("fs.writeFile", path, data, "a", 0o666);
    return Promise.resolve();
  }

  async exists(path: string): Promise<boolean> {
    return Promise.resolve(this.isUtility(path) || path === OUTPUT_PATH || path === "/dev/null" || this.system.files("fs.kinds", [path])[0] !== 0);
  }

  async stat(path: string): Promise<FsStat> {
    if (path === OUTPUT_PATH || path === "/dev/null") return Promise.resolve({ ...EXECUTABLE, mode: 0o666 });
    if (this.isUtility(path)) return Promise.resolve(EXECUTABLE);
    return Promise.resolve(converted(this.system.files("fs.stat", path)));
  }

  async lstat(path: string): Promise<FsStat> {
    if (path === OUTPUT_PATH || path === "/dev/null") return this.stat(path);
    return Promise.resolve(converted(this.system.files("fs.lstat", path)));
  }

  async mkdir(path: string, options?: { recursive?: boolean }): Promise<void> {
    this.system.files("fs.mkdir", path, options?.recursive ?? false, 0o777);
    return Promise.resolve();
  }

  async readdir(path: string): Promise<string[]> {
    return Promise.resolve(this.system.files("fs.readdir", path).map((entry) => entry.name));
  }

  async readdirWithFileTypes(path: string): ReturnType<Files["readdirWithFileTypes"]> {
    return Promise.resolve(this.system.files("fs.readdir", path).map(({ name, kind }) => ({ name, isFile: kind === 1, isDirectory: kind === 2, isSymbolicLink: kind === 3 })));
  }

  async rm(path: string, options?: { recursive?: boolean; force?: boolean }): Promise<void> {
    const recursive = options?.recursive ?? false;
    if (!recursive && this.system.files("fs.kinds", [path])[0] === 2 && (await this.lstat(path)).isDirectory) this.system.files("fs.rmdir", path);
    else this.system.files("fs.rm", path, recursive, options?.force ?? false);
  }

  async cp(source: string, target: string, options?: { recursive?: boolean }): Promise<void> {
    const stat = this.system.files("fs.lstat", source);
    if ((stat.mode & 0o170000) === 0o120000) this.system.files("fs.symlink", this.system.files("fs.readlink", source), target);
    else if ((stat.mode & 0o170000) !== 0o040000) {
      this.system.files("fs.copyFile", source, target, 0);
      this.system.files("fs.chmod", target, stat.mode & 0o7777);
    } else {
      if (options?.recursive !== true) throw new Error(`EISDIR: is a directory, cp '${source}'`);
      this.system.files("fs.mkdir", target, true, stat.mode & 0o7777);
      for (const name of await this.readdir(source)) await this.cp(`${source}/${name}`, `${target}/${name}`, options);
    }
  }

  async mv(source: string, target: string): Promise<void> {
    this.system.files("fs.rename", source, target);
    return Promise.resolve();
  }

  resolvePath(base: string, path: string): string {
    const parts: string[] = [];
    for (const part of (path.startsWith("/") ? path : `${base}/${path}`).split("/")) {
      if (part === "..") parts.pop();
      else if (part !== "" && part !== ".") parts.push(part);
    }
    return `/${parts.join("/")}`;
  }

  getAllPaths(): string[] {
    return [];
  }

  async chmod(path: string, mode: number): Promise<void> {
    this.system.files("fs.chmod", path, mode);
    return Promise.resolve();
  }

  async symlink(target: string, path: string): Promise<void> {
    this.system.files("fs.symlink", target, path);
    return Promise.resolve();
  }

  async link(from: string, to: string): Promise<void> {
    this.system.files("fs.link", from, to);
    return Promise.resolve();
  }

  async readlink(path: string): Promise<string> {
    return Promise.resolve(this.system.files("fs.readlink", path));
  }

  async realpath(path: string): Promise<string> {
    return Promise.resolve(this.isUtility(path) ? path : this.system.files("fs.realpath", path));
  }

  async utimes(path: string, atime: Date, mtime: Date): Promise<void> {
    this.system.files("fs.utimes", path, atime.getTime(), mtime.getTime(), true);
    return Promise.resolve();
  }

  /** Utilities are no files of this machine; just-bash looks for them in PATH all the same. */
  private isUtility(path: string): boolean {
    return path.startsWith("/usr/bin/") && (this.utilities.has(path.slice(9)) || NESTED.has(path.slice(9)));
  }
}

const NESTED = new Set(["node", "npm", "npx", "bash", "sh", "echo", "printf", "true", "false", "env", "xargs", "test"]);
const EXECUTABLE: FsStat = { isFile: true, isDirectory: false, isSymbolicLink: false, mode: 0o755, size: 0, mtime: new Date(0) };

function converted(stat: Stat): FsStat {
  const type = stat.mode & 0o170000;
  return {
    isFile: type === 0o100000, isDirectory: type === 0o040000, isSymbolicLink: type === 0o120000,
    mode: stat.mode & 0o7777, size: stat.size, mtime: new Date(stat.mtimeMs), dev: stat.dev, ino: stat.ino,
  };
}

function encoded(content: Content, options: Options): Uint8Array {
  if (typeof content !== "string") return content;
  const encoding = typeof options === "string" ? options : (options?.encoding ?? "utf8");
  if (encoding === "binary" || encoding === "latin1") return Uint8Array.from(content, (char) => char.charCodeAt(0) & 255);
  return encoder.encode(content);
}
