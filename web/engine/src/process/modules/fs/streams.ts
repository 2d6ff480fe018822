/** `fs.ReadStream` and `fs.WriteStream`. */

import { Readable, Writable } from "readable-stream/lib/stream.js";
import { Buffer } from "../buffer.ts";
import { invalidArgType, nodeError, outOfRange } from "../errors.ts";
import { validateInteger, type Callback } from "../validate.ts";
import { flagsOf, modeOf, optionsOf, pathOf, type Options } from "./arguments.ts";
import type { FileHandle } from "./handle.ts";

type Done = (error?: Error | null) => void;

/** What `fs.read` and `fs.write` take. */
type Transfer = [fd: number, buffer: Uint8Array, offset: number, length: number, position: number | undefined, done: Callback];

/** The functions that a stream uses; a program may give its own (`options.fs`). */
interface Functions {
  open(path: string, flags: unknown, mode: unknown, done: Callback): void;
  close(fd: number, done: Callback): void;
  read(...args: Transfer): void;
  write(...args: Transfer): void;
}

/** Event that tells a stream which is being destroyed that its last read or write is over. */
const IDLE = Symbol("idle");

/** What both streams keep, in the properties that Node's have. */
interface FileStream {
  fd: number | null;
  path: string | undefined;
  flags: unknown;
  mode: number;
  start: number | undefined;
  pos: number | undefined;
  bytesRead: number;
  bytesWritten: number;
  pending: boolean;
  autoClose: boolean;
  handle: FileHandle | undefined;
  /** Whether a read or write is under way: the file is closed only after it. */
  busy: boolean;
}
type Reading = Readable & FileStream & { end: number };
type Writing = Writable & FileStream;

const functions = new WeakMap<object, Functions>();
let defaults: Functions | undefined;

/** Tell the streams of the module whose functions they use. */
export function streamsUse(found: object): void {
  defaults = found as Functions;
}

const own = (stream: object): Functions => functions.get(stream) ?? (defaults as Functions);

/** A FileHandle's descriptor by the functions that callbacks need. */
function throughHandle(handle: FileHandle): Functions {
  const back = (promise: Promise<unknown>, done: Callback, pick: (value: unknown) => unknown): void => {
    promise.then((value) => done(null, pick(value)), done);
  };
  return {
    open: (_path, _flags, _mode, done) => done(null, handle.fd),
    close: (_fd, done) => back(handle.close(), done, () => undefined),
    read: (...[, buffer, offset, length, position, done]) => back(handle.read(buffer, offset, length, position ?? null), done, (value) => (value as { bytesRead: number }).bytesRead),
    write: (...[, buffer, offset, length, position, done]) => back(handle.write(buffer, offset, length, position ?? null), done, (value) => (value as { bytesWritten: number }).bytesWritten),
  };
}

/** Where the bytes are: a path to open, a descriptor, or a FileHandle. */
function prepareSource(stream: FileStream, path: unknown, given: Options, flags: string): void {
  stream.fd = null;
  const source = given.fd;
  if (source === undefined || source === null) {
    stream.path = typeof path === "string" ? path : pathOf(path).given;
    pathOf(path);
    stream.flags = given.flags === undefined ? flags : flagsOf(given.flags);
    stream.mode = modeOf(given.mode, "mode", 0o666);
  } else if (typeof source === "number") {
    validateInteger(source, "fd", 0, 2 ** 31 - 1);
    stream.fd = source;
  } else if (typeof source === "object" && "createReadStream" in source) {
    stream.handle = source as FileHandle;
    stream.fd = stream.handle.fd;
    functions.set(stream, throughHandle(stream.handle));
    const close = (): unknown => (stream as unknown as Readable).destroy();
    (source as unknown as { on(name: string, listener: () => unknown): void }).on("close", close);
  } else throw invalidArgType("options.fd", ["number", "FileHandle"], source);
}

function prepare(stream: FileStream, path: unknown, given: Options, flags: string): void {
  prepareSource(stream, path, given, flags);
  if (given.fs !== undefined && given.fs !== null) functions.set(stream, given.fs as Functions);
  stream.start = given.start as number | undefined;
  stream.pos = undefined;
  if (stream.start === undefined) return;
  validateInteger(stream.start, "start", 0);
  stream.pos = stream.start;
}

