/** Classes that old code also calls as functions on an object of its own: `http.ServerResponse.call(this, request)`. */

type AnyClass = new (...args: never[]) => object;

/** A constructor of that name for a class: with `new` it is the class, called on an object it initialises that object. */
export function constructorOf<C extends AnyClass>(type: C, name: string, initialise: (self: InstanceType<C>, args: readonly unknown[]) => void): C {
  const made = function construct(this: InstanceType<C>, ...args: unknown[]): object | undefined {
    if ((new.target as unknown) !== undefined) return Reflect.construct(type, args, new.target as unknown as C) as object;
    initialise(this, args);
    return undefined;
  };
  Object.defineProperty(made, "name", { value: name });
  Object.defineProperty(made, "prototype", { value: type.prototype as object });
  Object.defineProperty(type.prototype, "constructor", { value: made, writable: true, configurable: true, enumerable: false });
  Object.setPrototypeOf(made, type);
  return made as unknown as C;
}
