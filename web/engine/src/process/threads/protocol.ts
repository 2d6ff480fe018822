/** What a thread and whoever started it tell each other on their port. */

/** How an error travels. */
export interface ThreadError {
  readonly error: boolean;
  readonly name?: string;
  readonly message?: string;
  readonly stack?: string;
  /** Other properties, or the whole value when it is no error. */
  readonly value: unknown;
}

/** To the thread. `start` is the first. */
export type ToThread =
  | { readonly kind: "start"; readonly start: ThreadStart }
  | { readonly kind: "message"; readonly message: unknown };

/** From the thread. */
export type FromThread =
  | { readonly kind: "online" }
  | { readonly kind: "message"; readonly message: unknown }
  | { readonly kind: "error"; readonly error: ThreadError }
  /** Its last word; one that is ended from outside has none. */
  | { readonly kind: "over" }
  | { readonly kind: "output"; readonly fd: 1 | 2; readonly data: Uint8Array };

/** What a thread runs and with what. */
export interface ThreadStart {
  /** A path, a `data:` URL, or with `evaluate` a text. */
  readonly script: string;
  readonly evaluate: boolean;
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
  readonly data: unknown;
  readonly environment: ReadonlyMap<unknown, unknown>;
  /** Whether output goes to the starter's streams instead of the process's own. */
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly title: string;
}

const KINDS: Readonly<Record<string, ErrorConstructor>> = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

/** An error, or any thrown value, in a form that can be sent. */
export function packError(thrown: unknown): ThreadError {
  if (!(thrown instanceof Error)) return { error: false, value: sendable(thrown) };
  const packed: { error: true; name: string; message: string; stack?: string; value: unknown } = { error: true, name: thrown.name, message: thrown.message, value: sendable(Object.fromEntries(Object.entries(thrown))) };
  if (typeof thrown.stack === "string") packed.stack = thrown.stack;
  return packed;
}

/** The value itself where it can be cloned, else what it looks like. */
function sendable(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return String(value);
  }
}

/** The error again. */
export function unpackError(packed: ThreadError): unknown {
  if (!packed.error) return packed.value;
  const Kind = KINDS[packed.name ?? "Error"] ?? Error;
  const error = new Kind(packed.message);
  Object.defineProperty(error, "stack", { value: packed.stack, writable: true, configurable: true, enumerable: false });
  if (error.name !== packed.name) Object.defineProperty(error, "name", { value: packed.name, writable: true, configurable: true, enumerable: false });
  return Object.assign(error, packed.value);
}
