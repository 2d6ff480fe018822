/** `stream.duplexPair`: two streams, each reading what the other writes. */

import { Duplex, type DuplexOptions } from "readable-stream/lib/stream.js";

type Done = (error?: Error | null) => void;

class Side extends Duplex {
  private other: Side | undefined;
  private waiting: Done | undefined;

  join(other: Side): void {
    this.other = other;
  }

  override _read(): void {
    const done = this.waiting;
    this.waiting = undefined;
    done?.();
  }

  override _write(chunk: unknown, _encoding: unknown, done: Done): void {
    const other = this.other;
    if (other === undefined || (chunk as { length?: number }).length === 0) return process.nextTick(done);
    other.push(chunk);
    // Asked for more: go on; this is how back-pressure crosses.
    other.waiting = done;
  }

  override _final(done: Done): void {
    this.other?.on("end", done);
    this.other?.push(null);
  }
}

/** Two joined streams with the same options. */
export function duplexPair(options?: DuplexOptions): [Duplex, Duplex] {
  const a = new Side(options);
  const b = new Side(options);
  a.join(b);
  b.join(a);
  return [a, b];
}
