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
  readonly body: Uint8Array | null;
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
