/** Modules as the loader keeps them, and how they are linked to each other. */

import { ENVIRONMENT, NAMESPACE, type Analysis } from "./analyse.ts";
import { namespaceOf } from "./namespace.ts";

/** The state of a module: `failed` keeps its error, which every import gives again. */
export type State = "unlinked" | "linking" | "linked" | "evaluating" | "evaluated" | "failed";

/** What running the body gives: nothing, or the promise of a body that awaits. */
export type Running = void | Promise<void>;

/** A module of any kind. */
export interface ModuleRecord {
  readonly url: string;
  /** Its file, or the URL of text that is in no file. */
  readonly path: string;
  readonly analysis: Analysis | undefined;
  readonly requested: ModuleRecord[];
  state: State;
  error: unknown;
  /** Set while or after a module runs that awaits, itself or below. */
  promise: Promise<void> | undefined;
  /** Getters of its own exports; CommonJS and core modules have theirs from the start. */
  readonly getters: Map<string, () => unknown>;
  /** What other modules' texts read from. */
  readonly environment: object;
  /** Make the functions of the body, before anything runs. */
  readonly prepare: () => void;
  readonly run: () => Running;
  namespace: object | undefined;
  /** All exports with those of other modules, by name; null where `export *`s disagree. */
  resolved: Map<string, () => unknown> | undefined;
}

/** What is particular to a kind of module. */
export type Kind = Pick<ModuleRecord, "url" | "path" | "analysis"> & {
  prepare?: (record: ModuleRecord) => void;
  run: (record: ModuleRecord) => Running;
};

/** A new record. */
export function makeRecord(kind: Kind): ModuleRecord {
  const record: ModuleRecord = {
    url: kind.url,
    path: kind.path,
    analysis: kind.analysis,
    requested: [],
    state: "unlinked",
    error: undefined,
    promise: undefined,
    getters: new Map(),
    environment: Object.create(null) as object,
    prepare: () => kind.prepare?.(record),
    run: () => kind.run(record),
    namespace: undefined,
    resolved: undefined,
  };
  Object.defineProperty(record.environment, NAMESPACE, { get: () => namespaceFor(record) });
  return record;
}

/** Marks a name that comes from two places. */
const AMBIGUOUS = (): never => {
  throw new SyntaxError("ambiguous export");
};

type Seen = Set<string>;

/** Where an export comes from: a getter, undefined for none, or `AMBIGUOUS`. */
export function resolveExport(record: ModuleRecord, name: string, seen: Seen = new Set()): (() => unknown) | undefined {
  const key = `${record.url}\0${name}`;
  if (seen.has(key)) return undefined;
  seen.add(key);
  const { analysis } = record;
  if (analysis === undefined) return record.getters.get(name);
  if (analysis.locals.has(name)) return own(record, name);
  const taken = analysis.indirect.get(name);
  if (taken !== undefined) {
    const from = record.requested[taken.request];
    if (from === undefined) return undefined;
    return taken.name === "*" ? namespaceGetter(from) : resolveExport(from, taken.name, seen);
  }
  return name === "default" ? undefined : starred(record, name, seen);
}

const owners = new WeakMap<ModuleRecord, Map<string, () => unknown>>();

/** The same getter each time, so that one export reached by two ways is seen to be one. */
function own(record: ModuleRecord, name: string): () => unknown {
  const known = owners.get(record) ?? new Map<string, () => unknown>();
  owners.set(record, known);
  const getter = known.get(name) ?? (() => record.getters.get(name)?.());
  known.set(name, getter);
  return getter;
}

const wholes = new WeakMap<ModuleRecord, () => unknown>();

function namespaceGetter(record: ModuleRecord): () => unknown {
  const getter = wholes.get(record) ?? (() => namespaceFor(record));
  wholes.set(record, getter);
  return getter;
}

function starred(record: ModuleRecord, name: string, seen: Seen): (() => unknown) | undefined {
  let found: (() => unknown) | undefined;
  for (const at of record.analysis?.stars ?? []) {
    const from = record.requested[at];
    const getter = from === undefined ? undefined : resolveExport(from, name, new Set(seen));
    if (getter === undefined) continue;
    if (found !== undefined && found !== getter) return AMBIGUOUS;
    found = getter;
  }
  return found;
}

/** Whether a resolved export is one that two modules claim. */
export const isAmbiguous = (getter: unknown): boolean => getter === AMBIGUOUS;

function exportNames(record: ModuleRecord, seen = new Set<ModuleRecord>()): Set<string> {
  if (seen.has(record)) return new Set();
  seen.add(record);
  const { analysis } = record;
  if (analysis === undefined) return new Set(record.getters.keys());
  const names = new Set([...analysis.locals.keys(), ...analysis.indirect.keys()]);
  for (const at of analysis.stars) {
    const from = record.requested[at];
    if (from !== undefined) for (const name of exportNames(from, seen)) if (name !== "default") names.add(name);
  }
  return names;
}

/** All exports of a linked module. */
function exportsOf(record: ModuleRecord): Map<string, () => unknown> {
  if (record.resolved !== undefined) return record.resolved;
  const found = new Map<string, () => unknown>();
  for (const name of exportNames(record)) {
    const getter = resolveExport(record, name);
    if (getter !== undefined && getter !== AMBIGUOUS) found.set(name, getter);
  }
  record.resolved = found;
  return found;
}

/** The namespace of a linked module; always the same. */
export function namespaceFor(record: ModuleRecord): object {
  record.namespace ??= namespaceOf(exportsOf(record));
  return record.namespace;
}

function refuseAssignment(): never {
  throw new TypeError("Assignment to constant variable.");
}

/** Give a module's environment the names that one importer takes from it. */
export function offer(record: ModuleRecord, name: string, getter: () => unknown): void {
  if (Object.hasOwn(record.environment, name)) return;
  Object.defineProperty(record.environment, name, { get: getter, set: refuseAssignment, enumerable: true });
}

/** Parameters of a body: the environments of the modules that it asks for. */
export function environmentsOf(record: ModuleRecord): object[] {
  return record.requested.map((other) => other.environment);
}

export { ENVIRONMENT };
