/** The kinds of modules: ES module texts, CommonJS, JSON and core modules, as records. */

import { init as readyLexer, parse as lex } from "cjs-module-lexer";
import { nodeError } from "../../modules/errors.ts";
import { builtin } from "../../modules/index.ts";
import { posix } from "../../modules/path.ts";
import { MODULE_BODY, type Place } from "../../stacks.ts";
import { createRequire, formatOf, Module } from "../cjs.ts";
import { compileFunction } from "../compile.ts";
import { readText } from "../files.ts";
import { fileUrl } from "../resolve.ts";
import { runtimeFor } from "../runtime.ts";
import { analyse, type Analysis } from "./analyse.ts";
import { environmentsOf, makeRecord, type ModuleRecord, type Running } from "./record.ts";

/** The text of a file or of a URL. */
export interface Text {
  readonly url: string;
  readonly path: string;
  readonly text: string;
}

/** `import.meta.resolve`, set by the loader. */
let resolveFrom: (specifier: string, base: string) => string = (specifier) => specifier;

/** Say how `import.meta.resolve` resolves. */
export function resolveMetaBy(resolve: typeof resolveFrom): void {
  resolveFrom = resolve;
}

/** Its `file:` URL with what is behind `?` and `#`, or the URL itself. */
function metaOf(source: Text): object {
  const meta = Object.create(null) as Record<string, unknown>;
  if (source.url.startsWith("file:")) Object.assign(meta, { dirname: posix.dirname(source.path), filename: source.path });
  meta.resolve = Object.defineProperty((specifier: unknown) => resolveFrom(String(specifier), source.path), "name", { value: "resolve" });
  meta.url = source.url;
  return meta;
}

/** A SyntaxError in Node's manner from one of the parser's. */
function syntaxError(error: unknown, source: Text): unknown {
  const { loc, message } = error as { loc?: { line: number; column: number }; message: string };
  if (!(error instanceof SyntaxError) || loc === undefined) return error;
  const place: Place = { file: source.url, line: loc.line, column: loc.column + 1 };
  const plain = message.replace(/ \(\d+:\d+\)$/, "");
  const found = new SyntaxError(plain === "Unexpected token" ? unexpected(source.text, loc) : plain);
  Object.defineProperty(found, "place", { value: place });
  return found;
}

function unexpected(text: string, at: { line: number; column: number }): string {
  const line = text.split(/\r\n|[\n\r\u2028\u2029]/)[at.line - 1] ?? "";
  const token = /^(?:[\w$]+|[^\w\s])/.exec(line.slice(at.column))?.[0];
  if (token === undefined) return "Unexpected end of input";
  if (/^\d/.test(token)) return "Unexpected number";
  return RESERVED.has(token) || !/^\w/.test(token) ? `Unexpected token '${token}'` : `Unexpected identifier '${token}'`;
}

const RESERVED = new Set(["break", "case", "catch", "class", "const", "continue", "debugger", "default", "delete", "do", "else", "enum", "export", "extends", "false", "finally", "for", "function", "if", "import", "in", "instanceof", "new", "null", "return", "super", "switch", "this", "throw", "true", "try", "typeof", "var", "void", "while", "with"]);

interface Body {
  next(): IteratorResult<unknown> | Promise<IteratorResult<unknown>>;
}

/** An ES module's record; its text is read now, compiled when it is linked. */
export function textRecord(source: Text): ModuleRecord {
  let analysis: Analysis;
  try {
    analysis = analyse(source.text, MODULE_BODY);
  } catch (error) {
    throw syntaxError(error, source);
  }
  let body: Body | undefined;
  return makeRecord({
    url: source.url,
    path: source.path,
    analysis,
    prepare: (record) => {
      const make = compileFunction({ name: source.url, text: source.text, edits: analysis.edits, head: analysis.head, tail: "}" });
      body = make.call(undefined, { ...runtimeFor(source.path, analysis.references), meta: metaOf(source), ...giving(record) }, ...environmentsOf(record)) as Body;
      void body.next();
    },
    run: (): Running => {
      const step = body?.next();
      return step instanceof Promise ? step.then(() => undefined) : undefined;
    },
  });
}

/** The calls of a body's first line: which getters its exports have, and the name of an unnamed default function. */
function giving(record: ModuleRecord): object {
  return {
    exports: (getters: Record<string, () => unknown>) => {
      for (const [name, getter] of Object.entries(getters)) record.getters.set(name, getter);
    },
    named: (made: object) => Object.defineProperty(made, "name", { value: "default", configurable: true }),
  };
}

