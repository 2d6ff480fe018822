/** `console`, and the class `Console`, as Node prints. */

import { formatWithOptions, inspect } from "node-inspect-extracted";
import { invalidArgType, invalidArgValue, nodeError, unsupported } from "./errors.ts";
import { table } from "./console/table.ts";
import { validateInteger, validateOneOf } from "./validate.ts";

/** Where a console writes. */
interface Out {
  write(text: string, done?: (error?: Error | null) => void): unknown;
  readonly isTTY?: boolean;
  once?(name: "error", listener: () => void): unknown;
  removeListener?(name: "error", listener: () => void): unknown;
  listenerCount?(name: "error"): number;
  getColorDepth?(): number;
}

interface Options {
  readonly stdout: Out;
  readonly stderr?: Out;
  readonly ignoreErrors?: boolean;
  readonly colorMode?: boolean | "auto";
  readonly inspectOptions?: object;
  readonly groupIndentation?: number;
}

interface State {
  readonly out: () => Out;
  readonly err: () => Out;
  readonly options: (stream: Out) => object;
  readonly ignoreErrors: boolean;
  readonly step: number;
  indent: string;
  /** Whose methods are called for what others print by: a program may have put its own in their place. */
  self: Methods;
  /** The function above which traces begin. */
  above: Method | undefined;
  readonly counts: Map<string, number>;
  readonly timers: Map<string, number>;
}

type Method = (...words: unknown[]) => unknown;
type Methods = Record<string, Method>;

const noop = (): void => undefined;

function put(state: State, stream: Out, text: string): void {
  const shown = state.indent === "" ? text : state.indent + text.replaceAll("\n", `\n${state.indent}`);
  // A broken pipe must not end a program that only prints.
  if (state.ignoreErrors && stream.listenerCount?.("error") === 0) stream.once?.("error", noop);
  try {
    stream.write(`${shown}\n`, noop);
  } catch (error) {
    if (!state.ignoreErrors) throw error;
  } finally {
    stream.removeListener?.("error", noop);
  }
}

function warn(message: string): void {
  (globalThis as unknown as { process: { emitWarning(text: string): void } }).process.emitWarning(message);
}

/** A duration as Node's `timeEnd` prints it. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Number(ms.toFixed(3))}ms`.replace(/^0ms$/, "0ms");
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(3)}s`;
  const clock = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  const minutes = seconds / 60;
  const rest = (seconds % 60).toFixed(3).padStart(6, "0");
  if (minutes < 60) return `${Math.floor(minutes)}:${rest} (m:ss.mmm)`;
  return `${Math.floor(minutes / 60)}:${clock(minutes % 60)}:${clock(seconds % 60)} (h:mm:ss)`;
}

function printing(state: State): Methods {
  const format = (stream: Out, words: unknown[]): string => formatWithOptions(state.options(stream), ...words);
  const log = (...words: unknown[]): void => put(state, state.out(), format(state.out(), words));
  const error = (...words: unknown[]): void => put(state, state.err(), format(state.err(), words));
  const group = (...words: unknown[]): void => {
    if (words.length > 0) state.self.log?.(...words);
    state.indent += " ".repeat(state.step);
  };
  return {
    log,
    warn: error,
    dir: (value, options) => put(state, state.out(), inspect(value, { customInspect: false, ...state.options(state.out()), ...(options as object | undefined) })),
    trace: function trace(...words: unknown[]): void {
      const mark = new Error(format(state.err(), words));
      mark.name = "Trace";
      (Error as unknown as { captureStackTrace(target: object, above: unknown): void }).captureStackTrace(mark, state.above ?? trace);
      state.self.error?.(mark.stack);
    },
    assert: (condition, ...words) => {
      if (condition) return;
      const [first, ...rest] = words;
      state.self.warn?.(words.length === 0 ? "Assertion failed" : `Assertion failed: ${String(first)}`, ...rest);
    },
    clear: () => {
      if (state.out().isTTY === true) state.out().write("\u001b[1;1H\u001b[0J");
    },
    group,
    groupEnd: () => {
      state.indent = state.indent.slice(0, state.indent.length - state.step);
    },
    table: (data, columns) => {
      if (columns !== undefined && !Array.isArray(columns)) throw invalidArgType("properties", "Array", columns);
      const drawn = table(data, columns as string[] | undefined);
      state.self.log?.(drawn ?? data);
    },
    debug: log,
    info: log,
    dirxml: log,
    error,
    groupCollapsed: group,
  };
}

function counting(state: State): Methods {
  const log = (...words: unknown[]): unknown => state.self.log?.(...words);
  const elapsed = (label: string, name: string, words: unknown[]): boolean => {
    const start = state.timers.get(label);
    if (start === undefined) {
      warn(`No such label '${label}' for console.${name}()`);
      return false;
    }
    const shown = duration(performance.now() - start);
    if (words.length === 0) log("%s: %s", label, shown);
    else log("%s: %s", label, shown, ...words);
    return true;
  };
  return {
    time: (name = "default") => {
      const label = String(name);
      if (state.timers.has(label)) return warn(`Label '${label}' already exists for console.time()`);
      state.timers.set(label, performance.now());
    },
    timeEnd: (name = "default") => {
      if (elapsed(String(name), "timeEnd", [])) state.timers.delete(String(name));
    },
    timeLog: (name = "default", ...words) => {
      elapsed(String(name), "timeLog", words);
    },
    count: (name = "default") => {
      const label = String(name);
      const count = (state.counts.get(label) ?? 0) + 1;
      state.counts.set(label, count);
      log(`${label}: ${count}`);
    },
    countReset: (name = "default") => {
      const label = String(name);
      if (!state.counts.has(label)) return warn(`Count for '${label}' does not exist`);
      state.counts.delete(label);
    },
  };
}

function stateOf(out: () => Out, err: () => Out, options: Partial<Options>): State {
  const { colorMode = "auto", inspectOptions = {} } = options;
  const colors = (stream: Out): boolean => (colorMode === "auto" ? stream.isTTY === true && (stream.getColorDepth?.() ?? 1) > 2 : colorMode);
  return {
    out, err,
    options: (stream) => ({ colors: colors(stream), ...inspectOptions }),
    ignoreErrors: options.ignoreErrors ?? true,
    step: options.groupIndentation ?? 2,
    indent: "",
    self: {},
    above: undefined,
    counts: new Map(),
    timers: new Map(),
  };
}

const ORDER = ["log", "warn", "dir", "time", "timeEnd", "timeLog", "trace", "assert", "clear", "count", "countReset", "group", "groupEnd", "table", "debug", "info", "dirxml", "error", "groupCollapsed"];

function define(target: object, name: string, method: Method): void {
  Object.defineProperty(method, "name", { value: name, configurable: true });
  Object.defineProperty(target, name, { value: method, writable: true, enumerable: true, configurable: true });
}

/** The methods that print for an object, which is the console. */
function methodsFor(self: object, state: State): Methods {
  state.self = self as Methods;
  return { ...printing(state), ...counting(state) };
}

