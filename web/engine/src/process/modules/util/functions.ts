/** The functions of `util` that turn callbacks, promises and classes into each other, and that warn. */

import { inspect } from "node-inspect-extracted";
import { invalidArgType, nodeError } from "../errors.ts";
import { validateAbortSignal, validateFunction, validateString, type Callback } from "../validate.ts";

interface Process {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly noDeprecation?: boolean;
  readonly stderr: { write(text: string): unknown };
  emitWarning(text: string, type: string, code: string | undefined, ctor: unknown): void;
  nextTick(callback: Callback, ...args: unknown[]): void;
}
const host = (): Process => (globalThis as unknown as { process: Process }).process;

const custom = Symbol.for("nodejs.util.promisify.custom");
/** Key under which functions of core say the names of several results. */
export const promisifyArgs = Symbol("customPromisifyArgs");

type Original = Callback & { [custom]?: unknown; [promisifyArgs]?: readonly string[] };

/** A function that answers by a promise instead of calling back. */
export function promisify(original: unknown): Callback {
  validateFunction(original, "original");
  const source = original as Original;
  const own = source[custom];
  if (own !== undefined && own !== null) {
    if (typeof own !== "function") throw invalidArgType("util.promisify.custom", "Function", own);
    return Object.defineProperty(own as Callback, custom, { value: own, enumerable: false, writable: false, configurable: true });
  }
  const names = source[promisifyArgs];
  function promised(this: unknown, ...args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      Reflect.apply(source, this, [...args, (error: unknown, ...values: unknown[]) => {
        if (error) reject(error);
        else if (names !== undefined && values.length > 1) resolve(Object.fromEntries(names.map((name, index) => [name, values[index]])));
        else resolve(values[0]);
      }]);
    });
  }
  Object.setPrototypeOf(promised, Object.getPrototypeOf(source) as object);
  Object.defineProperty(promised, custom, { value: promised, enumerable: false, writable: false, configurable: true });
  return Object.defineProperties(promised, Object.getOwnPropertyDescriptors(source));
}
promisify.custom = custom;

/** A function that calls back instead of answering by a promise. */
export function callbackify(original: unknown): Callback {
  validateFunction(original, "original");
  function callbackified(this: unknown, ...args: unknown[]): void {
    const callback = args.pop();
    validateFunction(callback, "last argument");
    const done = callback.bind(this);
    (Reflect.apply(original as Callback, this, args) as Promise<unknown>).then(
      (value) => host().nextTick(done, null, value),
      (error: unknown) => host().nextTick(done, reason(error)),
    );
  }
  const descriptors = Object.getOwnPropertyDescriptors(original) as Record<string, PropertyDescriptor>;
  if (typeof descriptors.length?.value === "number") descriptors.length.value += 1;
  if (typeof descriptors.name?.value === "string") descriptors.name.value += "Callbackified";
  return Object.defineProperties(callbackified, descriptors);
}

function reason(error: unknown): unknown {
  if (error) return error;
  const failure = nodeError(Error, "ERR_FALSY_VALUE_REJECTION", "Promise was rejected with falsy value");
  return Object.assign(failure, { reason: error });
}

export function inherits(child: unknown, parent: unknown): void {
  if (child === undefined || child === null) throw invalidArgType("ctor", "Function", child);
  if (parent === undefined || parent === null) throw invalidArgType("superCtor", "Function", parent);
  const proto = (parent as { prototype?: unknown }).prototype;
  if (proto === undefined) throw invalidArgType("superCtor.prototype", "Object", proto);
  Object.defineProperty(child, "super_", { value: parent, writable: true, configurable: true });
  Object.setPrototypeOf((child as { prototype: object }).prototype, proto);
}

const warned = new Set<string>();

