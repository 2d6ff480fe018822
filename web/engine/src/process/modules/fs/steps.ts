/**
 * File operations as generators of calls: written once, run synchronously, by promise or by callback.
 *
 * An operation yields calls of the kernel and is resumed with their answers or errors. What an argument error throws
 * it throws before the first call.
 */

import { bound } from "../../async/context.ts";
import { call, callSync, output, SystemError } from "../../calls.ts";
import { handle, turn } from "../../loop.ts";
import type { Calls } from "../../../contract.ts";
import { SYSTEM_ERRORS } from "../util/system-errors.ts";
import { AbortError, invalidCallback } from "../errors.ts";
import type { Callback } from "../validate.ts";

/** What an error names: the system call, and the paths as the caller wrote them. */
export interface Where {
  readonly syscall: string;
  /** The caller's name of the system call counts, whatever the kernel did for it. */
  readonly own?: true;
  readonly path?: string;
  readonly dest?: string;
}

/** One call of the kernel, or a wait for what a program's own function promised. */
export interface Step {
  readonly name: keyof Calls;
  readonly args: readonly unknown[];
  readonly where: Where;
  /** Only in operations that never run synchronously. */
  readonly wait?: PromiseLike<unknown>;
}

/** An operation whose result is R. */
export type Operation<R> = Generator<Step, R, unknown>;

/** Make a call within an operation. */
export function* ask<N extends keyof Calls>(name: N, args: Parameters<Calls[N]>, where: Where): Generator<Step, ReturnType<Calls[N]>, unknown> {
  return (yield { name, args, where }) as ReturnType<Calls[N]>;
}

/** Wait within an operation that is never run synchronously. */
export function* wait(promise: PromiseLike<unknown>): Generator<Step, unknown, unknown> {
  return yield { name: "fs.kinds", args: [[]], where: { syscall: "" }, wait: promise };
}

/** `ask` for an operation that is made of another: its errors name its own system call. */
export function* system<N extends keyof Calls>(name: N, args: Parameters<Calls[N]>, where: Where): Generator<Step, ReturnType<Calls[N]>, unknown> {
  return yield* ask(name, args, { ...where, own: true });
}

/** An error of the system with Node's message and properties. `bare`: without a stack, as asynchronous ones are. */
export function systemFailure(code: string, where: Where, bare = false): Error {
  const [number, words] = SYSTEM_ERRORS[code] ?? [undefined, undefined];
  const path = where.path === undefined ? "" : ` '${where.path}'`;
  const dest = where.dest === undefined ? "" : ` -> '${where.dest}'`;
  const error = new Error(`${code}: ${words ?? "unknown error"}, ${where.syscall}${path}${dest}`);
  if (bare) error.stack = `Error: ${error.message}`;
  const properties = { errno: number, code, syscall: where.syscall, path: where.path, dest: where.dest };
  for (const [key, value] of Object.entries(properties)) if (value !== undefined) Object.assign(error, { [key]: value });
  return error;
}

/** The kernel's error in the caller's words: paths as they were given. */
function translated(error: unknown, where: Where, bare: boolean): unknown {
  if (!(error instanceof SystemError)) return error;
  if (!Object.hasOwn(SYSTEM_ERRORS, error.code)) return error;
  const syscall = where.own === true ? where.syscall : error.syscall ?? where.syscall;
  // A failed read names no path although the call that opened and read in one had one.
  const named = error.syscall === undefined || error.path !== undefined;
  const paths = named ? { ...(where.path === undefined ? {} : { path: where.path }), ...(where.dest === undefined ? {} : { dest: where.dest }) } : {};
  return systemFailure(error.code, { syscall, ...paths }, bare);
}

/** Descriptors 1 and 2 go out by their own message, which keeps order with the streams of the process. */
function direct(step: Step): number | undefined {
  const [fd, data] = step.args;
  if (step.name !== "fs.write" || (fd !== 1 && fd !== 2)) return undefined;
  output(fd, (data as Uint8Array).slice());
  return (data as Uint8Array).length;
}

/** Run an operation now. */
export function runSync<R>(operation: Operation<R>): R {
  let next = operation.next();
  while (next.done !== true) {
    const step = next.value;
    let value: unknown;
    try {
      value = direct(step) ?? (callSync as (name: string, ...args: unknown[]) => unknown)(step.name, ...step.args);
    } catch (error) {
      next = operation.throw(translated(error, step.where, false));
      continue;
    }
    next = operation.next(value);
  }
  return next.value;
}

async function drive<R>(operation: Operation<R>, first: IteratorResult<Step, R>, bare: boolean): Promise<R> {
  const hold = handle();
  try {
    let next = first;
    while (next.done !== true) {
      const step = next.value;
      let value: unknown;
      try {
        if (step.wait !== undefined) value = await step.wait;
        else value = direct(step) ?? (await (call as (name: string, ...args: unknown[]) => Promise<unknown>)(step.name, ...step.args));
      } catch (error) {
        next = operation.throw(translated(error, step.where, bare));
        continue;
      }
      next = operation.next(value);
    }
    return next.value;
  } finally {
    hold.close();
  }
}

/** Run an operation by promise: argument errors reject it too. */
export async function runAsync<R>(operation: Operation<R>): Promise<R> {
  return await drive(operation, operation.next(), false);
}

/** Run an operation and call back. Argument errors are thrown at once; the callback runs as a turn of the loop. */
export function runBack<R>(operation: Operation<R>, callback: Callback, results: (value: R) => unknown[] = (value) => (value === undefined ? [] : [value])): void {
  const back = bound(callback);
  const hold = handle();
  const finish = (...args: unknown[]): void => {
    turn(() => void back(...args));
    hold.close();
  };
  let first: IteratorResult<Step, R>;
  try {
    first = operation.next();
  } catch (error) {
    if (error instanceof AbortError) {
      queueMicrotask(() => finish(error));
      return;
    }
    hold.close();
    throw error;
  }
  drive(operation, first, true).then((value) => finish(null, ...results(value)), finish);
}

/** Split the callback off the arguments: the last function counts, as options before it may be left out. */
export function splitCallback(args: readonly unknown[]): { rest: unknown[]; callback: Callback } {
  const at = args.findLastIndex((arg) => typeof arg === "function");
  if (at === -1) throw invalidCallback(args.length > 2 ? args.at(-1) : undefined);
  return { rest: args.slice(0, at), callback: args[at] as Callback };
}
