/** From what the client writes to the stdin of a process. */

import { concat } from "../bytes.ts";
import type { Terminal } from "../processes/process.ts";

/** Takes what the client has written, as bytes. */
export type Input = (data: Uint8Array) => void;

/** Where an input goes to: null is the end. */
export type StdinSink = (data: Uint8Array | null) => void;

const COLON = 0x3a;
const LETTER = { D: 0x44, E: 0x45 } as const;

/**
 * Input in frames: `D`, the number of bytes, `:`, the bytes; and `E` for the end, which the client itself cannot say.
 * Throws for anything else.
 */
export function framed(stdin: StdinSink): Input {
  let kept: Uint8Array = new Uint8Array(0);
  return (data) => {
    kept = concat([kept, data]);
    for (let frame = take(kept); frame !== null; frame = take(kept)) {
      kept = kept.slice(frame.used);
      stdin(frame.data);
    }
  };
}

function take(kept: Uint8Array): { used: number; data: Uint8Array | null } | null {
  if (kept.length === 0) return null;
  if (kept[0] === LETTER.E) return { used: 1, data: null };
  const colon = kept.indexOf(COLON);
  if (kept[0] !== LETTER.D || colon > 16) throw new Error("RUNNER_STDIN=framed: each write is a frame, D<length>:<data> or E");
  if (colon < 0) return null;
  const length = Number(new TextDecoder().decode(kept.subarray(1, colon)));
  if (!Number.isSafeInteger(length) || length < 0) throw new Error("RUNNER_STDIN=framed: the length of a frame is a decimal number");
  const end = colon + 1 + length;
  return kept.length < end ? null : { used: end, data: kept.slice(colon + 1, end) };
}

const KEY = { INTERRUPT: 0x03, END: 0x04, BACKSPACE: 0x08, LINE: 0x0a, RETURN: 0x0d, QUIT: 0x1c, DELETE: 0x7f } as const;

/** What a terminal does besides handing over lines. */
export interface TerminalEnds {
  readonly stdin: StdinSink;
  readonly echo: (data: Uint8Array) => void;
  readonly signal: (signal: "SIGINT" | "SIGQUIT") => void;
}

/** Keys of a terminal: edited, echoed and handed over line by line as Linux's does it, or as they are in raw mode. */
export class Keyboard {
  private line: number[] = [];

  constructor(
    private readonly terminal: Terminal,
    private readonly ends: TerminalEnds,
  ) {}

  /** Keys were pressed. */
  press(data: Uint8Array): void {
    if (this.terminal.raw) return this.ends.stdin(data);
    for (const key of data) this.key(key);
  }

  private key(key: number): void {
    if (key === KEY.INTERRUPT || key === KEY.QUIT) {
      this.line = [];
      this.ends.echo(Uint8Array.of(0x5e, key + 0x40));
      this.ends.signal(key === KEY.INTERRUPT ? "SIGINT" : "SIGQUIT");
    } else if (key === KEY.END) this.flush(this.line.length === 0);
    else if (key === KEY.BACKSPACE || key === KEY.DELETE) this.erase();
    else {
      const typed = key === KEY.RETURN ? KEY.LINE : key;
      this.line.push(typed);
      this.ends.echo(Uint8Array.of(typed));
      if (typed === KEY.LINE) this.flush(false);
    }
  }

  private flush(end: boolean): void {
    const data = Uint8Array.from(this.line.splice(0));
    this.ends.stdin(end ? null : data);
  }

  private erase(): void {
    // A character goes with all its bytes.
    while (((this.line.at(-1) ?? 0) & 0xc0) === 0x80) this.line.pop();
    if (this.line.pop() !== undefined) this.ends.echo(Uint8Array.of(0x08, 0x20, 0x08));
  }
}
