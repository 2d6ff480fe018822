/** The folder that npm works in, and its package.json. */

import type { Shell } from "../shell/shell.ts";
import { NpmError } from "./npm.ts";

/** The version that programs are told; the server's npm, which installs, has its own. */
export const NPM_VERSION = "11.19.1";

/** What of a package.json is read here. */
export interface Manifest {
  name?: string;
  version?: string;
  scripts?: Record<string, string>;
  bin?: string | Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  config?: Record<string, unknown>;
  [other: string]: unknown;
}

/** A folder with a package.json, or the one that gets one. */
export class Project {
  private constructor(private readonly shell: Shell, readonly folder: string) {}

  /** The nearest folder above the current one that has a package.json or node_modules, else the current one. */
  static find(shell: Shell, prefix: string | undefined): Project {
    if (prefix !== undefined) return new Project(shell, shell.resolve(prefix));
    for (let folder = shell.state.cwd; ; folder = folder.slice(0, Math.max(1, folder.lastIndexOf("/")))) {
      const base = folder === "/" ? "" : folder;
      const [manifest, modules] = shell.system.files("fs.kinds", [`${base}/package.json`, `${base}/node_modules`]);
      if (manifest === 1 || modules === 2) return new Project(shell, folder);
      if (folder === "/") return new Project(shell, shell.state.cwd);
    }
  }

  /** A file's text, null when there is none. */
  read(name: string): string | null {
    const path = `${this.folder}/${name}`;
    if (this.shell.system.files("fs.kinds", [path])[0] !== 1) return null;
    return new TextDecoder().decode(this.shell.system.files("fs.readFile", path));
  }

  write(name: string, text: string): void {
    this.shell.system.files("fs.writeFile", `${this.folder}/${name}`, new TextEncoder().encode(text), "w", 0o644);
  }

  get hasManifest(): boolean {
    return this.read("package.json") !== null;
  }

  /** The package.json. Throws NpmError when there is none or it is no JSON. */
  manifest(): Manifest {
    const text = this.read("package.json");
    const path = `${this.folder}/package.json`;
    if (text === null) {
      throw new NpmError(`code ENOENT\nsyscall open\npath ${path}\nerrno -2\nenoent Could not read package.json: Error: ENOENT: no such file or directory, open '${path}'\nenoent This is related to npm not being able to find a file.\nenoent`, 254);
    }
    try {
      return JSON.parse(text.replace(/^\uFEFF/, "")) as Manifest;
    } catch (error) {
      throw new NpmError(`code EJSONPARSE\nJSON.parse Invalid package.json: ${(error as Error).message}\nJSON.parse Failed to parse JSON data.\nJSON.parse Note: package.json must be actual JSON, not just JavaScript.`);
    }
  }

  get name(): string {
    return this.hasManifest ? (this.manifest().name ?? "") : "";
  }

  get version(): string {
    return this.hasManifest ? (this.manifest().version ?? "") : "";
  }

  /** Folders of programs that packages bring along, from this folder up to the root. */
  binFolders(): string[] {
    const folders: string[] = [];
    for (let folder = this.folder; ; folder = folder.slice(0, folder.lastIndexOf("/"))) {
      folders.push(`${folder === "/" ? "" : folder}/node_modules/.bin`);
      if (folder === "" || folder === "/") return folders;
    }
  }
}
