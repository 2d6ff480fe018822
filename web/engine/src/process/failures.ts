/** Errors that nobody caught, and promises whose rejection nobody handled: to the program's listeners, else the end. */

import { inspect } from "node-inspect-extracted";
import { within } from "./async/context.ts";
import { output } from "./calls.ts";
import { fatalText } from "./fatal.ts";
import type { Native } from "./globals.ts";
import { loadedText } from "./loader/compile.ts";
import { filePath } from "./loader/esm/loader.ts";
import { readText } from "./loader/files.ts";
import { frameOfFailure, nextTick } from "./loop.ts";
import { nodeError } from "./modules/errors.ts";
import { finish, type NodeProcess } from "./process.ts";
import { placeIn, type Place } from "./stacks.ts";
import { VERSION } from "./version.ts";
import { emitWarning } from "./warnings.ts";

const encoder = new TextEncoder();
const means = { inspect: (value: unknown): string => inspect(value), source: textOf, end: `\nNode.js ${VERSION}\n` };

/** The report of an uncaught error ends without Node's version: `--no-extra-info-on-fatal-exception`. */
export function omitVersion(): void {
  means.end = "";
}

/** The text behind a name in a stack: as it was loaded, else as the file is now. */
function textOf(name: string): string | undefined {
  const loaded = loadedText(name);
  if (loaded !== undefined || !/^(?:file:\/\/)?\//.test(name)) return loaded;
  try {
    return readText(filePath(name));
  } catch {
    return undefined;
  }
}

function printed(error: unknown, thrown: Place | undefined): void {
  output(2, encoder.encode(fatalText(error, thrown, means)));
}

/** The error handling of one process. */
export class Failures {
  private readonly process: NodeProcess;
  /** What `--unhandled-rejections` says. */
  private readonly mode: string;

  private readonly report: (error: unknown, thrown: Place | undefined) => void;

  /** `report` tells of the error that ends the process; by default on stderr. */
  constructor(process: NodeProcess, mode: string, report: Failures["report"] = printed) {
    this.process = process;
    this.mode = mode;
    this.report = report;
  }

  /** Hear of errors and rejections from the browser. */
  watch(native: Native): void {
    native.listen("error", (event) => {
      event.preventDefault();
      const told = event as ErrorEvent;
      within(frameOfFailure(), () => this.fail(told.error as unknown, "uncaughtException", placeIn(told.filename, told.lineno, told.colno)));
    });
    native.listen("unhandledrejection", (event) => {
      event.preventDefault();
      const told = event as PromiseRejectionEvent;
      // Node tells of them before it turns to anything else.
      nextTick(() => this.rejected(told.reason as unknown, told.promise));
    });
    native.listen("rejectionhandled", (event) => {
      nextTick(() => this.process.emit("rejectionHandled", (event as PromiseRejectionEvent).promise));
    });
  }

  /** An error that came to nobody: listeners of `uncaughtException` take it, else the process ends with code 1. */
  readonly fail = (error: unknown, origin = "uncaughtException", thrown?: Place): void => {
    const { process } = this;
    if (typeof process._captured === "function" && (process._captured as (e: unknown) => boolean)(error)) return;
    process.emit("uncaughtExceptionMonitor", error, origin);
    try {
      if (process.emit("uncaughtException", error, origin)) return;
    } catch (inner) {
      this.end(inner, undefined, 7);
    }
    this.end(error, thrown, 1);
  };

  private end(error: unknown, thrown: Place | undefined, code: number): never {
    this.report(error, thrown);
    if (this.process._exiting) this.process.exitCode = code;
    finish(this.process, code);
  }

  private rejected(reason: unknown, promise: Promise<unknown>): void {
    const { process, mode } = this;
    if (mode === "strict") return this.fail(asError(reason), "unhandledRejection");
    if (process.emit("unhandledRejection", reason, promise) || mode === "none") return;
    if (mode === "warn" || mode === "warn-with-error-codes") {
      const shown = reason instanceof Error && typeof reason.stack === "string" ? reason.stack : inspect(reason);
      emitWarning(`${shown}\nUnhandled promise rejection. This error originated either by throwing inside of an async function without a catch block, or by rejecting a promise which was not handled with .catch().`, "UnhandledPromiseRejectionWarning");
      if (mode !== "warn") process.exitCode = 1;
      return;
    }
    this.fail(asError(reason), "unhandledRejection");
  }
}

/** Reasons that are no errors are wrapped, as Node does. */
function asError(reason: unknown): unknown {
  if (reason instanceof Error || Object.prototype.toString.call(reason) === "[object Error]") return reason;
  const shown = (typeof reason === "object" && reason !== null) || typeof reason === "function" ? inspect(reason) : String(reason);
  const error = nodeError(Error, "ERR_UNHANDLED_REJECTION", `This error originated either by throwing inside of an async function without a catch block, or by rejecting a promise which was not handled with .catch(). The promise rejected with the reason "${shown}".`);
  Object.defineProperty(error, "name", { value: "UnhandledPromiseRejection", configurable: true, writable: true });
  return error;
}