/** A record whose exports are values, known by name before it runs. */
function valueRecord(url: string, path: string, names: Iterable<string>, run: (values: Map<string, unknown>) => void): ModuleRecord {
  const values = new Map<string, unknown>();
  const record = makeRecord({ url, path, analysis: undefined, run: () => run(values) });
  for (const name of names) record.getters.set(name, () => values.get(name));
  return record;
}

/** A JSON file, its value as `default`. */
export function jsonRecord(source: Text): ModuleRecord {
  return valueRecord(source.url, source.path, ["default"], (values) => {
    try {
      values.set("default", JSON.parse(source.text.replace(/^\uFEFF/, "")));
    } catch (error) {
      (error as Error).message = `${source.path}: ${(error as Error).message}`;
      throw error;
    }
  });
}

/** What `module.syncBuiltinESMExports` does: take the core modules' values anew. */
const synchronisers: (() => void)[] = [];

export function syncBuiltins(): void {
  for (const synchronise of synchronisers) synchronise();
}

/** A core module: each property by name, and the whole as `default`. */
export function builtinRecord(name: string): ModuleRecord {
  const module = builtin(name) as Record<string, unknown>;
  const keys = Object.keys(module).filter((key) => key !== "default");
  const values = new Map<string, unknown>();
  const record = makeRecord({ url: `node:${name}`, path: `node:${name}`, analysis: undefined, run: () => undefined });
  record.getters.set("default", () => module);
  for (const key of keys) {
    // Read when first asked for: some are made only then.
    record.getters.set(key, () => {
      if (!values.has(key)) values.set(key, module[key]);
      return values.get(key);
    });
  }
  synchronisers.push(() => values.clear());
  return record;
}

let lexerReady = false;

interface Lexed {
  readonly exports: readonly string[];
  readonly reexports: readonly string[];
}

const lexed = new Map<string, ReadonlySet<string>>();

/** Names that a CommonJS file exports, as far as its text tells: Node's own way, by the same lexer. */
function namesOf(path: string): ReadonlySet<string> {
  const known = lexed.get(path);
  if (known !== undefined) return known;
  const names = new Set<string>();
  lexed.set(path, names);
  if (!lexerReady) void readyLexer();
  lexerReady = true;
  let found: Lexed;
  try {
    found = lex(readText(path));
  } catch {
    return names;
  }
  for (const name of found.exports) names.add(name);
  for (const specifier of found.reexports) for (const name of reexported(specifier, path)) names.add(name);
  return names;
}

function reexported(specifier: string, path: string): Iterable<string> {
  let file: string;
  try {
    file = createRequire(path).resolve(specifier);
  } catch {
    return [];
  }
  if (!file.startsWith("/")) return Object.keys(builtin(file.replace(/^node:/, "")) as object);
  return /\.[cm]?js$/.test(file) && formatOf(file) !== "module" ? namesOf(file) : [];
}

/** A CommonJS file: it is required when it is its turn to run. */
export function commonRecord(path: string, parent: string | undefined): ModuleRecord {
  const names = new Set([...namesOf(path), "default"]);
  return valueRecord(fileUrl(path), path, names, (values) => {
    const cached = Module._cache[path];
    const exports = cached === undefined ? Module._load(path, undefined, false) : cached.exports;
    fill(values, names, exports);
    if (parent === undefined) return;
  });
}

function fill(values: Map<string, unknown>, names: ReadonlySet<string>, exports: unknown): void {
  values.set("default", exports);
  if (exports === null || (typeof exports !== "object" && typeof exports !== "function")) return;
  for (const name of names) {
    if (name === "default" || !Object.hasOwn(exports, name) && !(name in exports)) continue;
    try {
      values.set(name, (exports as Record<string, unknown>)[name]);
    } catch {
      // A getter that fails: the name stays undefined, as in Node.
    }
  }
}

/** Wrong or missing attributes of an import. */
export function checkAttributes(json: boolean, attributes: Readonly<Record<string, string>>, url: string): void {
  const unknown = Object.keys(attributes).find((key) => key !== "type");
  if (unknown !== undefined) {
    throw nodeError(TypeError, "ERR_IMPORT_ATTRIBUTE_UNSUPPORTED", `Import attribute "${unknown}" with value "${attributes[unknown] ?? ""}" is not supported`);
  }
  const { type } = attributes;
  if (json && type === undefined) throw nodeError(TypeError, "ERR_IMPORT_ATTRIBUTE_MISSING", `Module "${url}" needs an import attribute of "type: json"`);
  if (type !== undefined && type !== "json") throw nodeError(TypeError, "ERR_IMPORT_ATTRIBUTE_UNSUPPORTED", `Import attribute "type" with value "${type}" is not supported`);
  if (!json && type === "json") throw nodeError(TypeError, "ERR_IMPORT_ATTRIBUTE_TYPE_INCOMPATIBLE", `Module "${url}" is not of type "json"`);
}
