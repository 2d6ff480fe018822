/** `FileHandle` of `fs/promises`. */

import { Buffer } from "../buffer.ts";
import { invalidArgType } from "../errors.ts";
import { EventEmitter } from "../events.ts";
import * as content from "./content.ts";
import * as operations from "./operations.ts";
import { createReadStream, createWriteStream } from "./streams.ts";
import { readline } from "../readline/index.ts";
import { runAsync, type Operation } from "./steps.ts";

const Emitter = EventEmitter as unknown as new () => EventEmitter;

/** Node's answers have no prototype, which is printed. */
const bare = <T extends object>(value: T): T => Object.assign(Object.create(null) as T, value);

/** An open file. */
export class FileHandle extends Emitter {
  #fd: number;
  #closing: Promise<void> | undefined;

  constructor(fd: number) {
    super();
    this.#fd = fd;
  }

  get fd(): number {
    return this.#fd;
  }

  getAsyncId(): number {
    return -1;
  }

  #run<R>(syscall: string, start: (fd: number) => Operation<R>): Promise<R> {
    if (this.#fd === -1) return Promise.reject(Object.assign(new Error("file closed"), { code: "EBADF", syscall }));
    return runAsync(start(this.#fd));
  }

  appendFile(data: unknown, options?: unknown): Promise<void> {
    return this.#run("write", (fd) => content.appendFile(fd, data, options));
  }

  chmod(mode: unknown): Promise<void> {
    return this.#run("fchmod", (fd) => operations.fchmod(fd, mode));
  }

  chown(uid: unknown, gid: unknown): Promise<void> {
    return this.#run("fchown", (fd) => operations.fchown(fd, uid, gid));
  }

  datasync(): Promise<void> {
    return this.#run("fdatasync", operations.sync);
  }

  sync(): Promise<void> {
    return this.#run("fsync", operations.sync);
  }

  async read(...args: unknown[]): Promise<{ bytesRead: number; buffer: unknown }> {
    const { view, offset, length, position } = content.readArguments(args, () => Buffer.alloc(16384));
    const bytesRead = await this.#run("read", (fd) => content.read(fd, view, offset, length, position));
    return bare({ bytesRead, buffer: view });
  }

  async readv(buffers: unknown, position?: unknown): Promise<{ bytesRead: number; buffers: unknown }> {
    return bare({ bytesRead: await this.#run("read", (fd) => content.readv(fd, buffers, position)), buffers });
  }

  readFile(options?: unknown): Promise<string | Uint8Array> {
    return this.#run("read", (fd) => content.readFile(fd, options));
  }

  readLines(options?: object): unknown {
    return readline.createInterface({ input: this.createReadStream(options) as never, crlfDelay: Number.POSITIVE_INFINITY });
  }

  stat(options?: unknown): Promise<unknown> {
    return this.#run("fstat", (fd) => operations.fstat(fd, options));
  }

  truncate(length = 0): Promise<void> {
    return this.#run("ftruncate", (fd) => operations.ftruncate(fd, length));
  }

  utimes(atime: unknown, mtime: unknown): Promise<void> {
    return this.#run("futime", (fd) => operations.futimes(fd, atime, mtime));
  }

  async write(data: unknown, ...args: unknown[]): Promise<{ bytesWritten: number; buffer: unknown }> {
    return bare({ bytesWritten: await this.#run("write", (fd) => content.write(fd, data, ...args)), buffer: data });
  }

  async writev(buffers: unknown, position?: unknown): Promise<{ bytesWritten: number; buffers: unknown }> {
    return bare({ bytesWritten: await this.#run("write", (fd) => content.writev(fd, buffers, position)), buffers });
  }

  writeFile(data: unknown, options?: unknown): Promise<void> {
    return writeSource(data, (part) => this.#run("write", (fd) => content.writeFile(fd, part, options)));
  }

  close(): Promise<void> {
    if (this.#fd === -1) return this.#closing ?? Promise.resolve();
    const fd = this.#fd;
    this.#fd = -1;
    this.#closing = runAsync(operations.close(fd)).finally(() => {
      this.#closing = undefined;
    });
    this.emit("close");
    return this.#closing;
  }

  readableWebStream(options?: { autoClose?: boolean }): ReadableStream<Uint8Array> {
    if (this.#fd === -1) throw invalidArgType("FileHandle", "open FileHandle", this);
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const { bytesRead, buffer } = await this.read(Buffer.alloc(16384));
        if (bytesRead > 0) return controller.enqueue(new Uint8Array((buffer as Uint8Array).subarray(0, bytesRead)));
        if (options?.autoClose === true) await this.close();
        controller.close();
      },
    });
  }

  createReadStream(options?: object): unknown {
    return createReadStream("", { ...options, fd: this });
  }

  createWriteStream(options?: object): unknown {
    return createWriteStream("", { ...options, fd: this });
  }
}
Object.defineProperty(FileHandle.prototype, (Symbol as { asyncDispose?: symbol }).asyncDispose ?? Symbol.for("nodejs.asyncDispose"), {
  value(this: FileHandle) {
    return this.close();
  },
});

const isSource = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === "object" && value !== null && !ArrayBuffer.isView(value) && (Symbol.asyncIterator in value || Symbol.iterator in value);

/** Write data, or each part of an iterable in turn. */
export async function writeSource(data: unknown, write: (part: unknown, first: boolean) => Promise<void>): Promise<void> {
  if (!isSource(data)) return await write(data, true);
  let first = true;
  for await (const part of data) {
    await write(part, first);
    first = false;
  }
  if (first) await write("", true);
}
