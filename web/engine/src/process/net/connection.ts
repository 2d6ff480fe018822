/** One end of a connection between two processes of a container: bytes with a window, half-close, reset. */

import { SOCKET_WINDOW, type SocketMessage } from "../../contract.ts";

/** Who hears what comes. */
export interface Receiver {
  data(chunk: Uint8Array): void;
  /** The other end sends no more. */
  end(): void;
  /** The connection is broken: nothing more comes, and nothing more goes. */
  reset(): void;
}

interface Waiting {
  readonly data: Uint8Array;
  readonly done: () => void;
}

/** Runs a body as a turn of a process's event loop. */
export type Turn = (body: () => void) => void;

/** One end of a connection. */
export class Connection {
  private receiver: Receiver | null = null;
  /** Bytes that were sent and that the other end has not consumed. */
  private underWay = 0;
  private waiting: Waiting[] = [];
  private ending = false;
  private ended = false;
  private heardEnd = false;
  private closed = false;

  constructor(private readonly port: MessagePort, private readonly turn: Turn = (body) => body()) {}

  /** Begin to hear what comes. */
  receive(receiver: Receiver): void {
    this.receiver = receiver;
    this.port.onmessage = (event: MessageEvent<SocketMessage>) => this.turn(() => this.heard(event.data));
    // The process at the other end is gone; Linux closes its sockets for it.
    this.port.addEventListener("close", () => this.turn(() => this.gone()));
    this.port.start();
  }

  /** Send bytes; `done` is called when there is room for more. What is sent after `end` or a reset is dropped. */
  write(data: Uint8Array, done: () => void): void {
    if (this.closed || this.ending) return done();
    this.waiting.push({ data, done });
    this.pump();
  }

  /** Send no more, once everything has gone. */
  end(): void {
    if (this.closed || this.ending) return;
    this.ending = true;
    this.pump();
  }

  /** Send no more and hear nothing: of a connection that nobody wanted any more when it was there. */
  leave(): void {
    if (this.closed) return;
    this.post({ kind: "end" });
    this.close();
  }

  /** Break the connection. */
  reset(): void {
    if (this.closed) return;
    this.post({ kind: "reset" });
    this.close();
  }

  /** Tell the other end that bytes have been consumed here, so that it may send as many more. */
  consumed(bytes: number): void {
    if (!this.closed && bytes > 0) this.post({ kind: "window", bytes });
  }

  private heard(message: SocketMessage): void {
    if (this.closed) return;
    if (message.kind === "data") this.receiver?.data(message.data);
    else if (message.kind === "window") {
      this.underWay -= message.bytes;
      this.pump();
    } else if (message.kind === "end") this.finish();
    else {
      this.close();
      this.receiver?.reset();
    }
  }

  private gone(): void {
    if (this.closed) return;
    this.closed = true;
    this.flush();
    if (!this.heardEnd) this.receiver?.end();
  }

  private finish(): void {
    if (this.heardEnd) return;
    this.heardEnd = true;
    this.receiver?.end();
    this.closeWhenOver();
  }

  private pump(): void {
    while (this.waiting.length > 0 && this.underWay < SOCKET_WINDOW) {
      const [next] = this.waiting;
      if (next === undefined) break;
      const room = SOCKET_WINDOW - this.underWay;
      if (next.data.length > room) {
        this.send(next.data.subarray(0, room));
        this.waiting[0] = { data: next.data.subarray(room), done: next.done };
        break;
      }
      this.waiting.shift();
      this.send(next.data);
      next.done();
    }
    if (this.ending && !this.ended && this.waiting.length === 0) {
      this.ended = true;
      this.post({ kind: "end" });
      this.closeWhenOver();
    }
  }

  private send(data: Uint8Array): void {
    if (data.length === 0) return;
    this.underWay += data.length;
    // A copy of its own: what is written may be part of a larger buffer that goes on being used.
    const copy = new Uint8Array(data);
    this.port.postMessage({ kind: "data", data: copy } satisfies SocketMessage, [copy.buffer]);
  }

  private post(message: SocketMessage): void {
    this.port.postMessage(message);
  }

  private closeWhenOver(): void {
    if (this.ended && this.heardEnd) this.close();
  }

  private close(): void {
    if (this.closed) return;
    this.closed = true;
    this.flush();
    this.port.close();
  }

  private flush(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const { done } of waiting) done();
  }
}
