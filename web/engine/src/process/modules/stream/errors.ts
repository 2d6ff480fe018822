/** The errors of `readable-stream`, as Node makes them: the build puts this module in the place of the package's own. */

import { AbortError as PlainAbort, invalidArgType, invalidArgValue, invalidReturnValue, nodeError, outOfRange, type CodedError } from "../errors.ts";

type Maker = new (...args: never[]) => Error;

/** A class whose instances are what a function makes. */
function made(make: (...args: never[]) => CodedError): Maker {
  return function construct(...args: never[]): CodedError {
    return make(...args);
  } as unknown as Maker;
}

/** One with a fixed text, or one that names something. */
const fixed = (code: string, Base: ErrorConstructor | TypeErrorConstructor, text: (what: string) => string): Maker => made((what: string) => nodeError(Base, code, text(what)));

/** What Node 20 takes as a chunk; the package still writes the shorter list of Node 18. */
const CHUNKS = ["string", "Buffer", "TypedArray", "DataView"];

function missing(...names: string[]): CodedError {
  const quoted = names.map((name) => `"${name}"`);
  const last = quoted.pop() ?? "";
  const list = quoted.length === 0 ? `${last} argument` : quoted.length === 1 ? `${quoted.join("")} and ${last} arguments` : `${quoted.join(", ")}, and ${last} arguments`;
  return nodeError(TypeError, "ERR_MISSING_ARGS", `The ${list} must be specified`);
}

/** The classes by their codes. */
export const codes: Readonly<Record<string, Maker>> = {
  ERR_INVALID_ARG_TYPE: made((name: string, expected: string | readonly string[], actual: unknown) => invalidArgType(name, name === "chunk" ? CHUNKS : expected, actual)),
  ERR_INVALID_ARG_VALUE: made(invalidArgValue),
  ERR_INVALID_RETURN_VALUE: made(invalidReturnValue),
  ERR_MISSING_ARGS: made(missing),
  ERR_OUT_OF_RANGE: made(outOfRange),
  ERR_MULTIPLE_CALLBACK: fixed("ERR_MULTIPLE_CALLBACK", Error, () => "Callback called multiple times"),
  ERR_METHOD_NOT_IMPLEMENTED: fixed("ERR_METHOD_NOT_IMPLEMENTED", Error, (what) => `The ${what} method is not implemented`),
  ERR_STREAM_ALREADY_FINISHED: fixed("ERR_STREAM_ALREADY_FINISHED", Error, (what) => `Cannot call ${what} after a stream was finished`),
  ERR_STREAM_CANNOT_PIPE: fixed("ERR_STREAM_CANNOT_PIPE", Error, () => "Cannot pipe, not readable"),
  ERR_STREAM_DESTROYED: fixed("ERR_STREAM_DESTROYED", Error, (what) => `Cannot call ${what} after a stream was destroyed`),
  ERR_STREAM_NULL_VALUES: fixed("ERR_STREAM_NULL_VALUES", TypeError, () => "May not write null values to stream"),
  ERR_STREAM_PREMATURE_CLOSE: fixed("ERR_STREAM_PREMATURE_CLOSE", Error, () => "Premature close"),
  ERR_STREAM_PUSH_AFTER_EOF: fixed("ERR_STREAM_PUSH_AFTER_EOF", Error, () => "stream.push() after EOF"),
  ERR_STREAM_UNSHIFT_AFTER_END_EVENT: fixed("ERR_STREAM_UNSHIFT_AFTER_END_EVENT", Error, () => "stream.unshift() after end event"),
  ERR_STREAM_WRITE_AFTER_END: fixed("ERR_STREAM_WRITE_AFTER_END", Error, () => "write after end"),
  ERR_UNKNOWN_ENCODING: fixed("ERR_UNKNOWN_ENCODING", TypeError, (what) => `Unknown encoding: ${what}`),
};

/** What a signal aborted; the package gives the text first. */
export class AbortError extends PlainAbort {
  constructor(_text?: string, options?: { cause?: unknown }) {
    super(options);
  }
}

/** Node hides functions in stacks by it; here stacks keep them. */
export function hideStackFrames<F>(hidden: F): F {
  return hidden;
}

/** Two errors that met: the outer one, with both. */
export function aggregateTwoErrors(inner: Error | null | undefined, outer: (Error & { errors?: unknown[]; code?: unknown }) | null | undefined): Error | null | undefined {
  if (inner === null || inner === undefined || outer === null || outer === undefined || inner === outer) return inner ?? outer;
  if (Array.isArray(outer.errors)) {
    outer.errors.push(inner);
    return outer;
  }
  return Object.assign(new AggregateError([outer, inner], outer.message), { code: outer.code });
}
