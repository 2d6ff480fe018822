/** One HTTP exchange with a server in this container, without Node's streams: what `fetch` and `curl` are made of. */

import { call } from "../calls.ts";
import { readAnswer, type Answer } from "./answer.ts";
import { Connection, type Turn } from "./connection.ts";

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
  /** Whole, or as it comes: then in chunks. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | null;
  readonly signal?: AbortSignal | undefined;
}

const encoder = new TextEncoder();

/** Ask a server in this container. Throws SystemError ECONNREFUSED, ConnectionLost, ParseError. */
export async function exchange(question: Question, turn?: Turn): Promise<Answer> {
  const { url } = question;
  const port = await call("net.connect", Number(url.port === "" ? (url.protocol === "https:" ? 443 : 80) : url.port));
  const connection = new Connection(port, turn);
  if (question.signal?.aborted === true) {
    connection.reset();
    throw question.signal.reason;
  }
  const answer = readAnswer(connection, question.method, question.signal);
  connection.write(encoder.encode(headOf(question)), () => undefined);
  const { body } = question;
  if (body === null) return answer;
  if (body instanceof Uint8Array) {
    if (body.length > 0) connection.write(body, () => undefined);
    return answer;
  }
  // An answer may come before the body has gone; without its body, no answer is to be waited for.
  const framed = question.headers.some(([name]) => name.toLowerCase() === "content-length");
  const sent = framed ? pour(connection, body) : pour(connection, chunked(body));
  return Promise.race([answer, sent.then(() => answer)]);
}

/** A body with the frames of its chunks. */
async function* chunked(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const part of body) {
    if (part.length === 0) continue;
    yield encoder.encode(`${part.length.toString(16)}\r\n`);
    yield part;
    yield encoder.encode("\r\n");
  }
  yield encoder.encode("0\r\n\r\n");
}

/** Send a body, none of it before there is room. */
async function pour(connection: Connection, body: AsyncIterable<Uint8Array>): Promise<void> {
  const write = (data: Uint8Array): Promise<void> => new Promise((resolve) => connection.write(data, resolve));
  try {
    for await (const part of body) await write(part);
  } catch (error) {
    connection.reset();
    throw error;
  }
}

/** The header that tells where the body ends, null where there is none. */
function framingOf(method: string, body: Question["body"]): string | null {
  if (body === null) return ["POST", "PUT", "PATCH"].includes(method) ? "content-length: 0" : null;
  return body instanceof Uint8Array ? `content-length: ${body.length}` : "transfer-encoding: chunked";
}

function headOf({ method, url, headers, body }: Question): string {
  const lines = [`${method} ${url.pathname}${url.search} HTTP/1.1`];
  const given = new Set(headers.map(([name]) => name.toLowerCase()));
  if (!given.has("host")) lines.push(`host: ${url.host}`);
  if (!given.has("connection")) lines.push("connection: close");
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  const framing = framingOf(method, body);
  if (framing !== null && !given.has("content-length")) lines.push(framing);
  return `${lines.join("\r\n")}\r\n\r\n`;
}
