/** The answer to one HTTP request on a connection in this container: its head, and its body as a web stream. */

import type { Connection } from "./connection.ts";
import { Parser } from "./http/parser.ts";

/** What is answered. */
export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: [string, string][];
  /** Fails when the connection breaks before the end. */
  readonly body: ReadableStream<Uint8Array>;
}

/** The other end closed the connection before it had answered. */
export class ConnectionLost extends Error {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** Read the answer to a request of that method. Throws ConnectionLost, ParseError, and why `signal` gave up. */
export async function readAnswer(connection: Connection, method: string, signal?: AbortSignal): Promise<Answer> {
  return await new Promise<Answer>((resolve, reject) => {
    const reader = new AnswerReader(connection, method, resolve, reject);
    connection.receive(reader);
    signal?.addEventListener("abort", () => {
      connection.reset();
      reader.fail(signal.reason);
    });
  });
}

class AnswerReader {
  private readonly parser: Parser;
  private controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  private over = false;
  /** Bytes given to the body's queue and not yet told the other end as consumed. */
  private taken = 0;

  constructor(private readonly connection: Connection, method: string, private readonly resolve: (answer: Answer) => void, private readonly reject: (error: unknown) => void) {
    this.parser = new Parser("response", {
      head: (head) => {
        if (head.status < 200) return "no-body";
        const headers: [string, string][] = [];
        for (let at = 0; at < head.headers.length; at += 2) headers.push([head.headers[at] ?? "", head.headers[at + 1] ?? ""]);
        this.resolve({ status: head.status, reason: head.reason, headers, body: this.stream() });
        return method === "HEAD" ? "no-body" : "body";
      },
      body: (chunk) => this.controller?.enqueue(chunk),
      complete: () => this.finish(),
    }, 1024 * 1024);
  }

  data(chunk: Uint8Array): void {
    if (this.over) return;
    try {
      this.parser.execute(chunk);
    } catch (error) {
      this.connection.reset();
      return this.fail(error);
    }
    this.taken += chunk.length;
    this.release();
  }

  end(): void {
    if (this.over) return;
    try {
      this.parser.finish();
      if (!this.isOver()) this.fail(new ConnectionLost("other side closed", "UND_ERR_SOCKET"));
    } catch {
      this.fail(new ConnectionLost("other side closed", "UND_ERR_SOCKET"));
    }
    this.connection.end();
  }

  reset(): void {
    this.fail(new ConnectionLost("read ECONNRESET", "ECONNRESET"));
  }

  /** End with an error, unless all is over. */
  fail(error: unknown): void {
    if (this.over) return;
    this.over = true;
    this.reject(error);
    this.controller?.error(error);
  }

  private isOver(): boolean {
    return this.over;
  }

  private stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.controller = controller;
      },
      pull: () => this.release(),
      cancel: () => {
        this.over = true;
        this.connection.reset();
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark: 256 * 1024 }));
  }

  /** Let the other end send more when whoever reads the body keeps up. */
  private release(): void {
    if (this.controller !== null && !this.over && (this.controller.desiredSize ?? 0) <= 0) return;
    this.connection.consumed(this.taken);
    this.taken = 0;
  }

  private finish(): void {
    this.over = true;
    this.controller?.close();
    this.connection.end();
  }
}
