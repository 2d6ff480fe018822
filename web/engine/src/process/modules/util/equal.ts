/** Deep equality, strict and loose, as `assert` and `util.isDeepStrictEqual` have it. */

import { types } from "./types.ts";

type Pairs = Map<object, object>;

interface Comparison {
  readonly strict: boolean;
  /** What is being compared with what further up, for structures that contain themselves. */
  readonly seen: Pairs;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** Whether two values are deeply equal. */
export function deepEqual(a: unknown, b: unknown, strict: boolean): boolean {
  return same(a, b, { strict, seen: new Map() });
}

function same(a: unknown, b: unknown, how: Comparison): boolean {
  if (a === b) return a !== 0 || !how.strict || Object.is(a, b);
  if (!isObject(a) || !isObject(b)) return samePrimitives(a, b, how.strict);
  if (how.strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  return sameObjects(a, b, how);
}

/** Of values that are not identical, at least one of them no object. */
function samePrimitives(a: unknown, b: unknown, strict: boolean): boolean {
  if (isObject(a) || isObject(b)) return false;
  // Loose comparison of primitives is what the caller asked for.
  return (Number.isNaN(a) && Number.isNaN(b)) || (!strict && a == b);
}

function sameObjects(a: object, b: object, how: Comparison): boolean {
  if (Object.prototype.toString.call(a) !== Object.prototype.toString.call(b)) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return sameContents(a, b, how, "array");
  }
  const special = sameSpecial(a, b, how);
  if (special === false) return false;
  const kind = types.isSet(a) ? "set" : types.isMap(a) ? "map" : types.isTypedArray(a) ? "array" : "object";
  return sameContents(a, b, how, kind);
}

type Check = (value: unknown) => boolean;
const SLOTS: readonly Check[] = [
  types.isDate, types.isRegExp, types.isNativeError, types.isArrayBufferView, types.isAnyArrayBuffer, types.isSet, types.isMap, types.isBoxedPrimitive,
  types.isPromise, types.isWeakMap, types.isWeakSet, types.isKeyObject,
];

/** What they hold nobody can see: only the same one is equal. */
const OPAQUE: readonly Check[] = [types.isPromise, types.isWeakMap, types.isWeakSet];

/** False when what the objects hold beside properties differs; undefined when they hold nothing such. */
function sameSpecial(a: object, b: object, how: Comparison): boolean | undefined {
  if (SLOTS.some((check) => check(a) !== check(b))) return false;
  if (types.isDate(a)) return Date.prototype.getTime.call(a) === Date.prototype.getTime.call(b);
  if (types.isRegExp(a)) return sameExpression(a as RegExp, b as RegExp);
  if (types.isNativeError(a)) return sameError(a as Error, b as Error, how);
  if (types.isArrayBufferView(a)) return sameView(a, b as ArrayBufferView, how);
  if (types.isAnyArrayBuffer(a)) return sameBytes(new Uint8Array(a as ArrayBuffer), new Uint8Array(b as ArrayBuffer));
  if (types.isBoxedPrimitive(a)) return sameBoxed(a, b);
  if (a instanceof URL) return b instanceof URL && a.href === b.href;
  if (OPAQUE.some((check) => check(a))) return false;
  return undefined;
}

const sameExpression = (a: RegExp, b: RegExp): boolean => a.source === b.source && a.flags === b.flags && a.lastIndex === b.lastIndex;

function sameError(a: Error, b: Error, how: Comparison): boolean {
  if (a.message !== b.message || a.name !== b.name) return false;
  for (const key of ["cause", "errors"] as const) {
    const [has, other] = [Object.hasOwn(a, key), Object.hasOwn(b, key)];
    if (has !== other) return false;
    if (has && !same((a as Record<typeof key, unknown> & Error)[key], (b as Record<typeof key, unknown> & Error)[key], how)) return false;
  }
  return true;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

function sameView(a: ArrayBufferView, b: ArrayBufferView, how: Comparison): boolean {
  if (!how.strict && (a instanceof Float32Array || a instanceof Float64Array)) {
    const [left, right] = [a, b as Float64Array];
    return left.length === right.length && [...left].every((item, at) => item === right[at]);
  }
  return sameBytes(new Uint8Array(a.buffer, a.byteOffset, a.byteLength), new Uint8Array(b.buffer, b.byteOffset, b.byteLength));
}

function sameBoxed(a: object, b: object): boolean {
  for (const check of [types.isNumberObject, types.isStringObject, types.isBooleanObject, types.isBigIntObject, types.isSymbolObject]) {
    if (check(a) !== check(b)) return false;
  }
  return Object.is((a as { valueOf(): unknown }).valueOf(), (b as { valueOf(): unknown }).valueOf());
}

const isIndex = (key: string): boolean => /^(0|[1-9]\d*)$/.test(key);

function keysOf(value: object, kind: string, strict: boolean): (string | symbol)[] {
  const all = Object.keys(value);
  // The items of arrays and views are compared by position, holes included.
  const named = kind === "array" ? all.filter((key) => !isIndex(key)) : all;
  if (!strict) return named;
  const symbols = Object.getOwnPropertySymbols(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
  return [...named, ...symbols];
}

function sameContents(a: object, b: object, how: Comparison, kind: string): boolean {
  const keys = keysOf(a, kind, how.strict);
  const others = keysOf(b, kind, how.strict);
  if (keys.length !== others.length || !keys.every((key) => Object.prototype.propertyIsEnumerable.call(b, key))) return false;
  const known = how.seen.get(a);
  if (known !== undefined) return known === b;
  how.seen.set(a, b);
  const equal = sameItems(a, b, how, kind) && keys.every((key) => same(Reflect.get(a, key), Reflect.get(b, key), how));
  how.seen.delete(a);
  return equal;
}

function sameItems(a: object, b: object, how: Comparison, kind: string): boolean {
  if (kind === "array" && Array.isArray(a)) return sameArrays(a as unknown[], b as unknown[], how);
  if (kind === "set") return sameSets(a as Set<unknown>, b as Set<unknown>, how);
  if (kind === "map") return sameMaps(a as Map<unknown, unknown>, b as Map<unknown, unknown>, how);
  return true;
}

function sameArrays(a: unknown[], b: unknown[], how: Comparison): boolean {
  for (let at = 0; at < a.length; at += 1) {
    if (Object.hasOwn(a, at) !== Object.hasOwn(b, at)) return false;
    if (!same(a[at], b[at], how)) return false;
  }
  return true;
}

/** Find and take the first of `rest` that `equal` accepts. */
function take<T>(rest: Set<T>, equal: (item: T) => boolean): boolean {
  for (const item of rest) {
    if (!equal(item)) continue;
    rest.delete(item);
    return true;
  }
  return false;
}

function sameSets(a: Set<unknown>, b: Set<unknown>, how: Comparison): boolean {
  if (a.size !== b.size) return false;
  const rest = new Set([...b].filter((item) => !a.has(item)));
  for (const item of a) {
    if (b.has(item)) continue;
    if (how.strict && !isObject(item)) return false;
    if (!take(rest, (other) => same(item, other, how))) return false;
  }
  return true;
}

function sameMaps(a: Map<unknown, unknown>, b: Map<unknown, unknown>, how: Comparison): boolean {
  if (a.size !== b.size) return false;
  const rest = new Set([...b].filter(([key]) => !a.has(key)));
  for (const [key, value] of a) {
    if (b.has(key)) {
      if (!same(value, b.get(key), how)) return false;
      continue;
    }
    if (how.strict && !isObject(key)) return false;
    if (!take(rest, ([other, otherValue]) => same(key, other, how) && same(value, otherValue, how))) return false;
  }
  return true;
}
