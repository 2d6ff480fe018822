/** `tty`: whether a descriptor is a terminal. The streams of a process's own terminal are made with the process. */

import { unsupported } from "./errors.ts";
import { clearLine, clearScreenDown, cursorTo, moveCursor, type Output } from "./readline/codes.ts";
import { stream } from "./stream/index.ts";

interface Terminal extends Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  getColorDepth(env?: object): number;
  hasColors(count?: number | object, env?: object): boolean;
}

interface Process {
  readonly stdin: { readonly isTTY?: boolean };
  readonly stdout: Terminal;
  readonly stderr: Terminal;
}

const host = (): Process => (globalThis as unknown as { process: Process }).process;

/** Whether a descriptor is the process's terminal. */
function isatty(fd: unknown): boolean {
  if (fd !== 0 && fd !== 1 && fd !== 2) return false;
  const { stdin, stdout, stderr } = host();
  return [stdin, stdout, stderr][fd]?.isTTY === true;
}

class ReadStream extends stream.Readable {
  constructor() {
    super();
    throw unsupported("tty.ReadStream", "process.stdin is the terminal, when there is one");
  }

  setRawMode(): never {
    throw unsupported("tty.ReadStream.setRawMode");
  }
}

class WriteStream extends stream.Writable {
  declare readonly isTTY: boolean;

  constructor() {
    super();
    throw unsupported("tty.WriteStream", "process.stdout is the terminal, when there is one");
  }

  getColorDepth(env?: object): number {
    return host().stdout.getColorDepth(env);
  }

  hasColors(count?: number | object, env?: object): boolean {
    return host().stdout.hasColors(count, env);
  }

  cursorTo(x: number, y?: number | (() => void), done?: () => void): boolean {
    return cursorTo(this, x, y, done);
  }

  moveCursor(dx: number, dy: number, done?: () => void): boolean {
    return moveCursor(this, dx, dy, done);
  }

  clearLine(direction: number, done?: () => void): boolean {
    return clearLine(this, direction, done);
  }

  clearScreenDown(done?: () => void): boolean {
    return clearScreenDown(this, done);
  }

  getWindowSize(): [number, number] {
    const { columns = 80, rows = 24 } = host().stdout;
    return [columns, rows];
  }
}
Object.defineProperty(WriteStream.prototype, "isTTY", { value: true, writable: true, configurable: true, enumerable: true });

export const tty = { isatty, ReadStream, WriteStream };
