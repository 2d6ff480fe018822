/** Checks of arguments, with Node's errors. */

import { invalidArgType, invalidArgValue, outOfRange } from "./errors.ts";

/** Any function, called with anything. */
export type Callback = (...args: unknown[]) => unknown;

export function validateString(value: unknown, name: string): asserts value is string {
  if (typeof value !== "string") throw invalidArgType(name, "string", value);
}

export function validateFunction(value: unknown, name: string): asserts value is Callback {
  if (typeof value !== "function") throw invalidArgType(name, "Function", value);
}

export function validateBoolean(value: unknown, name: string): asserts value is boolean {
  if (typeof value !== "boolean") throw invalidArgType(name, "boolean", value);
}

export function validateNumber(value: unknown, name: string, min?: number, max?: number): asserts value is number {
  if (typeof value !== "number") throw invalidArgType(name, "number", value);
  const bounded = min !== undefined || max !== undefined;
  if ((min !== undefined && value < min) || (max !== undefined && value > max) || (bounded && Number.isNaN(value))) {
    const words = [...(min === undefined ? [] : [`>= ${min}`]), ...(max === undefined ? [] : [`<= ${max}`])];
    throw outOfRange(name, words.join(" && "), value);
  }
}

/** A whole number within bounds; Node names the kind (`an integer`) before the range. */
export function validateInteger(value: unknown, name: string, min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): asserts value is number {
  if (typeof value !== "number") throw invalidArgType(name, "number", value);
  if (!Number.isInteger(value)) throw outOfRange(name, "an integer", value);
  if (value < min || value > max) throw outOfRange(name, `>= ${min} && <= ${max}`, value);
}

export function validateUint32(value: unknown, name: string, positive = false): asserts value is number {
  validateInteger(value, name, positive ? 1 : 0, 2 ** 32 - 1);
}

export function validateObject(value: unknown, name: string): asserts value is Record<string, unknown> {
  if (value === null || Array.isArray(value) || typeof value !== "object") throw invalidArgType(name, "Object", value);
}

export function validateOneOf(value: unknown, name: string, allowed: readonly unknown[]): void {
  if (allowed.includes(value)) return;
  const words = allowed.map((word) => (typeof word === "string" ? `'${word}'` : String(word))).join(", ");
  throw invalidArgValue(name, value, `must be one of: ${words}`);
}

export function validateAbortSignal(value: unknown, name: string): asserts value is AbortSignal | undefined {
  if (value !== undefined && (value === null || typeof value !== "object" || !("aborted" in value))) throw invalidArgType(name, "AbortSignal", value);
}

/** Options that may be left out: the object, or an empty one. */
export function optionsOf<T extends object>(value: unknown, name = "options"): Partial<T> {
  if (value === undefined || value === null) return {};
  validateObject(value, name);
  return value as Partial<T>;
}
