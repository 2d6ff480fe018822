/**
 * The service worker of a preview's origin: it answers requests of pages from the server in the container by a
 * connection of its own, and leaves to the network, which is the tunnel, all that it cannot answer the same way.
 *
 * Workers neither see nor set cookies as the network does: a request that may carry one goes through the tunnel, and
 * an answer that sets one has it set by the server of the tunnel, which then serves the port alone.
 */

import { ConnectionLost, readAnswer, type Answer } from "../process/net/answer.ts";
import { Connection } from "../process/net/connection.ts";
import { anchored, networkFields, obstacle, response } from "./answer.ts";
import { KernelLink } from "./kernel.ts";
import { PLACES, type Handing } from "./protocol.ts";
import { head, suits } from "./request.ts";

/** What is used of a service worker's global, which TypeScript has only in place of a document's. */
interface WorkerGlobal {
  readonly clients: { claim(): Promise<void>; matchAll(options: { includeUncontrolled: boolean }): Promise<readonly WorkerClient[]> };
  readonly cookieStore?: { getAll(options: { url: string }): Promise<readonly unknown[]> };
  skipWaiting(): Promise<void>;
  addEventListener(name: "install", listener: (event: Lasting) => void): void;
  addEventListener(name: "message", listener: (event: MessageEvent<Handing> & Lasting) => void): void;
  addEventListener(name: "fetch", listener: (event: Lasting & { readonly request: Request; respondWith(answer: Promise<Response>): void }) => void): void;
}
interface WorkerClient {
  readonly url: string;
  postMessage(message: Handing): void;
}
interface Lasting {
  waitUntil(work: Promise<unknown>): void;
}

const scope = globalThis as unknown as WorkerGlobal;
let kernel: KernelLink | null = null;

const isPage = (client: unknown): client is WorkerClient => new URL((client as WorkerClient).url).pathname === PLACES.PAGE;

/** Ask the hidden page for a channel to the kernel; it comes as a message. */
async function look(): Promise<void> {
  const clients = await scope.clients.matchAll({ includeUncontrolled: true });
  for (const client of clients) if (isPage(client)) client.postMessage({ type: "lost" });
}

/** Whether the browser may send cookies along, which workers do not see. */
async function carriesCookies(request: Request): Promise<boolean> {
  if (request.credentials === "omit") return false;
  const known = await scope.cookieStore?.getAll({ url: request.url });
  return known === undefined || known.length > 0;
}

async function serve(request: Request, link: KernelLink): Promise<Response> {
  const socket = (await carriesCookies(request)) ? null : await link.connect();
  if (socket === null) return await fetch(request);
  try {
    const answer = await ask(request, new Connection(socket));
    const why = obstacle(answer);
    if (why !== "") return await elsewhere(request, link, answer, why);
    await heed(request, link, answer);
    return response(answer, request);
  } catch (error) {
    if (request.signal.aborted) throw error;
    return failed(error);
  }
}

async function ask(request: Request, connection: Connection): Promise<Answer> {
  // As the network does it: the size of a body comes before it.
  const body = request.body === null ? null : await request.blob();
  const bare = body === null && request.method !== "POST" && request.method !== "PUT";
  const answer = readAnswer(connection, request.method, request.signal);
  connection.write(head(request, bare ? null : (body?.size ?? 0)), () => undefined);
  if (body !== null) send(body, connection).catch(() => connection.reset());
  return await answer;
}

async function send(body: Blob, connection: Connection): Promise<void> {
  for await (const chunk of body.stream()) await new Promise<void>((resolve) => connection.write(chunk, resolve));
}

/** Let the tunnel ask again for what is safe to ask twice (RFC 9110, 9.2.1), and for all that comes. */
async function elsewhere(request: Request, link: KernelLink, answer: Answer, why: string): Promise<Response> {
  await link.leave();
  if (answer.status === 401 && request.method !== "GET" && request.method !== "HEAD") return response(answer, request);
  await answer.body.cancel();
  if (request.method === "GET" || request.method === "HEAD") return await fetch(request);
  throw new Error(`it answered with ${why}`);
}

/** Have the server of the tunnel set what only an answer of the network can. */
async function heed(request: Request, link: KernelLink, answer: Answer): Promise<void> {
  const fields = networkFields(answer);
  if (fields.length === 0 || request.credentials === "omit") return;
  await link.leave();
  const { pathname } = new URL(request.url);
  const said = fields.map(([name, value]) => [name, name.toLowerCase() === "set-cookie" ? anchored(value, pathname) : value]);
  const done = await fetch(PLACES.FIELDS, { method: "POST", body: JSON.stringify(said) });
  if (!done.ok) throw new Error(`its cookies could not be set: ${done.status}`);
}

function failed(error: unknown): Response {
  const [port] = location.hostname.split("--");
  const why = error instanceof ConnectionLost ? "it hung up" : error instanceof Error ? error.message : String(error);
  const text = `No answer: the server on port ${port ?? ""} gave no answer that is HTTP: ${why}\n`;
  return new Response(text, { status: 502, headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", "cross-origin-embedder-policy": "require-corp", "cross-origin-resource-policy": "cross-origin" } });
}

scope.addEventListener("install", (event) => event.waitUntil(scope.skipWaiting()));
scope.addEventListener("message", (event) => {
  const { data, source, ports } = event;
  const [port] = ports;
  if (data.type !== "kernel" || port === undefined || !isPage(source)) return;
  const link = new KernelLink(port, () => {
    if (kernel === link) kernel = null;
  });
  kernel = link;
  // Pages that are open already are served from here on, too.
  event.waitUntil(scope.clients.claim());
});
scope.addEventListener("fetch", (event) => {
  // A worker that has just started has no kernel yet: this request goes to the network, a later one may not.
  if (kernel === null) event.waitUntil(look());
  else if (suits(event.request, location.origin)) event.respondWith(serve(event.request, kernel));
});
