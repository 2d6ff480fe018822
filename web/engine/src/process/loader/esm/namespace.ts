/** Module namespace objects: what `import * as x` and `import()` give. */

/** Getters of the exports by name, in the order of the names. */
export type Getters = ReadonlyMap<string, () => unknown>;

const namespaces = new WeakSet<object>();

/** Whether a value is a namespace made here. */
export function isNamespace(value: unknown): boolean {
  return typeof value === "object" && value !== null && namespaces.has(value);
}

/**
 * A namespace over live getters. Its prototype is null, its properties look like data that can be written, and
 * writing, adding and deleting throw, in V8's words.
 */
export function namespaceOf(getters: Getters): object {
  const names = [...getters.keys()].sort();
  const target = Object.create(null, { [Symbol.toStringTag]: { value: "Module" } }) as object;
  const read = (key: string | symbol): unknown => (typeof key === "string" ? getters.get(key)?.() : Reflect.get(target, key));
  const made = new Proxy(target, {
    get: (_, key) => read(key),
    has: (_, key) => (typeof key === "string" ? getters.has(key) : Reflect.has(target, key)),
    ownKeys: () => [...names, Symbol.toStringTag],
    getOwnPropertyDescriptor: (_, key) => {
      if (typeof key === "symbol") return Reflect.getOwnPropertyDescriptor(target, key);
      // Configurable only because a proxy may not claim otherwise of what its target does not have.
      return getters.has(key) ? { value: read(key), writable: true, enumerable: true, configurable: true } : undefined;
    },
    set: (_, key) => {
      if (has(key)) throw new TypeError(`Cannot assign to read only property '${String(key)}' of object '[object Module]'`);
      throw new TypeError(`Cannot add property ${String(key)}, object is not extensible`);
    },
    deleteProperty: (_, key) => {
      if (has(key)) throw new TypeError(`Cannot delete property '${String(key)}' of [object Module]`);
      return true;
    },
    defineProperty: (_, key) => {
      throw new TypeError(has(key) ? `Cannot redefine property: ${String(key)}` : `Cannot define property ${String(key)}, object is not extensible`);
    },
    setPrototypeOf: (_, prototype) => prototype === null,
  });
  const has = (key: string | symbol): boolean => (typeof key === "string" ? getters.has(key) : key === Symbol.toStringTag);
  namespaces.add(made);
  return made;
}
