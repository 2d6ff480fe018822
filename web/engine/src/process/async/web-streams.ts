/**
 * Web streams call what a program gave them either within a call of the program, and then in its async context, or from
 * promise reactions of the browser's own. Those have none here; in Node they run where the stream was made or piped.
 *
 * Imported before the classes are taken from the global object.
 */

import { frame, within, type Frame } from "./context.ts";

type Method = (this: object, ...args: unknown[]) => unknown;

/** How many calls of programs are under way in streams. */
let depth = 0;

/** Where the callbacks of a stream run when nobody calls; a pipe changes it. */
interface Place {
  frame: Frame | undefined;
}

const places = new WeakMap<object, Place>();

function calling(prototype: object | undefined, names: readonly string[], before: (receiver: object, args: readonly unknown[]) => void = () => undefined): void {
  for (const name of names) {
    const own = prototype === undefined ? undefined : Object.getOwnPropertyDescriptor(prototype, name);
    if (prototype === undefined || typeof own?.value !== "function") continue;
    const method = own.value as Method;
    const made: Method = function (...args) {
      before(this, args);
      depth += 1;
      try {
        return Reflect.apply(method, this, args);
      } finally {
        depth -= 1;
      }
    };
    Object.defineProperties(made, { name: { value: name, configurable: true }, length: { value: method.length, configurable: true } });
    Object.defineProperty(prototype, name, { ...own, value: made });
  }
}

const CALLBACKS = new Set(["start", "pull", "cancel", "write", "close", "abort", "transform", "flush"]);

/** A source, sink or transformer whose callbacks run at their place. Its members are read once, by the stream. */
function placed(given: unknown, place: Place): unknown {
  if ((typeof given !== "object" && typeof given !== "function") || given === null) return given;
  return new Proxy(given, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (typeof name !== "string" || !CALLBACKS.has(name) || typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        const call = (): unknown => Reflect.apply(member, target, args) as unknown;
        return depth > 0 ? call() : within(place.frame, call);
      };
    },
  });
}

/** Replace a class of streams by one whose first argument is placed. */
function placing(name: "ReadableStream" | "WritableStream" | "TransformStream"): void {
  const native = globalThis[name] as unknown as new (...args: unknown[]) => object;
  const replaced: typeof native = new Proxy(native, {
    construct(target, args: unknown[], newTarget) {
      const place: Place = { frame: frame() };
      const [first, ...rest] = args;
      const given = args.length === 0 ? [] : [placed(first, place), ...rest];
      depth += 1;
      try {
        const stream = Reflect.construct(target, given, newTarget === replaced ? target : newTarget) as object;
        places.set(stream, place);
        return stream;
      } finally {
        depth -= 1;
      }
    },
  });
  Object.defineProperty(native.prototype, "constructor", { value: replaced, writable: true, configurable: true, enumerable: false });
  Object.defineProperty(globalThis, name, { value: replaced, writable: true, configurable: true, enumerable: false });
}

/** From now on the streams are driven by whoever pipes or parts them. */
function moved(stream: unknown): void {
  const place = typeof stream === "object" && stream !== null ? places.get(stream) : undefined;
  if (place !== undefined) place.frame = frame();
}

calling(ReadableStreamDefaultReader.prototype, ["read", "cancel"]);
calling(ReadableStreamBYOBReader.prototype, ["read", "cancel"]);
calling(ReadableStream.prototype, ["cancel"]);
calling(ReadableStream.prototype, ["pipeTo", "tee"], (stream, [target]) => [stream, target].forEach(moved));
calling(ReadableStreamDefaultController.prototype, ["enqueue", "close", "error"]);
calling(ReadableByteStreamController.prototype, ["enqueue", "close", "error"]);
calling(ReadableStreamBYOBRequest.prototype, ["respond", "respondWithNewView"]);
calling(WritableStream.prototype, ["abort", "close"]);
calling(WritableStreamDefaultWriter.prototype, ["write", "close", "abort"]);
calling(WritableStreamDefaultController.prototype, ["error"]);
calling(TransformStreamDefaultController.prototype, ["enqueue", "error", "terminate"]);
calling(Object.getPrototypeOf(new ReadableStream().values()) as object, ["next", "return"]);
(["ReadableStream", "WritableStream", "TransformStream"] as const).forEach(placing);
