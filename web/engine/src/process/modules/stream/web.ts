/** Bridges between Node's streams and web streams. */

import { Duplex, Readable, Writable, finished } from "readable-stream/lib/stream.js";
import { inspect } from "node-inspect-extracted";
import { AbortError, invalidArgType, nodeError } from "../errors.ts";

interface StrategyOptions {
  readonly strategy?: QueuingStrategy<unknown>;
  readonly type?: "bytes";
}

const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new AbortError({ cause: reason }));

/** A stream that closed before its end was given up, for who has its other side. */
function early(error: Error): Error {
  return (error as { code?: string }).code === "ERR_STREAM_PREMATURE_CLOSE" ? new AbortError({ cause: error }) : error;
}

function size(chunk: unknown): number {
  return (chunk as { byteLength?: number }).byteLength ?? 1;
}

/** A web stream of what a Node stream reads; bytes come as Uint8Array. */
export function toWebReadable(source: unknown, options: StrategyOptions = {}): ReadableStream<unknown> {
  if (!(source instanceof Readable)) throw invalidArgType("streamReadable", "stream.Readable", source);
  const readable = source;
  const strategy = options.strategy ?? (readable.readableObjectMode
    ? { highWaterMark: readable.readableHighWaterMark }
    : { highWaterMark: readable.readableHighWaterMark, size });
  if (readable.destroyed || !readable.readable) {
    return new ReadableStream({ start: (controller) => controller.close() });
  }
  readable.pause();
  let closed = false;
  return new ReadableStream<unknown>({
    start(controller) {
      finished(readable, { writable: false }, (error) => {
        if (closed) return;
        closed = true;
        if (error) controller.error(early(error));
        else controller.close();
      });
      readable.on("data", (chunk: unknown) => {
        controller.enqueue(chunk instanceof Uint8Array && !readable.readableObjectMode ? new Uint8Array(chunk) : chunk);
        if ((controller.desiredSize ?? 0) <= 0) readable.pause();
      });
      readable.pause();
    },
    pull() {
      readable.resume();
    },
    cancel(reason) {
      closed = true;
      readable.destroy(asError(reason));
    },
  }, strategy);
}

/** A Node stream that reads a web stream. */
export function fromWebReadable(source: unknown, options: object = {}): Readable {
  if (!(source instanceof ReadableStream)) throw invalidArgType("readableStream", "ReadableStream", source);
  const reader = (source as ReadableStream<unknown>).getReader();
  let ended = false;
  return new Readable({
    ...options,
    read(this: Readable) {
      reader.read().then(
        ({ done, value }) => {
          ended = done;
          this.push(done ? null : value);
        },
        (error: unknown) => this.destroy(asError(error)),
      );
    },
    destroy(error, done) {
      if (ended) return done(error);
      reader.cancel(error).then(() => done(error), () => done(error));
    },
  });
}

/** A web stream that writes into a Node stream. */
export function toWebWritable(target: unknown): WritableStream<unknown> {
  if (!(target instanceof Writable) && !(target instanceof Duplex)) throw invalidArgType("streamWritable", "stream.Writable", target);
  const writable = target;
  return new WritableStream<unknown>({
    start(controller) {
      finished(writable, { readable: false }, (error) => {
        if (error) controller.error(early(error));
      });
    },
    write: (chunk) => new Promise((resolve, reject) => {
      writable.write(chunk, (error) => (error ? reject(error) : resolve()));
    }),
    close: () => new Promise((resolve) => {
      writable.end(resolve);
    }),
    abort: (reason) => {
      writable.destroy(asError(reason));
    },
  });
}

/** A Node stream that writes into a web stream. */
export function fromWebWritable(target: unknown, options: object = {}): Writable {
  if (!(target instanceof WritableStream)) throw invalidArgType("writableStream", "WritableStream", target);
  const writer = (target as WritableStream<unknown>).getWriter();
  return new Writable({
    ...options,
    write(chunk, _encoding, done) {
      writer.ready.then(() => writer.write(chunk)).then(() => done(), done);
    },
    final(done) {
      writer.close().then(() => done(), done);
    },
    destroy(error, done) {
      if (error === null) return done(null);
      writer.abort(error).then(() => done(error), () => done(error));
    },
  });
}

/** Both directions of a Node stream as web streams. */
export function toWebDuplex(duplex: Duplex): { readable: ReadableStream<unknown>; writable: WritableStream<unknown> } {
  return { readable: toWebReadable(duplex), writable: toWebWritable(duplex) };
}

/** A pair of web streams as one Node stream. */
export function fromWebDuplex(pair: { readable: unknown; writable: unknown }, options: object = {}): Duplex {
  if (!(pair.readable instanceof ReadableStream)) throw invalidArgType("pair.readable", "ReadableStream", pair.readable);
  if (!(pair.writable instanceof WritableStream)) throw invalidArgType("pair.writable", "WritableStream", pair.writable);
  const reader = (pair.readable as ReadableStream<unknown>).getReader();
  const writer = (pair.writable as WritableStream<unknown>).getWriter();
  const open = { reading: true, writing: true };
  const settled = (promise: Promise<unknown>): Promise<unknown> => promise.catch(() => undefined);
  return new Duplex({
    allowHalfOpen: false,
    ...options,
    read(this: Duplex) {
      reader.read().then(
        ({ done, value }) => {
          open.reading = !done;
          this.push(done ? null : value);
        },
        (error: unknown) => this.destroy(asError(error)),
      );
    },
    write(chunk, _encoding, done) {
      writer.ready.then(() => writer.write(chunk)).then(() => done(), done);
    },
    final(done) {
      open.writing = false;
      writer.close().then(() => done(), done);
    },
    destroy(error, done) {
      const endings: Promise<unknown>[] = [];
      if (open.writing) endings.push(error === null ? writer.close() : writer.abort(error));
      if (open.reading) endings.push(reader.cancel(error));
      void Promise.all(endings.map((ending) => settled(ending))).then(() => done(error));
    },
  });
}

/** `ReadableStream.from`, where the browser has none. */
export function readableFrom(source: unknown): ReadableStream<unknown> {
  const given = source as Partial<AsyncIterable<unknown> & Iterable<unknown>> | null | undefined;
  const iterator = given?.[Symbol.asyncIterator]?.() ?? given?.[Symbol.iterator]?.();
  if (iterator === undefined) throw nodeError(TypeError, "ERR_ARG_NOT_ITERABLE", `${inspect(source)} must be iterable`);
  return new ReadableStream<unknown>({
    async pull(controller) {
      const next: IteratorResult<unknown> = await iterator.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel(reason) {
      await iterator.return?.(reason);
    },
  }, { highWaterMark: 0 });
}
