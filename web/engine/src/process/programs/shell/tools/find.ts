/** `find`. */

import type { Stat } from "../../../../contract.ts";
import { dispatch } from "../commands.ts";
import { reason } from "../redirect.ts";
import { readExpression, type Test } from "./find-terms.ts";
import type { Io, Tool } from "./io.ts";
import { ToolError } from "./options.ts";

/** A file that was found. */
export interface Found {
  readonly path: string;
  readonly name: string;
  readonly depth: number;
  readonly start: string;
  readonly stat: Stat;
}

/** Settings that hold for the whole search, and what it has come to. */
export class Search {
  least = 0;
  most = Infinity;
  depthFirst = false;
  follow = false;
  over = false;
  code = 0;
  /** Set by `-prune` for the file at hand. */
  pruned = false;
  /** Commands of `-exec … +`, with the paths that wait for them. */
  readonly waiting = new Map<readonly string[], string[]>();
  readonly now = Date.now();

  constructor(readonly io: Io) {}

  stat(path: string): Stat {
    const full = this.io.resolve(path);
    if (this.follow && this.io.files("fs.kinds", [full])[0] !== 0) return this.io.files("fs.stat", full);
    return this.io.files("fs.lstat", full);
  }

  /** Run a command in a subshell; the answer is its exit code. */
  async command(words: readonly string[], folder: string | null = null): Promise<number> {
    await this.io.flush();
    const inner = this.io.shell.fork();
    if (folder !== null) inner.state.cwd = this.io.resolve(folder);
    return inner.runSubshell(() => dispatch(inner, words, true));
  }

  async runWaiting(): Promise<void> {
    for (const [words, paths] of this.waiting) {
      if (paths.length === 0) continue;
      if ((await this.command([...words, ...paths.splice(0)])) !== 0) this.code = 1;
    }
  }
}

class Walk {
  constructor(private readonly search: Search, private readonly test: Test) {}

  async from(start: string): Promise<void> {
    await this.visit(start, start.replace(/(.)\/+$/, "$1"), 0, start);
  }

  private async visit(path: string, name: string, depth: number, start: string): Promise<void> {
    const { search } = this;
    let stat: Stat;
    try {
      stat = search.stat(path);
    } catch (error) {
      return this.complain(path, error);
    }
    const found: Found = { path, name: name.slice(name.lastIndexOf("/") + 1) || "/", depth, start, stat };
    const folder = (stat.mode & 0o170000) === 0o040000;
    if (!search.depthFirst) await this.apply(found);
    const pruned = search.pruned && !search.depthFirst;
    search.pruned = false;
    if (folder && !pruned && depth < search.most && !search.over) await this.below(path, depth, start);
    if (search.depthFirst && !search.over) await this.apply(found);
  }

  private async below(path: string, depth: number, start: string): Promise<void> {
    let names: string[];
    try {
      names = this.search.io.files("fs.readdir", this.search.io.resolve(path)).map((entry) => entry.name);
    } catch (error) {
      return this.complain(path, error);
    }
    for (const name of names) {
      if (this.search.over) return;
      await this.visit(`${path.replace(/\/+$/, "")}/${name}`, name, depth + 1, start);
    }
  }

  private async complain(path: string, error: unknown): Promise<void> {
    const why = reason(error);
    if (why === null) throw error;
    await this.search.io.complain(`‘${path}’: ${why}`);
    this.search.code = 1;
  }

  private async apply(found: Found): Promise<void> {
    if (found.depth < this.search.least || this.search.over) return;
    await this.test(found);
  }
}

export const find: Tool = async (io, args) => {
  const search = new Search(io);
  let at = 0;
  for (; /^-[HLP]$/.test(args[at] ?? ""); at += 1) search.follow = args[at] === "-L";
  const starts: string[] = [];
  for (; at < args.length && !/^-.|^[!(),]$/.test(args[at] ?? ""); at += 1) starts.push(args[at] ?? "");
  const test = readExpression(search, args.slice(at));
  const walk = new Walk(search, test);
  for (const start of starts.length === 0 ? ["."] : starts) {
    if (start === "") throw new ToolError("‘’: No such file or directory");
    await walk.from(start);
    if (search.over) break;
  }
  await search.runWaiting();
  return search.code;
};
