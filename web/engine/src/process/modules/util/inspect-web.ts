/** How objects of the web platform are printed: as Node prints its own of the same classes. */

import { inspect } from "node-inspect-extracted";

const custom = Symbol.for("nodejs.util.inspect.custom");

interface Context {
  readonly depth?: number | null;
  readonly stylize?: (text: string, style: string) => string;
}

type Print = (value: never, depth: number, options: Context) => string;

function printedBy(name: string, print: Print): void {
  const found = (globalThis as Record<string, unknown>)[name] as { prototype?: object } | undefined;
  if (found?.prototype === undefined) return;
  Object.defineProperty(found.prototype, custom, {
    value(this: never, depth: number, options: Context) {
      return print(this, depth, options);
    },
    configurable: true, writable: true, enumerable: false,
  });
}

const nameOf = (value: object, preset: string): string => (value.constructor as { name?: string } | undefined)?.name ?? preset;

/** An object as its class and some of its properties. */
function fields(name: string, keys: readonly string[]): void {
  printedBy(name, (value: Record<string, unknown>, depth, options) => {
    const title = nameOf(value, name);
    if (typeof depth === "number" && depth < 0) return options.stylize?.(`[${title}]`, "special") ?? `[${title}]`;
    const inner = Object.fromEntries(keys.map((key) => [key, value[key]]));
    return `${title} ${inspect(inner, { ...options, depth: options.depth === null || options.depth === undefined ? null : options.depth - 1 })}`;
  });
}

function pairs(value: Iterable<[string, unknown]>, name: string, options: Context): string {
  const items = [...value].map(([key, item]) => `${inspect(key, options)} => ${inspect(item, options)}`);
  if (items.length === 0) return `${name} {}`;
  const line = items.join(", ");
  return line.length + name.length < 72 ? `${name} { ${line} }` : `${name} {\n  ${items.join(",\n  ")}\n}`;
}

const URL_KEYS = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "searchParams", "hash"];

/** Teach the classes; once in a process. */
export function printWebClasses(): void {
  fields("URL", URL_KEYS);
  fields("Blob", ["size", "type"]);
  fields("File", ["size", "type", "name", "lastModified"]);
  fields("AbortSignal", ["aborted"]);
  fields("AbortController", ["signal"]);
  fields("Event", ["type", "defaultPrevented", "cancelable", "timeStamp"]);
  printedBy("URLSearchParams", (value: URLSearchParams, depth, options) => (depth < 0 ? "[Object]" : pairs(value, "URLSearchParams", options)));
  printedBy("DOMException", (value: DOMException) => (value.stack ?? `${value.name}: ${value.message}`).replace(/^\w+(?=:)/, (name) => `DOMException [${name}]`));
}
