/** What a server in the container has answered, as the answer of a service worker. */

import type { Answer } from "../process/net/answer.ts";

/** Of one connection, not of the answer (RFC 9110, 7.6.1). */
const OF_ONE_CONNECTION = new Set(["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"]);
/** What only the network makes a browser heed. */
const OF_THE_NETWORK = new Set(["set-cookie", "clear-site-data"]);
const COEP = "cross-origin-embedder-policy";
const CORP = "cross-origin-resource-policy";
const EMPTY = new Set([204, 205, 304]);
/** Content codings that a worker can undo, though it asks for none. */
const CODINGS: Readonly<Record<string, CompressionFormat>> = { gzip: "gzip", "x-gzip": "gzip", deflate: "deflate" };

/** The headers that a browser heeds only when they come from the network. */
export function networkFields({ headers }: Answer): [string, string][] {
  return headers.filter(([name]) => OF_THE_NETWORK.has(name.toLowerCase()));
}

function valueOf({ headers }: Answer, name: string): string {
  return headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value).join(", ").trim();
}

/** Why a worker cannot give this answer as the network does; empty when it can. */
export function obstacle(answer: Answer): string {
  const coding = valueOf(answer, "content-encoding").toLowerCase();
  if (answer.status > 599) return `the status ${answer.status}`;
  if (coding !== "" && coding !== "identity" && !Object.hasOwn(CODINGS, coding)) return `the content coding ${coding}`;
  // The browser asks the reader for a name and a password.
  if (answer.status === 401 && valueOf(answer, "www-authenticate") !== "") return "a question for a password";
  return "";
}

/** The answer for the page. `request` is what it answers. Throws TypeError for headers that are none. */
export function response(answer: Answer, request: Request): Response {
  const coding = CODINGS[valueOf(answer, "content-encoding").toLowerCase()];
  const fields = new Headers();
  for (const [name, value] of answer.headers) {
    const small = name.toLowerCase();
    const undone = coding !== undefined && (small === "content-encoding" || small === "content-length");
    if (!OF_ONE_CONNECTION.has(small) && !OF_THE_NETWORK.has(small) && !undone) fields.append(name, value);
  }
  isolate(fields, request);
  const bare = EMPTY.has(answer.status) || request.method === "HEAD";
  if (bare) void answer.body.cancel();
  return new Response(bare ? null : decoded(answer.body, coding), { status: answer.status, statusText: answer.reason, headers: fields });
}

/** As the server of the tunnel does: isolated pages, also those in their frames, embed and start nothing else. */
function isolate(fields: Headers, { destination }: Request): void {
  if (!fields.has(CORP)) fields.set(CORP, "cross-origin");
  if (destination === "worker" && !fields.has(COEP)) fields.set(COEP, "credentialless");
}

function decoded(body: ReadableStream<Uint8Array>, coding: CompressionFormat | undefined): BodyInit {
  const bytes = body as ReadableStream<Uint8Array<ArrayBuffer>>;
  return coding === undefined ? bytes : bytes.pipeThrough(new DecompressionStream(coding));
}

/** A `Set-Cookie` that means the same from another path of the origin: with the path that it has by default (RFC 6265, 5.1.4). */
export function anchored(cookie: string, path: string): string {
  const named = cookie.split(";").slice(1).some((attribute) => attribute.split("=")[0]?.trim().toLowerCase() === "path");
  return named ? cookie : `${cookie}; Path=${path.slice(0, Math.max(1, path.lastIndexOf("/")))}`;
}