const isOut = (value: unknown): boolean => typeof (value as Partial<Out> | null | undefined)?.write === "function";

function checked(given: unknown, args: unknown[]): Options {
  const options = (isOut(given) ? { stdout: given, stderr: args[0], ignoreErrors: args[1] } : given ?? {}) as Options;
  if (!isOut(options.stdout)) throw nodeError(TypeError, "ERR_CONSOLE_WRITABLE_STREAM", "Console expects a writable stream instance for stdout");
  if (options.stderr !== undefined && !isOut(options.stderr)) throw nodeError(TypeError, "ERR_CONSOLE_WRITABLE_STREAM", "Console expects a writable stream instance for stderr");
  if (options.colorMode !== undefined) validateOneOf(options.colorMode, "colorMode", ["auto", true, false]);
  if (options.groupIndentation !== undefined) validateInteger(options.groupIndentation, "groupIndentation", 0, 1000);
  const shown = options.inspectOptions;
  if (shown !== undefined && "colors" in shown && options.colorMode !== undefined) {
    throw invalidArgValue("options.inspectOptions.color", shown, "cannot be used together with options.colorMode");
  }
  return options;
}

const consoles = new WeakMap<object, Methods>();
const all = new WeakSet();

/** A console over two streams; works with and without `new`. */
export const Console = function Console(this: unknown, given: unknown, ...args: unknown[]): object {
  const options = checked(given, args);
  const made = ((new.target as unknown) === undefined ? Object.create(Console.prototype as object) : this) as Methods;
  const state = stateOf(() => options.stdout, () => options.stderr ?? options.stdout, options);
  state.above = (Console.prototype as Methods).trace;
  consoles.set(made, methodsFor(made, state));
  all.add(made);
  // Bound as the instance has them: a class that extends this one may have methods of its own.
  for (const name of ORDER) define(made, name, made[name]?.bind(made) as Method);
  return made;
} as unknown as { new (options: unknown, ...args: unknown[]): object; prototype: object };

for (const name of ORDER) {
  define(Console.prototype, name, function (this: object, ...words: unknown[]): unknown {
    const methods = consoles.get(this);
    if (methods === undefined) throw invalidArgType("this", "Console", this);
    return methods[name]?.(...words);
  });
}

// The console of a process is one, though it is not made by the class.
Object.defineProperty(Console, Symbol.hasInstance, { value: (made: unknown) => typeof made === "object" && made !== null && all.has(made) });

/** The console of a process. Its streams are looked up at each call, so that a program may replace them. */
export function processConsole(stdout: () => Out, stderr: () => Out): Console {
  const made: Record<string | symbol, unknown> = {};
  const methods = methodsFor(made, stateOf(stdout, stderr, {}));
  for (const name of ORDER) define(made, name, methods[name] as Method);
  Object.assign(made, {
    Console,
    profile: noop,
    profileEnd: noop,
    timeStamp: noop,
    context: () => {
      throw unsupported("console.context");
    },
    createTask: (name: unknown) => {
      if (typeof name !== "string" || name === "") throw new Error("First argument must be a non-empty string.");
      return { run: (body: () => unknown) => body() };
    },
  });
  Object.defineProperty(made, Symbol.toStringTag, { value: "console", configurable: true });
  all.add(made);
  return made as unknown as Console;
}
