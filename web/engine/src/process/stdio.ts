/** `process.stdin`, `stdout` and `stderr`. */

import type { ProcessStart } from "../contract.ts";
import { call, on, output } from "./calls.ts";
import { handle } from "./loop.ts";
import { Buffer } from "./modules/buffer.ts";
import { stream } from "./modules/stream/index.ts";

const encoder = new TextEncoder();

type Bytes = string | Uint8Array;

/** What a terminal's stream has besides. */
interface Terminal {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  fd: number;
}

const bytesOf = (chunk: Bytes, encoding: string): Uint8Array =>
  typeof chunk === "string" ? (encoding === "utf8" || encoding === "utf-8" ? encoder.encode(chunk) : Buffer.from(chunk, encoding as "latin1")) : chunk;

/** Code sequences of a terminal, for `tty.WriteStream`'s methods. */
const CLEAR_LINE: Readonly<Record<number, string>> = { [-1]: "\x1b[1K", 0: "\x1b[2K", 1: "\x1b[0K" };

function colorDepth(env: Readonly<Record<string, string | undefined>>): number {
  const term = env.TERM ?? "";
  if (env.NO_COLOR !== undefined || term === "dumb") return 1;
  if (env.COLORTERM === "truecolor" || env.COLORTERM === "24bit") return 24;
  return term.includes("256") ? 8 : 4;
}

const terminalMethods = {
  clearLine(this: { write(text: string, done?: () => void): boolean }, direction: number, done?: () => void): boolean {
    return this.write(CLEAR_LINE[direction] ?? CLEAR_LINE[0] ?? "", done);
  },
  clearScreenDown(this: { write(text: string, done?: () => void): boolean }, done?: () => void): boolean {
    return this.write("\x1b[0J", done);
  },
  cursorTo(this: { write(text: string, done?: () => void): boolean }, x: number, y?: number | (() => void), done?: () => void): boolean {
    return typeof y === "number" ? this.write(`\x1b[${y + 1};${x + 1}H`, done) : this.write(`\x1b[${x + 1}G`, y);
  },
  moveCursor(this: { write(text: string, done?: () => void): boolean }, dx: number, dy: number, done?: () => void): boolean {
    const across = dx === 0 ? "" : `\x1b[${Math.abs(dx)}${dx < 0 ? "D" : "C"}`;
    const down = dy === 0 ? "" : `\x1b[${Math.abs(dy)}${dy < 0 ? "A" : "B"}`;
    return this.write(across + down, done);
  },
  getWindowSize(this: Terminal): [number, number] {
    return [this.columns ?? 80, this.rows ?? 24];
  },
  getColorDepth(env?: Record<string, string | undefined>): number {
    return colorDepth(env ?? (globalThis as unknown as { process: { env: Record<string, string | undefined> } }).process.env);
  },
  hasColors(this: { getColorDepth(env?: object): number }, count?: number | object, env?: object): boolean {
    const wanted = typeof count === "number" ? count : 16;
    return wanted <= 2 ** this.getColorDepth(typeof count === "object" ? count : env);
  },
};

/** Where output goes: the process's descriptor, unless told otherwise. */
export type Write = typeof output;

function writable(fd: 1 | 2, start: ProcessStart, put: Write): Terminal & object {
  const target = new stream.Writable({
    decodeStrings: false,
    write(chunk: Bytes, encoding: string, done: () => void) {
      put(fd, bytesOf(chunk, encoding));
      done();
    },
  });
  const extra: Record<string, unknown> = { fd, _type: start.terminal ? "tty" : "pipe", _isStdio: true };
  if (start.terminal) Object.assign(extra, { isTTY: true, columns: start.terminal.cols, rows: start.terminal.rows }, terminalMethods);
  Object.assign(target, extra);
  // The standard streams of a process cannot be closed: output goes on until its end.
  target._destroy = (error: Error | null, done: (error?: Error | null) => void) => done(error);
  return target as unknown as Terminal & object;
}

function readable(start: ProcessStart): Terminal & object {
  let hold: ReturnType<typeof handle> | undefined;
  let wanted = false;
  let listening = false;
  const want = (now: boolean): void => {
    if (wanted === now) return;
    wanted = now;
    if (now) hold ??= handle();
    else {
      hold?.close();
      hold = undefined;
    }
    void call("process.readStdin", now);
  };
  const source = new stream.Readable({
    highWaterMark: 65536,
    read() {
      if (!listening) {
        listening = true;
        on("stdin", ({ data }) => {
          if (data === null) want(false);
          if (!source.push(data === null ? null : Buffer.from(data)) && data !== null) want(false);
        });
      }
      want(true);
    },
    destroy(error: Error | null, done: (error?: Error | null) => void) {
      want(false);
      done(error);
    },
  });
  source.on("pause", () => want(false));
  Object.assign(source, {
    fd: 0,
    ref: () => (hold?.ref(), source),
    unref: () => (hold?.unref(), source),
    ...start.terminal ? {
      isTTY: true,
      isRaw: false,
      setRawMode: (raw: boolean) => {
        void call("process.rawMode", raw);
        Object.assign(source, { isRaw: raw });
        return source;
      },
    } : {},
  });
  return source as unknown as Terminal & object;
}

/** Makers of the three streams; each is made when a program first asks for it. */
export function standardStreams(start: ProcessStart, put: Write = output): { stdin: () => object; stdout: () => object; stderr: () => object } {
  const made = new Map<string, object>();
  const once = (name: string, make: () => object) => (): object => {
    const known = made.get(name) ?? make();
    made.set(name, known);
    return known;
  };
  const found = { stdin: once("0", () => readable(start)), stdout: once("1", () => writable(1, start, put)), stderr: once("2", () => writable(2, start, put)) };
  if (start.terminal) {
    on("resize", ({ cols, rows }) => {
      for (const out of [found.stdout(), found.stderr()]) {
        Object.assign(out, { columns: cols, rows });
        (out as { emit(name: string): void }).emit("resize");
      }
    });
  }
  return found;
}
