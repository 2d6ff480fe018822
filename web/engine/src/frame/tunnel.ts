/**
 * Connections from the server of the engine to ports in the container, many over one WebSocket.
 *
 * A frame is 1 byte of kind, 4 bytes of the connection's number (big-endian) and a payload. What one end has consumed
 * is passed on to the other, so that the window of a connection spans all of its way and nothing gathers here.
 * Some frames are about previews, not about a connection: their number is that of a port.
 */

import type { SocketMessage } from "../contract.ts";
import type { Ports } from "./processes/ports.ts";

/**
 * What a frame says. OPEN carries 2 bytes of port, WINDOW 4 bytes: how many bytes of DATA more have been consumed.
 * Of a port: SHOWN, a frame of a page shows it; COOKIES, its answers set some, which is answered with the same frame;
 * MESSAGE, what a page of it says, as JSON.
 */
export const KIND = { OPEN: 1, OPENED: 2, REFUSED: 3, DATA: 4, END: 5, RESET: 6, WINDOW: 7, SHOWN: 8, COOKIES: 9, MESSAGE: 10 } as const;

const HEAD = 5;

/** Milliseconds before a lost WebSocket is opened again, at first and at most. */
const RETRY = { FIRST: 250, MOST: 30_000 } as const;

/** What is needed of a WebSocket. */
export interface SocketLike {
  binaryType: string;
  onopen: ((this: never, event: Event) => void) | null;
  onmessage: ((this: never, event: MessageEvent<ArrayBuffer>) => void) | null;
  onclose: ((this: never, event: CloseEvent) => void) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

/** Who hears what the server tells of previews. */
export interface PreviewListener {
  show(port: number): void;
  leave(port: number): void;
  message(port: number, json: string): void;
}

interface Stream {
  readonly port: MessagePort;
  /** Which side has said that it sends no more. */
  endedInside: boolean;
  endedOutside: boolean;
}

/** The engine's end of the tunnel. It opens its WebSocket again whenever that is lost. */
export class Tunnel {
  private readonly streams = new Map<number, Stream>();
  private socket: SocketLike | null = null;
  private delay: number = RETRY.FIRST;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private open = true;

  /** `dial` makes a WebSocket to the server. */
  constructor(
    private readonly ports: Ports,
    private readonly dial: () => SocketLike,
    private readonly previews: PreviewListener,
  ) {
    this.connect();
  }

  /** Break all connections and open none any more. */
  close(): void {
    this.open = false;
    clearTimeout(this.timer);
    this.socket?.close();
    this.breakAll();
  }

  private connect(): void {
    const socket = this.dial();
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => (this.delay = RETRY.FIRST);
    socket.onmessage = (event) => this.heard(new Uint8Array(event.data));
    socket.onclose = () => {
      this.breakAll();
      this.socket = null;
      if (!this.open) return;
      this.timer = setTimeout(() => this.connect(), this.delay);
      this.delay = Math.min(this.delay * 2, RETRY.MOST);
    };
  }

  private heard(frame: Uint8Array): void {
    if (frame.length < HEAD) return;
    const view = new DataView(frame.buffer, frame.byteOffset);
    const kind = view.getUint8(0);
    const number = view.getUint32(1);
    if (kind >= KIND.SHOWN) return this.ofPreview(kind, number, frame.subarray(HEAD));
    if (kind === KIND.OPEN) this.opened(number, view.getUint16(HEAD));
    const stream = this.streams.get(number);
    if (stream === undefined) return;
    if (kind === KIND.DATA) this.pass(stream, { kind: "data", data: frame.slice(HEAD) });
    else if (kind === KIND.WINDOW) this.pass(stream, { kind: "window", bytes: view.getUint32(HEAD) });
    else if (kind === KIND.END) this.endOutside(number, stream);
    else if (kind === KIND.RESET) this.drop(number, stream, true);
  }

  private ofPreview(kind: number, port: number, payload: Uint8Array): void {
    if (kind === KIND.SHOWN) this.previews.show(port);
    else if (kind === KIND.MESSAGE) this.previews.message(port, new TextDecoder().decode(payload));
    else if (kind === KIND.COOKIES) {
      this.previews.leave(port);
      this.send(KIND.COOKIES, port);
    }
  }

  private opened(number: number, port: number): void {
    const inside = this.ports.connect(port);
    if (inside === null) return this.send(KIND.REFUSED, number);
    const stream: Stream = { port: inside, endedInside: false, endedOutside: false };
    this.streams.set(number, stream);
    inside.onmessage = (event: MessageEvent<SocketMessage>) => this.said(number, stream, event.data);
    // The process is gone: as Linux does it, its side of the connection ends.
    inside.addEventListener("close", () => this.endInside(number, stream));
    this.send(KIND.OPENED, number);
  }

  private said(number: number, stream: Stream, message: SocketMessage): void {
    if (message.kind === "data") this.send(KIND.DATA, number, message.data);
    else if (message.kind === "window") this.send(KIND.WINDOW, number, fourBytes(message.bytes));
    else if (message.kind === "end") this.endInside(number, stream);
    else {
      this.send(KIND.RESET, number);
      this.drop(number, stream, false);
    }
  }

  private endInside(number: number, stream: Stream): void {
    if (stream.endedInside || this.streams.get(number) !== stream) return;
    stream.endedInside = true;
    this.send(KIND.END, number);
    if (stream.endedOutside) this.drop(number, stream, false);
  }

  private endOutside(number: number, stream: Stream): void {
    stream.endedOutside = true;
    this.pass(stream, { kind: "end" });
    if (stream.endedInside) this.drop(number, stream, false);
  }

  private drop(number: number, stream: Stream, tell: boolean): void {
    this.streams.delete(number);
    if (tell) this.pass(stream, { kind: "reset" });
    // After what was posted has been taken out; a port that is closed at once can lose it.
    setTimeout(() => stream.port.close(), 0);
  }

  private breakAll(): void {
    for (const [number, stream] of [...this.streams]) this.drop(number, stream, true);
  }

  private pass(stream: Stream, message: SocketMessage): void {
    stream.port.postMessage(message, message.kind === "data" ? [message.data.buffer] : []);
  }

  private send(kind: number, number: number, payload: Uint8Array = new Uint8Array(0)): void {
    if (this.socket === null) return;
    const frame = new Uint8Array(HEAD + payload.length);
    const view = new DataView(frame.buffer);
    view.setUint8(0, kind);
    view.setUint32(1, number);
    frame.set(payload, HEAD);
    this.socket.send(frame);
  }
}

function fourBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
