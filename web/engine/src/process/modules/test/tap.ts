/** The reporter `tap`: Test Anything Protocol, version 13, with details in YAML. */

import { inspect } from "node-inspect-extracted";
import { ownError, type Details, type Location, type Result, type TestEvent } from "./events.ts";

const indent = (nesting: number): string => "    ".repeat(nesting);

const CONTROLS: readonly (readonly [string, string])[] = [["\b", "\\b"], ["\f", "\\f"], ["\t", "\\t"], ["\n", "\\n"], ["\r", "\\r"], ["\v", "\\v"], ["\\", "\\\\"], ["#", "\\#"]];

/** A text as it stands in a line; the backslashes of the first replacements are doubled by the later one, as in Node. */
function escaped(text: string): string {
  return CONTROLS.reduce((so, [from, to]) => so.replaceAll(from, to), text);
}

/** A reporter that begins with the protocol's version. */
export function tapReporter(): (event: TestEvent | undefined) => string {
  let begun = false;
  return (event) => {
    const head = begun ? "" : "TAP version 13\n";
    begun = true;
    return head + (event === undefined ? "" : line(event));
  };
}

function line(event: TestEvent): string {
  switch (event.type) {
    case "test:start":
      return `${indent(event.data.nesting)}# Subtest: ${escaped(event.data.name)}\n`;
    case "test:plan":
      return `${indent(event.data.nesting)}1..${event.data.count}\n`;
    case "test:diagnostic":
      return `${indent(event.data.nesting)}# ${escaped(event.data.message)}\n`;
    default:
      return result(event.type === "test:pass" ? "ok" : "not ok", event.data) + details(event.data, event.type === "test:fail");
  }
}

function result(word: string, { nesting, testNumber, name, skip, todo }: Result): string {
  const directive = skip !== undefined ? reason("SKIP", skip) : todo !== undefined ? reason("TODO", todo) : "";
  return `${indent(nesting)}${word} ${testNumber} ${escaped(`- ${name}`)}${directive}\n`;
}

const reason = (word: string, why: string | true): string => ` # ${word}${typeof why === "string" && why !== "" ? ` ${escaped(why)}` : ""}`;

function details(data: Result, failed: boolean): string {
  const at = indent(data.nesting);
  const { duration_ms: duration, type, error } = data.details as Details & Location;
  const place = failed && data.file !== undefined ? `${data.file}:${data.line ?? 0}:${data.column ?? 0}` : undefined;
  const fields = yaml(at, "duration_ms", duration) + yaml(at, "type", type) + yaml(at, "location", place);
  return `${at}  ---\n${fields}${error === undefined ? "" : failure(at, error)}${at}  ...\n`;
}

/** One field; nothing when the value is undefined. */
function yaml(at: string, name: string, value: unknown, seen: ReadonlySet<unknown> = new Set()): string {
  const prefix = `${at}  ${name}:`;
  if (value === undefined) return "";
  if (value === null) return `${prefix} ~\n`;
  if (typeof value === "object") return composite(at, prefix, value, seen);
  const lines = typeof value === "string" ? value.split(/\r?\n/) : [];
  if (lines.length < 2) return `${prefix} ${inspect(value, { colors: false, breakLength: Infinity })}\n`;
  return `${prefix} |-\n${lines.map((each) => `${at}    ${each}\n`).join("")}`;
}

function composite(at: string, prefix: string, value: object, seen: ReadonlySet<unknown>): string {
  if (value instanceof Date) return `${prefix} ${value.toISOString()}\n`;
  const known = new Set([...seen, value]);
  const inner = Object.entries(value).map(([key, each]) => (known.has(each) ? `${at}    ${key}: <Circular>\n` : yaml(`${at}  `, key, each, known)));
  return `${prefix}\n${inner.join("")}`;
}

interface Told {
  readonly message?: string;
  readonly name?: string;
  readonly code?: unknown;
  readonly stack?: unknown;
  readonly expected?: unknown;
  readonly actual?: unknown;
  readonly operator?: unknown;
}

function failure(at: string, error: unknown): string {
  const { failureType } = error as { failureType?: string };
  const shown = (ownError(error) ? (error as Error).cause ?? error : error) as Told | string;
  if (typeof shown !== "object") return `${yaml(at, "failureType", failureType)}${yaml(at, "error", String(shown))}${yaml(at, "code", "ERR_TEST_FAILURE")}`;
  const assertion = "expected" in shown && "actual" in shown;
  return [
    yaml(at, "failureType", failureType),
    yaml(at, "error", shown.message ?? "<unknown error>"),
    yaml(at, "code", shown.code ?? (ownError(error) ? "ERR_TEST_FAILURE" : undefined)),
    shown.name === "Error" ? "" : yaml(at, "name", shown.name),
    assertion ? yaml(at, "expected", shown.expected) + yaml(at, "actual", shown.actual) + yaml(at, "operator", shown.operator) : "",
    frames(at, shown.stack),
  ].join("");
}

function frames(at: string, stack: unknown): string {
  if (typeof stack !== "string") return "";
  const found = stack.split(/\r?\n/).filter((each) => each.startsWith("    at "));
  if (found.length === 0) return "";
  return `${at}  stack: |-\n${found.map((each) => `${at}    ${each.slice(7)}\n`).join("")}`;
}
