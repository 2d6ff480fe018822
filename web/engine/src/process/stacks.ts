/**
 * Stack traces as Node has them: paths of files, exact columns, none of the engine's own frames.
 *
 * V8 asks `Error.prepareStackTrace`. Programs may set it too; theirs gets call sites that name files.
 */

/** The part of V8's CallSite that is used or corrected here. */
interface CallSite {
  getFileName(): string | null | undefined;
  getScriptNameOrSourceURL(): string | null | undefined;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
  isEval(): boolean;
  toString(): string;
}

type Prepare = (error: unknown, sites: CallSite[]) => unknown;

/** From a place in the text as it runs to the column in the file, by the file's name in stacks. */
type Columns = (line: number, column: number) => number;

const mappers = new Map<string, Columns>();
const engine = ((): string => {
  try {
    return globalThis.location.href;
  } catch {
    return "";
  }
})();
/** Names that the loader gives to the functions around modules; they are not shown. */
export const MODULE_BODY = "__runner_module_body__";

/** Tell how the columns of a file that was edited for running are found. Lines are always the same. */
export function mapColumns(name: string, columns: Columns): void {
  mappers.set(name, columns);
}

const mapped = (name: string, line: number, column: number): number => mappers.get(name)?.(line, column) ?? column;

const nameOf = (site: CallSite): string => site.getScriptNameOrSourceURL() ?? site.getFileName() ?? "";

function column(site: CallSite): number {
  return mapped(nameOf(site), site.getLineNumber() ?? 0, site.getColumnNumber() ?? 1);
}

function shown(site: CallSite): string {
  let text = site.toString();
  const line = site.getLineNumber();
  const was = site.getColumnNumber();
  if (line !== null && was !== null) text = text.replace(`:${line}:${was}`, `:${line}:${column(site)}`);
  const body = text.indexOf(MODULE_BODY);
  // Functions without a name are called so by the language's engine when an eval made them.
  if (body === -1) return text.replace(/^(async )?eval \((.*)\)$/, "$1$2").replace(/^((?:async )?\S+\.|new )eval \(/, "$1<anonymous> (");
  const open = text.indexOf("(", body);
  return open === -1 ? text : text.slice(open + 1, -1);
}

/** A call site that tells the file's name and the right column, for programs' own formatters. */
function corrected(site: CallSite): CallSite {
  return new Proxy(site, {
    get(target, key) {
      if (key === "getFileName") return () => nameOf(target) || null;
      if (key === "getColumnNumber") return () => column(target);
      if (key === "isEval") return () => false;
      if (key === "getEvalOrigin") return () => undefined;
      if (key === "toString") return () => shown(target);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) as unknown : value;
    },
  });
}

const own = (site: CallSite): boolean => {
  const name = nameOf(site);
  return name === "" ? /^eval \(/.test(site.toString()) : name === engine;
};

/** All but the engine's, and what stands between two of those: its own `Generator.next` and `new Promise`. */
function visibleOf(sites: readonly CallSite[]): CallSite[] {
  const owned = sites.map(own);
  return sites.filter((site, at) => !owned[at] && !(nameOf(site) === "" && owned[at - 1] && owned[at + 1]));
}

function header(error: unknown): string {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return "<error>";
  }
}

let custom: Prepare | undefined;

const prepare: Prepare = (error, sites) => {
  const visible = visibleOf(sites);
  if (custom !== undefined) return custom(error, visible.map(corrected));
  return [header(error), ...visible.map((site) => `    at ${shown(site)}`)].join("\n");
};

/** Make all stacks of this realm so. */
export function installStacks(): void {
  Object.defineProperty(Error, "prepareStackTrace", {
    configurable: true,
    enumerable: false,
    get: () => prepare,
    set: (value: unknown) => {
      custom = typeof value === "function" && value !== prepare ? value as Prepare : undefined;
    },
  });
}

/** Where an error was made: the first frame of its stack that is in a file of the program. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Errors of linking: Node prints them with no empty line behind the caret. */
  readonly tight?: true;
}

const FRAME = /^ {4}at (?:.*? \()?((?:file:\/\/)?\/[^)]*?|\[eval\]|\[stdin\]|\[eval1\]):(\d+):(\d+)\)?$/m;

/** The first place that a stack names. */
export function placeOf(stack: unknown): Place | undefined {
  const found = typeof stack === "string" ? FRAME.exec(stack) : null;
  return found === null ? undefined : { file: found[1] ?? "", line: Number(found[2]), column: Number(found[3]) };
}

/** A place that the browser reports, with the column as it is in the file. */
export function placeIn(file: string, line: number, reported: number): Place | undefined {
  if (file === "" || file === engine || line === 0) return undefined;
  return { file, line, column: mapped(file, line, reported) };
}
