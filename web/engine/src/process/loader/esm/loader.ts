/** The loader of ES modules: finds, links and runs them. */

import { frame, within } from "../../async/context.ts";
import { nodeError, unsupported } from "../../modules/errors.ts";
import { posix } from "../../modules/path.ts";
import { connectEsm, formatOf } from "../cjs.ts";
import { readText } from "../files.ts";
import { fileUrl, pathOf, resolveImport, type Found } from "../resolve.ts";
import { importBy } from "../runtime.ts";
import type { Place } from "../../stacks.ts";
import type { Taken } from "./analyse.ts";
import { awaitsBelow, evaluate } from "./evaluate.ts";
import { checkAttributes, builtinRecord, commonRecord, jsonRecord, resolveMetaBy, textRecord } from "./sources.ts";
import { namespaceOf } from "./namespace.ts";
import { isAmbiguous, namespaceFor, offer, resolveExport, type ModuleRecord } from "./record.ts";
import { compileCommonJs, looksLikeModule } from "../script.ts";

const records = new Map<string, ModuleRecord>();

type Attributes = Readonly<Record<string, string>>;

function urlOf(found: Found): string {
  if (found.kind === "builtin") return `node:${found.name}`;
  return found.kind === "data" ? found.url : fileUrl(found.path) + found.query;
}

function recordOf(found: Found, attributes: Attributes, base: string | undefined): ModuleRecord {
  const url = urlOf(found);
  const json = found.kind === "data" ? /^data:application\/json/.test(url) : found.kind === "file" && found.path.endsWith(".json");
  if (found.kind !== "builtin") checkAttributes(json, attributes, url);
  const known = records.get(url);
  if (known !== undefined) return known;
  const record = made(found, url, json, base);
  records.set(url, record);
  return record;
}

function made(found: Found, url: string, json: boolean, base: string | undefined): ModuleRecord {
  if (found.kind === "builtin") return builtinRecord(found.name);
  if (found.kind === "data") return dataRecord(url, json);
  const { path } = found;
  if (json) return jsonRecord({ url, path, text: readText(path) });
  return fileRecord(url, path, base);
}

function dataRecord(url: string, json: boolean): ModuleRecord {
  const parts = /^data:([^,;]*)((?:;[^,;]*)*),([\s\S]*)$/.exec(url);
  const [, type = "", parameters = "", body = ""] = parts ?? [];
  const text = parameters.includes(";base64") ? new TextDecoder().decode(Uint8Array.from(atob(decodeURIComponent(body)), (character) => character.charCodeAt(0))) : decodeURIComponent(body);
  if (json) return jsonRecord({ url, path: url, text });
  if (type !== "text/javascript") throw nodeError(TypeError, "ERR_UNKNOWN_MODULE_FORMAT", `Unknown module format: ${type} for URL ${url}`);
  return textRecord({ url, path: url, text });
}

const KNOWN_EXTENSIONS = new Set([".js", ".mjs", ".cjs", ""]);

function fileRecord(url: string, path: string, base: string | undefined): ModuleRecord {
  const extension = posix.extname(path);
  if (extension === ".node" || extension === ".wasm") throw unsupported(`import of ${path}`);
  if (!KNOWN_EXTENSIONS.has(extension)) {
    throw nodeError(TypeError, "ERR_UNKNOWN_FILE_EXTENSION", `Unknown file extension "${extension}" for ${path}`);
  }
  const format = formatOf(path);
  const text = format === "commonjs" ? "" : readText(path);
  if (format === "module" || (format === undefined && saysModule(text, path))) return textRecord({ url, path, text });
  return commonRecord(path, base);
}

/** A text whose package does not say what it is: an ES module when CommonJS cannot read it. */
export function saysModule(text: string, path: string): boolean {
  if (!/\b(?:import|export|await)\b/.test(text)) return false;
  try {
    compileCommonJs(text, path);
    return false;
  } catch (error) {
    return looksLikeModule(error, text, path);
  }
}

