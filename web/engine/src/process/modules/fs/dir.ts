/** `fs.Dir`: a folder read entry by entry. */

import type { Entry } from "../../../contract.ts";
import { nodeError } from "../errors.ts";
import { validateInteger, type Callback } from "../validate.ts";
import { optionsOf, pathOf } from "./arguments.ts";
import { direntOf, type Dirent } from "./stats.ts";
import { ask, system, runAsync, runBack, runSync, splitCallback, type Operation } from "./steps.ts";

interface Folder {
  readonly path: string;
  readonly full: string;
  readonly encoding: unknown;
  readonly recursive: boolean;
}

const folders = new WeakMap<Dir, Folder>();

function closedError(): Error {
  return nodeError(Error, "ERR_DIR_CLOSED", "Directory handle was closed");
}

/** An open folder. It is made by `opendir`. */
export class Dir {
  #entries: { entry: Entry; parent: string }[] | undefined;
  #closed = false;

  get path(): string {
    return folders.get(this)?.path ?? "";
  }

  *#next(): Operation<Dirent | null> {
    const folder = folders.get(this);
    if (this.#closed || folder === undefined) throw closedError();
    this.#entries ??= (yield* ask("fs.readdir", [folder.full], { syscall: "scandir", path: folder.path })).map((entry) => ({ entry, parent: folder.path }));
    const next = this.#entries.shift();
    if (next === undefined) return null;
    if (folder.recursive && next.entry.kind === 2) {
      const path = `${next.parent}/${next.entry.name}`;
      const below = yield* ask("fs.readdir", [pathOf(path).full], { syscall: "scandir", path });
      this.#entries.push(...below.map((entry) => ({ entry, parent: path })));
    }
    return direntOf(next.entry, next.parent, folder.encoding);
  }

  read(callback?: Callback): Promise<Dirent | null> | undefined {
    if (callback === undefined) return runAsync(this.#next());
    runBack(this.#next(), callback, (entry) => [entry]);
    return undefined;
  }

  readSync(): Dirent | null {
    return runSync(this.#next());
  }

  close(callback?: Callback): Promise<void> | undefined {
    if (callback === undefined) return this.#closed ? Promise.reject(closedError()) : Promise.resolve(this.closeSync());
    const failure = this.#closed ? closedError() : null;
    this.#closed = true;
    queueMicrotask(() => void callback(failure));
    return undefined;
  }

  closeSync(): void {
    if (this.#closed) throw closedError();
    this.#closed = true;
  }

  async *entries(): AsyncGenerator<Dirent> {
    try {
      for (;;) {
        const entry = await runAsync(this.#next());
        if (entry === null) break;
        yield entry;
      }
    } finally {
      if (!this.#closed) this.closeSync();
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<Dirent> {
    return this.entries();
  }
}

export function* opendir(path: unknown, options?: unknown): Operation<Dir> {
  const given = optionsOf(options, { encoding: "utf8" });
  const found = pathOf(path);
  if (given.bufferSize !== undefined) validateInteger(given.bufferSize, "options.bufferSize", 1, 2 ** 32 - 1);
  yield* system("fs.readdir", [found.full], { syscall: "opendir", path: found.given });
  const dir = new Dir();
  folders.set(dir, { path: found.given, full: found.full, encoding: given.encoding, recursive: given.recursive === true });
  return dir;
}

/** `fs.opendir` with its callback. */
export function opendirBack(...args: unknown[]): void {
  const { rest, callback } = splitCallback(args);
  runBack(opendir(rest[0], rest[1]), callback);
}
