/** Requests of `http` and `https` to other machines: by the browser's `fetch`, within CORS and the network policy. */

import { Buffer } from "../../modules/buffer.ts";
import { handle } from "../../loop.ts";
import { turn } from "../../loop.ts";
import { processNextTick } from "../../timers.ts";
import { browserFetch } from "../browser.ts";
import type { Socket } from "../socket.ts";
import type { Client } from "./client.ts";
import { Incoming } from "./incoming.ts";

type Done = (error?: Error | null) => void;

/** What stands in the place of a connection: it gathers the body, and asks when the request has ended. */
export class OutsideExchange {
  private readonly body: Uint8Array[] = [];
  private readonly keeper = handle();
  private readonly aborter = new AbortController();
  private headSkipped = false;

  constructor(private readonly request: Client, private readonly url: string) {
    request.chunkedEncoding = false;
    request.setMaxListeners(20);
    request.on("finish", () => void this.ask());
    request.on("close", () => this.keeper.close());
    processNextTick(() => request.assignSocket(this.standIn()));
  }

  private standIn(): Socket {
    const nothing = (): undefined => undefined;
    const socket = {
      destroyed: false, writable: true, readable: false, writableLength: 0, writableHighWaterMark: 16384, readableHighWaterMark: 16384, _httpMessage: this.request, encrypted: this.url.startsWith("https:"),
      write: (data: Uint8Array, done?: Done): boolean => {
        this.keep(data);
        if (done !== undefined) processNextTick(done);
        return true;
      },
      destroy: (error?: Error): void => {
        socket.destroyed = true;
        this.aborter.abort(error);
        processNextTick(() => this.request._close());
      },
      cork: nothing, uncork: nothing, setTimeout: nothing, on: nothing, once: nothing, removeListener: nothing, emit: nothing, ref: nothing, unref: nothing, setNoDelay: nothing, setKeepAlive: nothing, resume: nothing, pause: nothing,
    };
    return socket as unknown as Socket;
  }

  /** The head comes with the first bytes; fetch makes its own. */
  private keep(data: Uint8Array): void {
    if (this.headSkipped) return void this.body.push(data);
    this.headSkipped = true;
    const head = this.request._header?.length ?? 0;
    if (data.length > head) this.body.push(data.subarray(head));
  }

  private bytes(): Uint8Array {
    const all = Buffer.concat(this.body);
    if (!this.request.chunkedEncoding) return all;
    const parts: Uint8Array[] = [];
    for (let at = 0; at < all.length; ) {
      const end = all.indexOf("\r\n", at);
      const size = Number.parseInt(all.toString("latin1", at, end), 16);
      if (size === 0) break;
      parts.push(all.subarray(end + 2, end + 2 + size));
      at = end + 2 + size + 2;
    }
    return Buffer.concat(parts);
  }

  private async ask(): Promise<void> {
    const { request } = this;
    const body = this.bytes();
    const hidden = new Set(["host", "connection", "content-length", "transfer-encoding"]);
    const headers = request._headers.lines().filter(([name]) => !hidden.has(name.toLowerCase()));
    try {
      const answer = await browserFetch(this.url, { method: request.method, headers, body: body.length > 0 ? (body as BodyInit) : null, redirect: "manual", signal: this.aborter.signal, credentials: "omit" });
      turn(() => this.deliver(answer));
    } catch (error) {
      this.keeper.close();
      if (!this.aborter.signal.aborted) turn(() => request.destroy(refusal(this.url, error)));
    }
  }

  private deliver(answer: Response): void {
    const { request } = this;
    if (answer.type === "opaqueredirect") {
      request.destroy(Object.assign(new Error(`${this.url} answers with a redirect, and a browser does not tell where to: use fetch, which follows it`), { code: "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM" }));
      return;
    }
    const message = new Incoming(null);
    const headers = [...answer.headers].flat();
    message._take({ method: "", url: "", status: answer.status, reason: answer.statusText, major: 1, minor: 1, headers, upgrade: false, keepAlive: true });
    request._deliver(message);
    void this.pour(answer, message);
  }

  private async pour(answer: Response, message: Incoming): Promise<void> {
    try {
      const reader = answer.body?.getReader();
      for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
        const { value } = part;
        turn(() => message.push(Buffer.from(value)));
      }
      turn(() => {
        message.complete = true;
        message.push(null);
        this.request._close();
      });
    } catch (error) {
      turn(() => message.destroy(error as Error));
    } finally {
      this.keeper.close();
    }
  }
}

/** Why a request to another machine came to nothing; a browser does not say it more exactly. */
export function refusal(url: string, cause: unknown): Error {
  const { host } = new URL(url);
  const error = new Error(`connect ECONNREFUSED ${host}: requests to other machines go through the browser in the local WebContainer engine, and the network policy of this container, the server's CORS rules or the network did not let this one pass`, { cause });
  return Object.assign(error, { code: "ECONNREFUSED", errno: -111, syscall: "connect", hostname: host });
}