/** Load what a module asks for, all the way down. */
function load(record: ModuleRecord): void {
  if (record.state !== "unlinked") return;
  record.state = "linking";
  try {
    for (const { specifier, attributes } of record.analysis?.requests ?? []) {
      record.requested.push(recordOf(resolveImport(specifier, record.path), attributes, record.path));
    }
    for (const other of record.requested) load(other);
  } catch (error) {
    record.state = "unlinked";
    record.requested.length = 0;
    records.delete(record.url);
    throw error;
  }
}

function link(record: ModuleRecord, seen = new Set<ModuleRecord>()): void {
  if (record.state !== "linking" || seen.has(record)) return;
  seen.add(record);
  for (const other of record.requested) link(other, seen);
  bind(record);
  record.state = "linked";
  prepared.push(record);
}

let prepared: ModuleRecord[] = [];

function bind(record: ModuleRecord): void {
  const { analysis } = record;
  if (analysis === undefined) return;
  for (const taken of [...analysis.imports.values(), ...analysis.indirect.values()]) {
    const from = record.requested[taken.request];
    if (from === undefined || taken.name === "*") continue;
    const getter = resolveExport(from, taken.name);
    if (getter === undefined || isAmbiguous(getter)) throw missing(record, from, taken, getter !== undefined);
    offer(from, taken.name, getter);
  }
}

/** The error for a name that a module does not give, or that two of those it re-exports give. */
function missing(record: ModuleRecord, from: ModuleRecord, taken: Taken, ambiguous: boolean): SyntaxError {
  const specifier = record.analysis?.requests[taken.request]?.specifier ?? "";
  const text = readable(record);
  const common = from.analysis === undefined && from.url.startsWith("file:") && !from.path.endsWith(".json");
  let message = `The requested module '${specifier}' does not provide an export named '${taken.name}'`;
  if (ambiguous) message = `The requested module '${specifier}' contains conflicting star exports for name '${taken.name}'`;
  else if (common) message = commonMessage(taken.name, specifier, text, taken.at);
  const error = new SyntaxError(message);
  const lines = text.slice(0, taken.at).split(/\r\n|[\n\r]/);
  const place: Place = { file: record.url, line: lines.length, column: (lines.at(-1) ?? "").length + 1, tight: true };
  Object.defineProperty(error, "place", { value: place });
  Object.defineProperty(error, "stack", { value: String(error), configurable: true, writable: true });
  return error;
}

function readable(record: ModuleRecord): string {
  try {
    return readText(record.path);
  } catch {
    return "";
  }
}

function commonMessage(name: string, specifier: string, text: string, at: number): string {
  const names = text.slice(text.lastIndexOf("{", at), text.indexOf("}", at) + 1).replace(/\s+as\s+/g, ": ");
  return `Named export '${name}' not found. The requested module '${specifier}' is a CommonJS module, which may not support all module.exports as named exports.\nCommonJS modules can always be imported via the default export, for example using:\n\nimport pkg from '${specifier}';\nconst ${names} = pkg;\n`;
}

/** Make a module ready to run: everything below it found, bound, its functions made. */
function ready(record: ModuleRecord): void {
  const before = prepared;
  prepared = [];
  try {
    load(record);
    link(record);
    for (const each of prepared) each.prepare();
  } catch (error) {
    for (const each of [...prepared, ...unfinished(record)]) {
      records.delete(each.url);
      each.state = "failed";
      each.error = error;
    }
    throw error;
  } finally {
    prepared = before;
  }
}

function unfinished(record: ModuleRecord, seen = new Set<ModuleRecord>()): Set<ModuleRecord> {
  if (seen.has(record) || record.state === "evaluated" || record.state === "evaluating") return seen;
  seen.add(record);
  for (const other of record.requested) unfinished(other, seen);
  return seen;
}

