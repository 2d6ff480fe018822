/** `process.emitWarning`: what it accepts, and what is printed. */

import { invalidArgType } from "./modules/errors.ts";
import { bound } from "./async/context.ts";
import { nextTick } from "./loop.ts";

interface Named extends Error {
  code?: string;
  detail?: string;
}

interface Target {
  emit(name: "warning", warning: Error): boolean;
  noDeprecation?: boolean;
  throwDeprecation?: boolean;
  traceDeprecation?: boolean;
}

let target: Target | undefined;
let write: (text: string) => void = () => undefined;
let told = false;
const flags: { silent: boolean; trace: boolean; silenced: readonly string[] } = { silent: false, trace: false, silenced: [] };

/** Say where warnings go: to which emitter, and how text gets to stderr. */
export function warnThrough(emitter: Target, stderr: (text: string) => void, options: Partial<typeof flags>): void {
  target = emitter;
  write = stderr;
  Object.assign(flags, options);
}

interface Options {
  readonly type?: string;
  readonly code?: string;
  readonly detail?: string;
  readonly ctor?: unknown;
}

function optionsOf(type: unknown, code: unknown, ctor: unknown): Options {
  if (typeof type === "object" && type !== null && !Array.isArray(type)) return type;
  if (typeof type === "function") return { ctor: type };
  const found: { type?: string; code?: string; ctor?: unknown } = { ctor };
  if (typeof type === "string") found.type = type;
  else if (type !== undefined) throw invalidArgType("type", "string", type);
  if (typeof code === "string") found.code = code;
  else if (typeof code === "function") found.ctor = code;
  else if (code !== undefined) throw invalidArgType("code", "string", code);
  return found;
}

function made(message: string, options: Options, caller: unknown): Named {
  const warning: Named = new Error(message);
  warning.name = options.type ?? "Warning";
  if (options.code !== undefined) warning.code = options.code;
  if (options.detail !== undefined) warning.detail = options.detail;
  (Error as { captureStackTrace(target: object, above: unknown): void }).captureStackTrace(warning, options.ctor ?? caller);
  return warning;
}

/** `process.emitWarning(warning[, type[, code[, ctor]]])` and the form with options. */
export function emitWarning(message: unknown, type?: unknown, code?: unknown, ctor?: unknown): void {
  const options = optionsOf(type, code, ctor);
  if (typeof message !== "string" && !(message instanceof Error)) throw invalidArgType("warning", ["Error", "string"], message);
  const warning: Named = typeof message === "string" ? made(message, options, emitWarning) : message;
  if (warning.name === "DeprecationWarning") {
    if (target?.noDeprecation === true) return;
    if (target?.throwDeprecation === true) {
      return nextTick(() => {
        throw warning;
      });
    }
  }
  nextTick(bound(() => void target?.emit("warning", warning)));
}

const isSilenced = ({ code, name }: Named): boolean => flags.silenced.some((word) => word === code || word === name);

/** Print a warning as Node does. */
export function printWarning(warning: Named, pid: number): void {
  if (flags.silent || isSilenced(warning)) return;
  const deprecation = warning.name === "DeprecationWarning";
  const traced = flags.trace || (deprecation && target?.traceDeprecation === true);
  const code = warning.code === undefined ? "" : `[${warning.code}] `;
  const body = traced && typeof warning.stack === "string" ? warning.stack : `${warning.name}: ${warning.message}`;
  const detail = typeof warning.detail === "string" ? `${warning.detail}\n` : "";
  write(`(node:${pid}) ${code}${body}\n${detail}${traced ? "" : hint(deprecation)}`);
}

/** How to learn more: said once. */
function hint(deprecation: boolean): string {
  if (told) return "";
  told = true;
  return `(Use \`node ${deprecation ? "--trace-deprecation" : "--trace-warnings"} ...\` to show where the warning was created)\n`;
}