/** Where reading ends. A stream that writes has the method `end` there. */
function prepareEnd(stream: Reading, given: Options): void {
  stream.end = (given.end as number | undefined) ?? Number.POSITIVE_INFINITY;
  if (stream.end === Number.POSITIVE_INFINITY) return;
  validateInteger(stream.end, "end", 0);
  if (stream.start !== undefined && stream.start > stream.end) throw outOfRange("start", `<= "end" (here: ${stream.end})`, stream.start);
}

const streamOptions = (given: Options, highWaterMark: number): object => ({
  highWaterMark: given.highWaterMark ?? highWaterMark,
  emitClose: given.emitClose !== false,
  autoDestroy: given.autoClose !== false,
  ...(given.signal === undefined ? {} : { signal: given.signal }),
});

function construct(this: FileStream & Readable, done: Done): void {
  if (this.fd !== null) return done();
  const open = (this as { open?: unknown }).open;
  // Programs of old replace `open`; then that is what opens.
  if (typeof open === "function" && open !== openNothing) {
    const { emit } = this;
    this.emit = function waiting(this: Reading, name: string, ...args: unknown[]): boolean {
      if (name === "open") {
        this.emit = emit;
        done();
        return Reflect.apply(emit, this, [name, ...args]);
      }
      if (name === "error") {
        this.emit = emit;
        done(args[0] as Error);
        return false;
      }
      return Reflect.apply(emit, this, [name, ...args]);
    } as typeof emit;
    Reflect.apply(open, this, []);
    return;
  }
  own(this).open(this.path ?? "", this.flags, this.mode, (error: unknown, fd: unknown) => {
    if (error) return done(error as Error);
    this.fd = fd as number;
    done();
    this.emit("open", this.fd);
    return this.emit("ready");
  });
}

/** `open` opens by itself when the stream is made; the method is there for programs that call it. */
function openNothing(): void {
  return undefined;
}

function finish(stream: FileStream, error: Error | null, done: Done): void {
  const fd = stream.fd;
  if (fd === null) return done(error);
  stream.fd = null;
  own(stream).close(fd, (failed: unknown) => done((failed as Error | null) ?? error));
}

const reads = {
  _construct: construct,
  open: openNothing,
  _read(this: Reading, size: number): void {
    const left = this.end === Number.POSITIVE_INFINITY ? size : this.end - (this.pos ?? this.bytesRead) + 1;
    const wanted = Math.min(left, size);
    if (wanted <= 0 || this.fd === null) {
      this.push(null);
      return;
    }
    const buffer = Buffer.allocUnsafeSlow(wanted);
    this.busy = true;
    own(this).read(this.fd, buffer, 0, wanted, this.pos, (error: unknown, count: unknown) => {
      this.busy = false;
      if (this.destroyed) return this.emit(IDLE as never, error);
      if (error) return this.destroy(error as Error);
      const read = count as number;
      if (this.pos !== undefined) this.pos += read;
      this.bytesRead += read;
      return this.push(read === 0 ? null : read === buffer.length ? buffer : Buffer.from(buffer.subarray(0, read)));
    });
  },
  _destroy(this: Reading, error: Error | null, done: Done): void {
    if (this.busy) this.once(IDLE as never, (late: Error | null) => finish(this, error ?? late, done));
    else finish(this, error, done);
  },
  close(this: Reading, done?: Done): void {
    if (typeof done === "function") {
      if (this.closed) return process.nextTick(done);
      this.once("close", () => done());
    }
    this.destroy();
  },
};