/** Imports that wait for an `await` at the top level of a module: the program is not over while there are any. */
let awaiting = 0;

/** Whether some module still awaits. */
export function stillAwaits(): boolean {
  return awaiting > 0;
}

async function run(record: ModuleRecord): Promise<object> {
  ready(record);
  const running = evaluate(record);
  if (running !== undefined) {
    awaiting += 1;
    try {
      await running;
    } finally {
      awaiting -= 1;
    }
  }
  return namespaceFor(record);
}

/** `import()` from a file, or from a folder's pretended file. */
export function importFrom(specifier: unknown, base: string, options?: unknown): Promise<object> {
  const wanted = frame();
  return new Promise((resolve, reject) => {
    // The text of the specifier is asked for at once, the rest happens later: as the language has it.
    const name = typeof specifier === "string" ? specifier : String(specifier);
    const attributes = ((options as { with?: Attributes; assert?: Attributes } | undefined)?.with ?? (options as { assert?: Attributes } | undefined)?.assert ?? {});
    queueMicrotask(() => {
      within(wanted, () => importNow(name, base, attributes)).then(resolve, reject);
    });
  });
}

async function importNow(specifier: string, base: string, attributes: Attributes): Promise<object> {
  return run(recordOf(resolveImport(specifier, base), attributes, base));
}

/** Run the program's entry as an ES module. */
export function importEntry(path: string): Promise<object> {
  return importFrom(fileUrl(path), path);
}

/** Run a text that is in no file as an ES module, as if it were in `folder`. */
export async function importText(text: string, folder: string, name: string): Promise<object> {
  const path = posix.join(folder, name);
  const record = textRecord({ url: fileUrl(path), path, text });
  return run(record);
}

function requireModule(file: string, text: string | undefined): object {
  const url = fileUrl(file);
  const record = records.get(url) ?? textRecord({ url, path: file, text: text ?? readText(file) });
  records.set(url, record);
  ready(record);
  if (record.state === "evaluating") {
    throw nodeError(Error, "ERR_REQUIRE_CYCLE_MODULE", `Cannot require() ES Module ${file} in a cycle. A cycle involving require(esm) is disallowed to maintain invariants mandated by the ECMAScript specification. Try making at least part of the dependency in the graph lazily loaded.`);
  }
  if (awaitsBelow(record)) {
    throw nodeError(Error, "ERR_REQUIRE_ASYNC_MODULE", "require() cannot be used on an ESM graph with top-level await. Use import() instead. To see where the top-level await comes from, use --experimental-print-required-tla.");
  }
  void evaluate(record);
  return requiredNamespace(record);
}

const marked = new WeakMap<ModuleRecord, object>();

/** With a default export, `require` gives the namespace marked as one that compilers made. */
function requiredNamespace(record: ModuleRecord): object {
  const namespace = namespaceFor(record);
  if (!("default" in namespace) || "__esModule" in namespace) return namespace;
  const known = marked.get(record) ?? markedNamespace(record);
  marked.set(record, known);
  return known;
}

function markedNamespace(record: ModuleRecord): object {
  return namespaceOf(new Map<string, () => unknown>([["__esModule", () => true], ...record.resolved ?? []]));
}

/** `import.meta.resolve`. */
function resolveUrl(specifier: string, base: string): string {
  try {
    return urlOf(resolveImport(specifier, base));
  } catch (error) {
    const { code, url } = error as { code?: string; url?: string };
    if (code === "ERR_MODULE_NOT_FOUND" && url !== undefined) return url;
    throw error;
  }
}

/** Connect this loader with the other one. */
export function installEsm(): void {
  connectEsm({ require: requireModule });
  importBy(importFrom);
  resolveMetaBy(resolveUrl);
}

/** The path of the file that a URL or path names. */
export function filePath(specifier: string): string {
  return specifier.startsWith("file:") ? pathOf(new URL(specifier)) : specifier;
}
