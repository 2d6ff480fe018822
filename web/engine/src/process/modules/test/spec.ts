/** The reporters `spec` and `dot`, without colours: what people read. */

import { inspect } from "node-inspect-extracted";
import { ownError, type Reporter, type Result, type TestEvent } from "./events.ts";

const indent = (nesting: number): string => "  ".repeat(nesting);

/** A tree of tests with their times, and the failures again at the end. */
export function specReporter(): Reporter {
  const open: { readonly name: string; readonly nesting: number; told: boolean }[] = [];
  const failed: Result[] = [];
  const parents = (nesting: number): string => {
    let text = "";
    for (const each of open) {
      if (each.nesting >= nesting || each.told) continue;
      each.told = true;
      text += `${indent(each.nesting)}▶ ${each.name}\n`;
    }
    return text;
  };
  const ended = (data: Result, passed: boolean): string => {
    while ((open.at(-1)?.nesting ?? -1) >= data.nesting) open.pop();
    if (!passed) failed.push(data);
    return parents(data.nesting) + result(data, passed);
  };
  return (event) => {
    if (event === undefined) return failures(failed);
    if (event.type === "test:start") {
      while ((open.at(-1)?.nesting ?? -1) >= event.data.nesting) open.pop();
      open.push({ ...event.data, told: false });
      return "";
    }
    if (event.type === "test:diagnostic") return `${indent(event.data.nesting)}ℹ ${event.data.message}\n`;
    return event.type === "test:plan" ? "" : ended(event.data, event.type === "test:pass");
  };
}

function result({ name, nesting, details, skip, todo }: Result, passed: boolean): string {
  const sign = skip !== undefined ? "﹣" : passed ? "✔" : "✖";
  const why = skip ?? todo;
  const directive = why === undefined ? "" : ` # ${why === true || why === "" ? (skip === undefined ? "TODO" : "SKIP") : why}`;
  const error = passed || nesting > 0 || details.type === "suite" ? "" : explained(details.error, nesting);
  return `${indent(nesting)}${sign} ${name} (${details.duration_ms}ms)${directive}\n${error}`;
}

function explained(error: unknown, nesting: number): string {
  const shown = ownError(error) ? (error as Error).cause : error;
  const text = typeof shown === "string" ? shown : inspect(shown, { colors: false, breakLength: Infinity });
  return `${text.split("\n").map((line) => `${indent(nesting)}  ${line}`).join("\n")}\n\n`;
}

function failures(failed: readonly Result[]): string {
  if (failed.length === 0) return "";
  const told = failed.map((each) => {
    const place = each.file === undefined ? "" : `\ntest at ${each.file}:${each.line ?? 0}:${each.column ?? 0}\n`;
    return `${place}✖ ${each.name} (${each.details.duration_ms}ms)\n${explained(each.details.error, 0)}`;
  });
  return `\n✖ failing tests:\n${told.join("")}`;
}

/** A dot for each test that passed, an X for one that failed; twenty a line. */
export function dotReporter(): Reporter {
  let count = 0;
  return (event) => {
    if (event === undefined) return "\n";
    if (!isResult(event)) return "";
    count += 1;
    return (event.type === "test:pass" ? "." : "X") + (count % 20 === 0 ? "\n" : "");
  };
}

const isResult = (event: TestEvent): boolean => event.type === "test:pass" || event.type === "test:fail";
