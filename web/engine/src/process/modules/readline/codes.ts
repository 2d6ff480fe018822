/** The functions of `readline` that write a terminal's control sequences (ECMA-48). */

import { invalidArgValue, nodeError } from "../errors.ts";
import { validateFunction, validateInteger } from "../validate.ts";

/** A stream that text is written to. */
export interface Output {
  write(text: string, done?: () => void): boolean;
}

const ERASE_BELOW = "\x1b[0J";
const ERASE_LINE: Readonly<Record<number, string>> = { [-1]: "\x1b[1K", 0: "\x1b[2K", 1: "\x1b[0K" };

/** The column (and row), counted from 0. */
export function cursorCode(x: number, y?: number): string {
  if (Number.isNaN(x)) throw invalidArgValue("x", x);
  if (y !== undefined && Number.isNaN(y)) throw invalidArgValue("y", y);
  if (typeof x !== "number") throw nodeError(TypeError, "ERR_INVALID_CURSOR_POS", "Cannot set cursor row without setting its column");
  return typeof y === "number" ? `\x1b[${y + 1};${x + 1}H` : `\x1b[${x + 1}G`;
}

/** Steps right and down; negative ones are left and up. */
export function moveCode(dx: number, dy: number): string {
  const across = dx === 0 ? "" : `\x1b[${Math.abs(dx)}${dx < 0 ? "D" : "C"}`;
  const down = dy === 0 ? "" : `\x1b[${Math.abs(dy)}${dy < 0 ? "A" : "B"}`;
  return across + down;
}

function put(stream: Output | null | undefined, text: string, done?: () => void): boolean {
  if (done !== undefined) validateFunction(done, "callback");
  if (stream != null && text !== "") return stream.write(text, done);
  if (done !== undefined) (globalThis as unknown as { process: { nextTick(done: () => void, error: null): void } }).process.nextTick(done, null);
  return true;
}

export function clearLine(stream: Output | null | undefined, direction: number, done?: () => void): boolean {
  return put(stream, ERASE_LINE[Math.sign(direction)] ?? "", done);
}

export function clearScreenDown(stream: Output | null | undefined, done?: () => void): boolean {
  return put(stream, ERASE_BELOW, done);
}

export function cursorTo(stream: Output | null | undefined, x: number, y?: number | (() => void), done?: () => void): boolean {
  return typeof y === "function" ? put(stream, cursorCode(x), y) : put(stream, cursorCode(x, y), done);
}

export function moveCursor(stream: Output | null | undefined, dx: number, dy: number, done?: () => void): boolean {
  return put(stream, moveCode(dx, dy), done);
}

/** `readline/promises`.Readline: control sequences that are collected and written at once. */
export class Readline {
  readonly #stream: Output;
  readonly #auto: boolean;
  #waiting: string[] = [];

  constructor(stream: Output, { autoCommit = false }: { readonly autoCommit?: boolean } = {}) {
    this.#stream = stream;
    this.#auto = autoCommit;
  }

  cursorTo(x: number, y?: number): this {
    validateInteger(x, "x");
    if (y != null) validateInteger(y, "y");
    return this.#add(cursorCode(x, y));
  }

  moveCursor(dx: number, dy: number): this {
    validateInteger(dx, "dx");
    validateInteger(dy, "dy");
    return this.#add(moveCode(dx, dy));
  }

  clearLine(direction: -1 | 0 | 1): this {
    validateInteger(direction, "dir", -1, 1);
    return this.#add(ERASE_LINE[direction] ?? "");
  }

  clearScreenDown(): this {
    return this.#add(ERASE_BELOW);
  }

  commit(): Promise<void> {
    const text = this.#waiting.join("");
    this.#waiting = [];
    return new Promise((done) => this.#stream.write(text, done));
  }

  rollback(): this {
    this.#waiting = [];
    return this;
  }

  #add(text: string): this {
    if (this.#auto) this.#stream.write(text);
    else this.#waiting.push(text);
    return this;
  }
}