function writeAll(stream: Writing, data: Uint8Array, done: Done): void {
  if (stream.fd === null) return done(nodeError(Error, "ERR_STREAM_DESTROYED", "Cannot call write after a stream was destroyed"));
  stream.busy = true;
  own(stream).write(stream.fd, data, 0, data.length, stream.pos, (error: unknown, count: unknown) => {
    stream.busy = false;
    if (stream.destroyed) {
      done(error as Error | null);
      return stream.emit(IDLE as never, error);
    }
    if (error) return done(error as Error);
    const written = count as number;
    stream.bytesWritten += written;
    if (stream.pos !== undefined) stream.pos += written;
    return written < data.length ? writeAll(stream, data.subarray(written), done) : done();
  });
}

const writes = {
  _construct: construct,
  open: openNothing,
  _write(this: Writing, data: Uint8Array, _encoding: unknown, done: Done): void {
    writeAll(this, data, done);
  },
  _writev(this: Writing, items: { chunk: Uint8Array }[], done: Done): void {
    writeAll(this, Buffer.concat(items.map((item) => item.chunk)), done);
  },
  _destroy(this: Writing, error: Error | null, done: Done): void {
    if (this.busy) this.once(IDLE as never, (late: Error | null) => finish(this, error ?? late, done));
    else finish(this, error, done);
  },
  close(this: Writing, done?: Done): void {
    if (typeof done === "function") {
      if (this.closed) return process.nextTick(done);
      this.once("close", () => done());
    }
    // Without autoClose nothing else would end it.
    if (!this.autoClose) this.once("finish", () => this.destroy());
    this.end();
  },
  destroySoon: Writable.prototype.end,
};

/** A constructor that also works without `new` and by `ReadStream.call(this, …)`, as `graceful-fs` needs it. */
type StreamClass<T> = { new (path: unknown, options?: unknown): T; (this: unknown, path: unknown, options?: unknown): T; prototype: T };

/** A stream that reads a file. */
export const ReadStream = function ReadStream(this: unknown, path: unknown, options?: unknown): Reading {
  if (!(this instanceof (ReadStream as unknown as new () => object))) return createReadStream(path, options);
  const given = optionsOf(options);
  const stream = this as unknown as Reading;
  stream.busy = false;
  prepare(stream, path, given, "r");
  prepareEnd(stream, given);
  stream.bytesRead = 0;
  Reflect.apply(Readable as unknown as Callback, stream, [streamOptions(given, 64 * 1024)]);
  if (typeof given.encoding === "string") stream.setEncoding(given.encoding as "utf8");
  return stream;
} as StreamClass<Reading>;

/** A stream that writes a file. */
export const WriteStream = function WriteStream(this: unknown, path: unknown, options?: unknown): Writing {
  if (!(this instanceof (WriteStream as unknown as new () => object))) return createWriteStream(path, options);
  const given = optionsOf(options);
  const stream = this as unknown as Writing;
  stream.busy = false;
  prepare(stream, path, given, "w");
  stream.bytesWritten = 0;
  Reflect.apply(Writable as unknown as Callback, stream, [{ ...streamOptions(given, 16 * 1024), decodeStrings: true }]);
  if (typeof given.encoding === "string") stream.setDefaultEncoding(given.encoding as "utf8");
  return stream;
} as StreamClass<Writing>;

function settle(Class: StreamClass<object>, Parent: object, methods: object, auto: "_readableState" | "_writableState"): void {
  Object.setPrototypeOf(Class, Parent);
  Object.setPrototypeOf(Class.prototype, (Parent as { prototype: object }).prototype);
  Object.assign(Class.prototype, methods);
  Object.defineProperties(Class.prototype, {
    pending: {
      configurable: true,
      get(this: FileStream) {
        return this.fd === null;
      },
    },
    autoClose: {
      configurable: true,
      get(this: Record<string, { autoDestroy: boolean }>) {
        return this[auto]?.autoDestroy;
      },
      set(this: Record<string, { autoDestroy: boolean }>, value: boolean) {
        const state = this[auto];
        if (state !== undefined) state.autoDestroy = value;
      },
    },
  });
}
settle(ReadStream, Readable, reads, "_readableState");
settle(WriteStream, Writable, writes, "_writableState");

export const createReadStream = (path: unknown, options?: unknown): Reading => new ReadStream(path, options);
export const createWriteStream = (path: unknown, options?: unknown): Writing => new WriteStream(path, options);
