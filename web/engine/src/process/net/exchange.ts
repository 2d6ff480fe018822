/** One HTTP exchange with a server in this container, without Node's streams: what `fetch` and `curl` are made of. */

import { call } from "../calls.ts";
import { Connection, type Turn } from "./connection.ts";
import { Parser } from "./http/parser.ts";

/** Names of this container's own machine. */
export function isLocalHost(name: string): boolean {
  const bare = name.toLowerCase().replace(/^\[|\]$/g, "").replace(/\.$/, "");
  return bare === "localhost" || bare.endsWith(".localhost") || bare === "::1" || bare === "::" || bare === "0.0.0.0" || /^127(\.\d{1,3}){3}$/.test(bare);
}

/** What is asked. */
export interface Question {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | null;
  readonly signal?: AbortSignal | undefined;
}

/** What is answered. */
export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: [string, string][];
  /** Fails when the connection breaks before the end. */
  readonly body: ReadableStream<Uint8Array>;
}

const encoder = new TextEncoder();

/** The other end closed the connection before it had answered. */
export class ConnectionLost extends Error {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** Ask a server in this container. Throws SystemError ECONNREFUSED, ConnectionLost, ParseError. */
export async function exchange(question: Question, turn?: Turn): Promise<Answer> {
  const { url } = question;
  const port = await call("net.connect", Number(url.port === "" ? (url.protocol === "https:" ? 443 : 80) : url.port));
  const connection = new Connection(port, turn);
  if (question.signal?.aborted === true) {
    connection.reset();
    throw question.signal.reason;
  }
  const answer = new Promise<Answer>((resolve, reject) => {
    const reader = new AnswerReader(connection, question.method, resolve, reject);
    connection.receive(reader);
    question.signal?.addEventListener("abort", () => {
      connection.reset();
      reader.fail(question.signal?.reason);
    });
  });
  connection.write(encoder.encode(headOf(question)), () => undefined);
  if (question.body !== null && question.body.length > 0) connection.write(question.body, () => undefined);
  return answer;
}

function headOf({ method, url, headers, body }: Question): string {
  const lines = [`${method} ${url.pathname}${url.search} HTTP/1.1`];
  const given = new Set(headers.map(([name]) => name.toLowerCase()));
  if (!given.has("host")) lines.push(`host: ${url.host}`);
  if (!given.has("connection")) lines.push("connection: close");
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  const needsLength = body !== null || method === "POST" || method === "PUT" || method === "PATCH";
  if (needsLength && !given.has("content-length")) lines.push(`content-length: ${body?.length ?? 0}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
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