/** A function that warns when it is first called. */
export function deprecate(body: Callback, message: string, code?: unknown): Callback {
  if (host().noDeprecation === true) return body;
  if (code !== undefined) validateString(code, "code");
  const known = code;
  let told = false;
  function deprecated(this: unknown, ...args: unknown[]): unknown {
    if (!told) {
      told = true;
      if (known === undefined || !warned.has(known)) {
        if (known !== undefined) warned.add(known);
        host().emitWarning(message, "DeprecationWarning", known, deprecated);
      }
    }
    return (new.target as unknown) === undefined ? Reflect.apply(body, this, args) : (Reflect.construct(body, args, new.target) as unknown);
  }
  Object.setPrototypeOf(deprecated, body);
  const proto: unknown = (body as { prototype?: unknown }).prototype;
  if (proto !== undefined) deprecated.prototype = proto;
  Object.defineProperty(deprecated, "length", { ...Object.getOwnPropertyDescriptor(body, "length") });
  return deprecated;
}

function sectionEnabled(section: string): boolean {
  const wanted = host().env.NODE_DEBUG ?? "";
  return wanted.split(",").some((name) => {
    const pattern = name.trim().replace(/[|\\{}()[\]^$+?.]/g, "\\$&").replace(/\*/g, ".*");
    return pattern !== "" && new RegExp(`^${pattern}$`, "i").test(section);
  });
}

/** A function that writes to stderr when `NODE_DEBUG` names the section. */
export function debuglogOf(format: (...words: unknown[]) => string): (section: unknown, found?: Callback) => Callback {
  return function debuglog(section, found) {
    const name = String(section).toUpperCase();
    let state: boolean | undefined;
    const enabled = (): boolean => (state ??= sectionEnabled(name));
    const log = (...words: unknown[]): void => {
      if (enabled()) host().stderr.write(`${name} ${host().pid}: ${format(...words)}\n`);
    };
    found?.(log);
    return Object.defineProperty(log, "enabled", { get: enabled, configurable: true, enumerable: true });
  };
}

/** A promise that a signal's abort fulfils; it does not keep the resource alive. */
export async function aborted(signal: unknown, resource: unknown): Promise<void> {
  if (signal === undefined) throw invalidArgType("signal", "AbortSignal", signal);
  validateAbortSignal(signal, "signal");
  if (resource === null || (typeof resource !== "object" && typeof resource !== "function")) throw invalidArgType("resource", "Object", resource);
  const found = signal;
  if (found.aborted) return;
  await new Promise<void>((resolve) => found.addEventListener("abort", () => resolve(), { once: true }));
}

/** Text in the colours and styles of `util.inspect.colors`. */
export function styleText(format: unknown, text: unknown, options?: { validateStream?: boolean; stream?: unknown }): string {
  validateString(text, "text");
  const colors = inspect.colors as unknown as Record<string, readonly [number, number] | undefined>;
  let open = "";
  let close = "";
  for (const name of Array.isArray(format) ? (format as unknown[]) : [format]) {
    const codes = typeof name === "string" ? colors[name] : undefined;
    if (codes === undefined) {
      const known = Object.keys(colors).map((key) => `'${key}'`).join(", ");
      throw nodeError(TypeError, "ERR_INVALID_ARG_VALUE", `The argument 'format' must be one of: ${known}. Received ${inspect(name)}`);
    }
    open += `\u001b[${codes[0]}m`;
    close = `\u001b[${codes[1]}m${close}`;
  }
  // Node 20 asks for the stream only where there is one format.
  if (!Array.isArray(format) && options?.validateStream !== false && !colourful(options?.stream)) return text;
  return `${open}${text}${close}`;
}

function colourful(stream: unknown): boolean {
  const found = (stream ?? (globalThis as unknown as { process: { stdout: unknown } }).process.stdout) as { isTTY?: boolean };
  return found.isTTY === true && (host().env.NO_COLOR ?? "") === "";
}

/** Lines `NAME=value` of an environment file. */
export function parseEnv(content: unknown): Record<string, string> {
  validateString(content, "content");
  const found: Record<string, string> = {};
  const line = /^[^\S\n]*(?:export[^\S\n]+)?([^=\n#][^=\n]*?)[^\S\n]*=[^\S\n]*(?:"((?:[^"])*)"[^\n]*|'([^']*)'[^\n]*|`([^`]*)`[^\n]*|([^#\n]*)[^\n]*)(?:\n|$)/gm;
  for (const [, name = "", double, single, back, bare] of content.replace(/\r\n?/g, "\n").matchAll(line)) {
    found[name.trim()] = double?.replace(/\\n/g, "\n") ?? single ?? back ?? bare?.trim() ?? "";
  }
  return found;
}
