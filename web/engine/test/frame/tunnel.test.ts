/** The engine's end of the tunnel, with a server that is played and listeners in the container that are played. */

import { afterEach, describe, expect, it, vi } from "vitest";
import type { SocketMessage } from "../../src/contract.ts";
import { Ports } from "../../src/frame/processes/ports.ts";
import type { Task } from "../../src/frame/processes/task.ts";
import { KIND, Tunnel, type SocketLike } from "../../src/frame/tunnel.ts";

class Server implements SocketLike {
  binaryType = "";
  onopen: SocketLike["onopen"] = null;
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  readonly frames: unknown[][] = [];

  send(data: Uint8Array): void {
    const view = new DataView(data.buffer);
    this.frames.push([view.getUint8(0), view.getUint32(1), ...data.subarray(5)]);
  }

  say(kind: number, number: number, ...payload: number[]): void {
    const frame = Uint8Array.of(kind, 0, 0, 0, number, ...payload);
    this.onmessage?.call(undefined as never, { data: frame.buffer } as MessageEvent<ArrayBuffer>);
  }

  close(): void {
    this.onclose?.call(undefined as never, {} as CloseEvent);
  }
}

interface Inside {
  readonly port: MessagePort;
  readonly heard: SocketMessage[];
}

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

function setUp(): { server: () => Server; dials: Server[]; inside: Inside[]; tunnel: Tunnel; previews: unknown[][] } {
  const ports = new Ports(() => undefined);
  const inside: Inside[] = [];
  const listener = {
    send: (event: { socket: MessagePort }) => {
      const heard: SocketMessage[] = [];
      event.socket.onmessage = (message: MessageEvent<SocketMessage>) => heard.push(message.data);
      inside.push({ port: event.socket, heard });
    },
  };
  ports.listen(listener as unknown as Task, 3000);
  const dials: Server[] = [];
  const previews: unknown[][] = [];
  const tunnel = new Tunnel(ports, () => {
    dials.push(new Server());
    return dials.at(-1) as Server;
  }, {
    show: (port) => previews.push(["show", port]),
    leave: (port) => previews.push(["leave", port]),
    message: (port, json) => previews.push(["message", port, json]),
  });
  closing.push(() => {
    tunnel.close();
    for (const { port } of inside) port.close();
  });
  return { server: () => dials.at(-1) as Server, dials, inside, tunnel, previews };
}

const PORT_3000 = [0x0b, 0xb8] as const;

describe("the tunnel", () => {
  it("opens connections to ports and refuses those that nobody listens on", () => {
    const { server, inside } = setUp();
    server().say(KIND.OPEN, 7, ...PORT_3000);
    server().say(KIND.OPEN, 8, 0, 80);
    expect(server().frames).toEqual([[KIND.OPENED, 7], [KIND.REFUSED, 8]]);
    expect(inside).toHaveLength(1);
  });

  it("carries bytes, windows and ends both ways, each connection by itself", async () => {
    const { server, inside } = setUp();
    for (const number of [1, 2]) server().say(KIND.OPEN, number, ...PORT_3000);
    server().say(KIND.DATA, 1, 65, 66);
    server().say(KIND.WINDOW, 2, 0, 0, 1, 0);
    server().say(KIND.END, 1);
    await vi.waitFor(() => expect([inside[0]?.heard.length, inside[1]?.heard.length]).toEqual([2, 1]));
    expect(inside[0]?.heard).toEqual([{ kind: "data", data: Uint8Array.of(65, 66) }, { kind: "end" }]);
    expect(inside[1]?.heard).toEqual([{ kind: "window", bytes: 256 }]);
    inside[1]?.port.postMessage({ kind: "data", data: Uint8Array.of(67) } satisfies SocketMessage);
    inside[1]?.port.postMessage({ kind: "window", bytes: 0x010203 } satisfies SocketMessage);
    inside[1]?.port.postMessage({ kind: "end" } satisfies SocketMessage);
    await vi.waitFor(() => expect(server().frames.slice(2)).toEqual([[KIND.DATA, 2, 67], [KIND.WINDOW, 2, 0, 1, 2, 3], [KIND.END, 2]]));
  });

  it("breaks a connection for both when one of them does", async () => {
    const { server, inside } = setUp();
    for (const number of [1, 2]) server().say(KIND.OPEN, number, ...PORT_3000);
    server().say(KIND.RESET, 1);
    inside[1]?.port.postMessage({ kind: "reset" } satisfies SocketMessage);
    await vi.waitFor(() => expect(server().frames).toContainEqual([KIND.RESET, 2]));
    await vi.waitFor(() => expect(inside[0]?.heard).toEqual([{ kind: "reset" }]));
  });

  it("ends the connections of a process that is gone", async () => {
    const { server, inside } = setUp();
    server().say(KIND.OPEN, 1, ...PORT_3000);
    inside[0]?.port.close();
    await vi.waitFor(() => expect(server().frames).toEqual([[KIND.OPENED, 1], [KIND.END, 1]]));
  });

  it("breaks all connections when the server is lost, and finds it again", async () => {
    const { server, dials, inside } = setUp();
    server().say(KIND.OPEN, 1, ...PORT_3000);
    server().close();
    await vi.waitFor(() => expect(inside[0]?.heard).toEqual([{ kind: "reset" }]));
    await vi.waitFor(() => expect(dials).toHaveLength(2));
    server().say(KIND.OPEN, 1, ...PORT_3000);
    expect(server().frames).toEqual([[KIND.OPENED, 1]]);
  });

  it("hands on what is said of previews, and answers that cookies are heeded when they are", () => {
    const { server, previews } = setUp();
    server().say(KIND.SHOWN, 80);
    server().say(KIND.MESSAGE, 80, 123, 125);
    server().say(KIND.COOKIES, 80);
    expect(previews).toEqual([["show", 80], ["message", 80, "{}"], ["leave", 80]]);
    expect(server().frames).toEqual([[KIND.COOKIES, 80]]);
  });

  it("stays closed once it has been closed", () => {
    vi.useFakeTimers();
    const { dials, tunnel } = setUp();
    tunnel.close();
    vi.advanceTimersByTime(120_000);
    vi.useRealTimers();
    expect(dials).toHaveLength(1);
  });
});
