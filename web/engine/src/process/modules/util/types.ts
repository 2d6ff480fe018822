/** `util/types`: what a value is by its internal slots, not by its prototype. */

type Check = (value: unknown) => boolean;

/** A getter or method that throws unless its receiver has the internal slot. */
function brand(proto: object, key: string | symbol, ...args: unknown[]): Check {
  const found = Object.getOwnPropertyDescriptor(proto, key);
  const probe = found?.get ?? (found?.value as ((...given: unknown[]) => unknown) | undefined);
  return (value) => {
    if (value === null || (typeof value !== "object" && typeof value !== "function") || probe === undefined) return false;
    try {
      Reflect.apply(probe, value, args);
      return true;
    } catch {
      return false;
    }
  };
}

const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);
const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** The tag that `Object.prototype.toString` gives by slot, when no `Symbol.toStringTag` hides it. */
function builtinTag(name: string): Check {
  return (value) => isObject(value) && !(Symbol.toStringTag in value) && tagOf(value) === name;
}

function boxed(proto: object): Check {
  const valueOf = brand(proto, "valueOf");
  return (value) => isObject(value) && valueOf(value);
}

const typedArrayTag = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype) as object, Symbol.toStringTag)?.get;
const arrayKind = (value: unknown): unknown => (ArrayBuffer.isView(value) && typedArrayTag !== undefined ? Reflect.apply(typedArrayTag, value, []) : undefined);
const typed = (name: string): Check => (value) => arrayKind(value) === name;

const functionKind = (tag: string): Check => (value) => typeof value === "function" && Object.prototype.toString.call(value) === `[object ${tag}]`;

/** Iterators have no slot to ask without moving them; their prototype says it. */
function iterator(sample: Iterator<unknown>): Check {
  const proto = Object.getPrototypeOf(sample) as object;
  return (value) => isObject(value) && (Object.prototype.isPrototypeOf.call(proto, value));
}

const isSharedArrayBuffer: Check = typeof SharedArrayBuffer === "undefined" ? () => false : brand(SharedArrayBuffer.prototype, "byteLength");
const isArrayBuffer = brand(ArrayBuffer.prototype, "byteLength");
const isNumberObject = boxed(Number.prototype);
const isStringObject = boxed(String.prototype);
const isBooleanObject = boxed(Boolean.prototype);
const isBigIntObject = boxed(BigInt.prototype);
const isSymbolObject = boxed(Symbol.prototype);

const proxies = new WeakSet();
const RealProxy = globalThis.Proxy;

/** From now on proxies are noted: nothing else tells them from their targets. */
function noteProxies(): void {
  // `construct` passes what a caller gave on, errors included.
  globalThis.Proxy = new RealProxy(RealProxy, {
    construct(target, args, newTarget) {
      const made = Reflect.construct(target, args, newTarget) as object;
      proxies.add(made);
      return made;
    },
  });
  const own = RealProxy.revocable;
  // Named and counted as the language's own, and the same whenever it is read.
  const { revocable } = {
    revocable(value: object, handler: ProxyHandler<object>): ReturnType<typeof own> {
      const made = own(value, handler);
      proxies.add(made.proxy);
      return made;
    },
  };
  Object.defineProperty(RealProxy, "revocable", { value: revocable, configurable: true, writable: true, enumerable: false });
}
noteProxies();

const keyObjects = new WeakSet();

/** Note that an object is a KeyObject of `crypto`. */
export function noteKeyObject(value: object): void {
  keyObjects.add(value);
}

/** Promises have no getter; a resolve function of their own class gives one back unchanged. */
function isPromise(value: unknown): boolean {
  return isObject(value) && value instanceof Promise;
}

/** The tag tells the slot, but for a class that hides it: then the stack, which only errors have from the start. DOMException is none in Node. */
function isNativeError(value: unknown): boolean {
  if (!isObject(value) || value instanceof DOMException) return false;
  return builtinTag("Error")(value) || (value instanceof Error && Object.hasOwn(value, "stack"));
}

/** The functions, in Node's order. */
export const types = {
  isExternal: () => false,
  isDate: brand(Date.prototype, "getTime"),
  isArgumentsObject: builtinTag("Arguments"),
  isBigIntObject,
  isBooleanObject,
  isNumberObject,
  isStringObject,
  isSymbolObject,
  isNativeError,
  isRegExp: (value: unknown) => value !== RegExp.prototype && brand(RegExp.prototype, "source")(value),
  isAsyncFunction: (value: unknown) => functionKind("AsyncFunction")(value) || functionKind("AsyncGeneratorFunction")(value),
  isGeneratorFunction: (value: unknown) => functionKind("GeneratorFunction")(value) || functionKind("AsyncGeneratorFunction")(value),
  isGeneratorObject: (value: unknown) => isObject(value) && ["Generator", "AsyncGenerator"].includes(tagOf(value)),
  isPromise,
  isMap: brand(Map.prototype, "size"),
  isSet: brand(Set.prototype, "size"),
  isMapIterator: iterator(new Map()[Symbol.iterator]()),
  isSetIterator: iterator(new Set()[Symbol.iterator]()),
  isWeakMap: brand(WeakMap.prototype, "has", {}),
  isWeakSet: brand(WeakSet.prototype, "has", {}),
  isArrayBuffer,
  isDataView: (value: unknown) => ArrayBuffer.isView(value) && arrayKind(value) === undefined,
  isSharedArrayBuffer,
  isProxy: (value: unknown) => (isObject(value) || typeof value === "function") && proxies.has(value),
  isModuleNamespaceObject: (value: unknown) => isObject(value) && Object.getPrototypeOf(value) === null && tagOf(value) === "Module",
  isAnyArrayBuffer: (value: unknown) => isArrayBuffer(value) || isSharedArrayBuffer(value),
  isBoxedPrimitive: (value: unknown) => [isNumberObject, isStringObject, isBooleanObject, isBigIntObject, isSymbolObject].some((check) => check(value)),
  isArrayBufferView: (value: unknown) => ArrayBuffer.isView(value),
  isTypedArray: (value: unknown) => arrayKind(value) !== undefined,
  isUint8Array: typed("Uint8Array"),
  isUint8ClampedArray: typed("Uint8ClampedArray"),
  isUint16Array: typed("Uint16Array"),
  isUint32Array: typed("Uint32Array"),
  isInt8Array: typed("Int8Array"),
  isInt16Array: typed("Int16Array"),
  isInt32Array: typed("Int32Array"),
  isFloat32Array: typed("Float32Array"),
  isFloat64Array: typed("Float64Array"),
  isBigInt64Array: typed("BigInt64Array"),
  isBigUint64Array: typed("BigUint64Array"),
  isKeyObject: (value: unknown) => isObject(value) && keyObjects.has(value),
  isCryptoKey: (value: unknown) => typeof CryptoKey !== "undefined" && value instanceof CryptoKey,
};
