/** From the two streams of a process to the one that the client reads. */

import { concat } from "../bytes.ts";

/** Bytes of an unfinished UTF-8 character at the end: 0 to 3. */
function unfinished(data: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, data.length); back += 1) {
    const byte = data[data.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return back < length ? back : 0;
  }
  return 0;
}

/** Bytes in pieces that never end within a character: the client decodes each piece by itself. */
export class Characters {
  private kept: Uint8Array = new Uint8Array(0);

  /** The bytes that are ready after these came. */
  push(data: Uint8Array): Uint8Array {
    const all = this.kept.length === 0 ? data : concat([this.kept, data]);
    const tail = unfinished(all);
    this.kept = all.slice(all.length - tail);
    return all.subarray(0, all.length - tail);
  }

  /** What is left at the end. */
  end(): Uint8Array {
    const rest = this.kept;
    this.kept = new Uint8Array(0);
    return rest;
  }
}

/** One piece of a process's output on its way to the client. */
export type Piece = (fd: 1 | 2, data: Uint8Array) => Uint8Array;

/** Pieces as they are. */
export const plain: Piece = (_, data) => data;

const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });
const ENCODER = new TextEncoder();

/** Pieces that say which stream they are of: NUL, `1` or `2`, the length of the text in bytes of UTF-8, `:`, the text. */
export const tagged: Piece = (fd, data) => {
  const text = ENCODER.encode(DECODER.decode(data));
  return concat([ENCODER.encode(`\0${fd}${text.length}:`), text]);
};

/** Pieces for a terminal, which wants a carriage return before each line feed. */
export const forTerminal: Piece = (_, data) => {
  const lines = data.filter((byte) => byte === 0x0a).length;
  if (lines === 0) return data;
  const all = new Uint8Array(data.length + lines);
  let at = 0;
  for (const byte of data) {
    if (byte === 0x0a) all[at++] = 0x0d;
    all[at++] = byte;
  }
  return all;
};

/** A callback of the client's: the promise is settled when the client has taken what it was given. */
export type Sink = (data: Uint8Array | null) => unknown;

/** Both streams of a process, merged in order. What comes while the client is busy goes to it in one piece. */
export class Merged {
  private readonly characters = { 1: new Characters(), 2: new Characters() };
  private readonly waiting: Uint8Array[] = [];
  private flight: Promise<void> | null = null;
  private over = false;

  constructor(
    private readonly sink: Sink | undefined,
    private readonly piece: Piece,
  ) {}

  /** Bytes of one stream. */
  write(fd: 1 | 2, data: Uint8Array): void {
    this.add(fd, this.characters[fd].push(data));
  }

  /** Bytes that are no output of the process: a terminal's echo. */
  echo(data: Uint8Array): void {
    this.add(1, data);
  }

  /** Send what is left, then the end; resolves when the client has it all. */
  async end(): Promise<void> {
    for (const fd of [1, 2] as const) this.add(fd, this.characters[fd].end());
    this.over = true;
    while (this.flight !== null) await this.flight;
    await quietly(() => this.sink?.(null));
  }

  private add(fd: 1 | 2, data: Uint8Array): void {
    if (data.length === 0 || this.over || this.sink === undefined) return;
    this.waiting.push(this.piece(fd, data));
    this.flight ??= this.fly();
  }

  private async fly(): Promise<void> {
    while (this.waiting.length > 0) {
      const data = concat(this.waiting.splice(0));
      await quietly(() => this.sink?.(data));
    }
    this.flight = null;
  }
}

/** A client that is gone must not stop the engine. */
async function quietly(body: () => unknown): Promise<void> {
  try {
    await body();
  } catch {
    // Nobody is there any more who could be told.
  }
}
