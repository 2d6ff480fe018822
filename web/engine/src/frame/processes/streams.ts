/** Standard streams between processes: counted ends of pipes, as Linux has them. */

import { failure } from "../files/errors.ts";

/** Bytes that a pipe holds before its writer has to wait. */
const ROOM = 256 * 1024;

/** The writing end of a pipe, held by every process that may write to it. Its reader hears null when the last lets go. */
export class Outlet {
  private writers = 1;

  /** `deliver` gets what is written, in order, then null. */
  constructor(private readonly deliver: (data: Uint8Array | null) => void) {}

  /** One more process may write. */
  hold(): this {
    this.writers += 1;
    return this;
  }

  /** Write bytes, which the reader may keep. */
  write(data: Uint8Array): void {
    if (this.writers > 0 && data.length > 0) this.deliver(data);
  }

  /** One process fewer may write. */
  release(): void {
    this.writers -= 1;
    if (this.writers === 0) this.deliver(null);
  }
}

/** Nowhere. */
export const nowhere = (): Outlet => new Outlet(() => undefined);

/** Whoever takes bytes out of an inlet as they come. */
export type Reader = (data: Uint8Array | null) => void;

/** The reading end of a pipe. What comes while nobody wants it is kept. */
export class Inlet {
  private readonly kept: Uint8Array[] = [];
  private size = 0;
  private ended = false;
  private readonly readers: Reader[] = [];
  private readonly sleepers: { length: number; wake: (data: Uint8Array) => void }[] = [];
  private waiting: (() => void)[] = [];
  private holders = 1;

  /** One more process may read. */
  hold(): this {
    this.holders += 1;
    return this;
  }

  /** One process fewer may read. After the last, writing fails. */
  release(): void {
    this.holders -= 1;
    if (this.holders === 0) this.flow();
  }

  /**
   * Put bytes in, null for the end; the promise resolves when there is room for more.
   * @throws Failure EPIPE when nobody is left to read, or it has been ended
   */
  async write(data: Uint8Array | null): Promise<void> {
    if (this.holders === 0 || (this.ended && data !== null)) throw failure("EPIPE", "write");
    if (data === null) this.ended = true;
    else if (data.length > 0) {
      this.kept.push(data);
      this.size += data.length;
    }
    this.flow();
    if (this.size > ROOM) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /** Have what comes from now on; of several readers the newest gets it. */
  want(reader: Reader): void {
    if (this.readers.includes(reader)) return;
    this.readers.push(reader);
    this.flow();
  }

  /** Have no more. */
  unwant(reader: Reader): void {
    const at = this.readers.indexOf(reader);
    if (at >= 0) this.readers.splice(at, 1);
  }

  /** At most `length` bytes as soon as there are any; none at the end. */
  read(length: number): Promise<Uint8Array> {
    return new Promise((wake) => {
      this.sleepers.push({ length, wake });
      this.flow();
    });
  }

  private flow(): void {
    while (this.sleepers.length > 0 && (this.size > 0 || this.ended)) {
      const sleeper = this.sleepers.shift();
      sleeper?.wake(this.take(sleeper.length));
    }
    const reader = this.readers.at(-1);
    if (reader !== undefined) this.deliver(reader);
    if (this.size <= ROOM || this.holders === 0) for (const resolve of this.waiting.splice(0)) resolve();
  }

  private deliver(reader: Reader): void {
    for (const data of this.kept.splice(0)) reader(data);
    this.size = 0;
    if (this.ended) {
      this.unwant(reader);
      reader(null);
    }
  }

  private take(length: number): Uint8Array {
    const first = this.kept[0];
    if (first === undefined) return new Uint8Array(0);
    const part = first.subarray(0, length);
    if (part.length === first.length) this.kept.shift();
    else this.kept[0] = first.subarray(length);
    this.size -= part.length;
    return part;
  }
}

/** An inlet that holds some bytes and nothing after them. */
export function inletOf(data: Uint8Array): Inlet {
  const inlet = new Inlet();
  // Nobody reads yet: nothing to wait for.
  void inlet.write(data);
  void inlet.write(null);
  return inlet;
}
