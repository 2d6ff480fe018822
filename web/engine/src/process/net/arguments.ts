/** The many forms of the arguments of `connect` and `listen`. */

import { nodeError, outOfRange } from "../modules/errors.ts";
import { validateNumber } from "../modules/validate.ts";

export type Listener = (...args: never[]) => void;

/** Options of `net.connect`. */
export interface ConnectOptions {
  port?: number | string;
  host?: string;
  path?: string;
  localAddress?: string;
  localPort?: number;
  timeout?: number;
  allowHalfOpen?: boolean;
  signal?: AbortSignal;
  lookup?: unknown;
  onread?: unknown;
  fd?: number;
  noDelay?: boolean;
  keepAlive?: boolean;
}

/** Options of `server.listen`. */
export interface ListenOptions {
  port?: number | string;
  host?: string;
  path?: string;
  fd?: number;
  signal?: AbortSignal;
  backlog?: number;
}

/** Node's own reading of the arguments: options, and the callback. */
export function normalize(args: readonly unknown[]): [ConnectOptions & ListenOptions, Listener | null] {
  const last = args.at(-1);
  const callback = typeof last === "function" ? (last as Listener) : null;
  const [first, second] = args;
  if (args.length === 0 || first === null || typeof first === "function") return [{}, callback];
  if (typeof first === "object") return [first, callback];
  if (typeof first === "string" && !isPort(first)) return [{ path: first }, callback];
  const options: ConnectOptions = { port: first as number };
  if (typeof second === "string") options.host = second;
  return [options, callback];
}

const isPort = (value: unknown): boolean => (typeof value === "number" || (typeof value === "string" && value.trim() !== "")) && Number(value) >>> 0 === Number(value);

/** Milliseconds of a timeout. Throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE; what a timer cannot wait is cut, as Node does. */
export function validDelay(ms: unknown, name: string): number {
  validateNumber(ms, name);
  if (ms < 0 || !Number.isFinite(ms)) throw outOfRange(name, "a non-negative finite number", ms);
  return Math.min(ms, 2 ** 31 - 1);
}

/** A port as a number. Throws ERR_SOCKET_BAD_PORT. */
export function validPort(value: unknown, name: string): number {
  if (isPort(value) && Number(value) <= 65535) return Number(value);
  const shown = typeof value === "string" ? `type string ('${value}')` : `type ${typeof value} (${String(value)})`;
  throw nodeError(RangeError, "ERR_SOCKET_BAD_PORT", `${name} should be >= 0 and < 65536. Received ${shown}.`);
}
