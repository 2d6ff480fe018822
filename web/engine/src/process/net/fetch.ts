/** `fetch`: to servers in this container by a connection of its own, to others by the browser's. */

import { handle, turn } from "../loop.ts";
import { localAddress } from "./addresses.ts";
import { browserFetch } from "./browser.ts";
import type { Answer } from "./answer.ts";
import { exchange, isLocalHost } from "./exchange.ts";
import { addressError, systemError } from "./failures.ts";

/** Ports that fetch never asks, by the Fetch Standard ("bad port"). */
const BAD_PORTS = new Set([
  1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389,
  427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566,
  6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const MOST_REDIRECTS = 20;

function failed(cause: unknown): TypeError {
  return new TypeError("fetch failed", { cause });
}

interface Asked {
  url: URL;
  method: string;
  headers: Headers;
  body: Uint8Array | AsyncIterable<Uint8Array> | null;
  readonly redirect: RequestRedirect;
  readonly signal: AbortSignal;
}

/** The global `fetch`. */
export async function nodeFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const keeper = handle();
  try {
    const plain: RequestInit = { ...init };
    // Headers that a browser's Request would drop are sent: servers in the container see what Node sends.
    const own = new Headers(plain.headers ?? (input instanceof Request ? input.headers : undefined));
    const streamed = streamOf(plain);
    const request = requestOf(input, streamed === null ? plain : { ...plain, body: null });
    const url = new URL(request.url);
    if (url.protocol === "http:" && isLocalHost(url.hostname)) return await local(request, url, own, streamed);
    const whole = streamed === null ? request : new Request(request, { body: (await collected(streamed)) as BodyInit });
    return await outside(whole, input, url);
  } finally {
    keeper.close();
  }
}

/** A body that comes in parts, null for any other. Throws TypeError without `duplex: "half"`, as Node does. */
function streamOf(init: RequestInit & { duplex?: string }): AsyncIterable<Uint8Array> | null {
  const body: unknown = init.body;
  if (typeof body !== "object" || body === null || body instanceof Blob || !(Symbol.asyncIterator in body)) return null;
  if (init.duplex === undefined) throw new TypeError("RequestInit: duplex option is required when sending a body.");
  return parts(body as AsyncIterable<unknown>);
}

async function* parts(body: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const part of body) {
    if (typeof part === "string") yield new TextEncoder().encode(part);
    else if (part instanceof Uint8Array) yield part;
    else throw new TypeError("Received non-Uint8Array chunk");
  }
}

async function collected(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const part of body) all.push(part);
  return new Uint8Array(await new Blob(all as BlobPart[]).arrayBuffer());
}

function requestOf(input: RequestInfo | URL, init: RequestInit): Request {
  const text = input instanceof Request ? input.url : String(input);
  if (!URL.canParse(text)) {
    const cause = Object.assign(new TypeError("Invalid URL"), { code: "ERR_INVALID_URL", input: text });
    throw new TypeError(`Failed to parse URL from ${text}`, { cause });
  }
  return new Request(input, init);
}

async function local(request: Request, url: URL, own: Headers, streamed: AsyncIterable<Uint8Array> | null): Promise<Response> {
  if (url.port !== "" && BAD_PORTS.has(Number(url.port))) throw failed(new Error("bad port"));
  for (const [name, value] of request.headers) if (!own.has(name)) own.set(name, value);
  const body = streamed ?? (await bodyOf(request));
  const asked: Asked = { url, method: request.method, headers: own, body, redirect: request.redirect, signal: request.signal };
  for (let hops = 0; ; hops += 1) {
    const answer = await ask(asked);
    const target = targetOf(answer, asked);
    if (target === null) return responseOf(answer, asked.url, hops > 0);
    await answer.body.cancel();
    if (asked.redirect === "error") throw failed(new Error("unexpected redirect"));
    if (hops >= MOST_REDIRECTS) throw failed(new Error("redirect count exceeded"));
    follow(asked, target, answer.status);
    if (!isLocalHost(asked.url.hostname)) return outside(new Request(asked.url, { method: asked.method, headers: asked.headers, body: asked.body as BodyInit | null }), asked.url, asked.url);
  }
}

async function bodyOf(request: Request): Promise<Uint8Array | null> {
  if (request.body === null && !["POST", "PUT", "PATCH"].includes(request.method)) return null;
  return new Uint8Array(await request.arrayBuffer());
}

/** Where an answer sends who asked, null for nowhere or when redirects are to be seen. */
function targetOf({ status, headers }: Answer, asked: Asked): URL | null {
  const target = headers.find(([name]) => name.toLowerCase() === "location")?.[1];
  if (!REDIRECTS.has(status) || target === undefined || asked.redirect === "manual") return null;
  if (!URL.canParse(target, asked.url)) throw failed(Object.assign(new TypeError("Invalid URL"), { code: "ERR_INVALID_URL", input: target }));
  return new URL(target, asked.url);
}

function follow(asked: Asked, url: URL, status: number): void {
  asked.url = url;
  // What was streamed is gone: it cannot be sent again.
  if (status !== 303 && asked.body !== null && !(asked.body instanceof Uint8Array)) throw failed(new Error("Request with a streamed body cannot be redirected"));
  if (status !== 303 && !((status === 301 || status === 302) && asked.method === "POST")) return;
  if (asked.method === "GET" || asked.method === "HEAD") return;
  asked.method = "GET";
  asked.body = null;
  for (const name of ["content-encoding", "content-language", "content-location", "content-type", "content-length"]) asked.headers.delete(name);
}

async function ask(asked: Asked): Promise<Answer> {
  const { url, method, body, signal } = asked;
  signal.throwIfAborted();
  const headers: [string, string][] = [["host", url.host], ["connection", "keep-alive"]];
  for (const [name, value] of asked.headers) headers.push([name, value]);
  const defaults: readonly [string, string][] = [["accept", "*/*"], ["accept-language", "*"], ["sec-fetch-mode", "cors"], ["user-agent", "node"], ["accept-encoding", "gzip, deflate"]];
  for (const [name, value] of defaults) if (!asked.headers.has(name)) headers.push([name, value]);
  try {
    return await exchange({ method, url, headers, body, signal }, turn);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw failed(causeOf(error, url));
  }
}

function causeOf(error: unknown, url: URL): unknown {
  const { code } = error as { code?: string };
  const port = Number(url.port === "" ? 80 : url.port);
  if (code === "ECONNREFUSED") return addressError("ECONNREFUSED", "connect", localAddress(url.hostname)?.address ?? "127.0.0.1", port);
  if (code === "ECONNRESET") return systemError("ECONNRESET", "read");
  if (code === "UND_ERR_SOCKET") return Object.assign(new Error("other side closed"), { name: "SocketError", code, socket: { remotePort: port, remoteFamily: "IPv4" } });
  return error;
}

const EMPTY = new Set([101, 204, 205, 304]);

function responseOf(answer: Answer, url: URL, redirected: boolean): Response {
  const headers = new Headers();
  for (const [name, value] of answer.headers) headers.append(name, value);
  const body = EMPTY.has(answer.status) ? null : decoded(answer, headers);
  const response = new Response(body, { status: answer.status === 101 ? 200 : answer.status, statusText: answer.reason, headers });
  const cookies = answer.headers.filter(([name]) => name.toLowerCase() === "set-cookie").map(([, value]) => value);
  // A browser's Response hides cookies and knows no URL of its own.
  Object.defineProperties(response, { url: { value: url.href.replace(/#.*$/, "") }, redirected: { value: redirected }, type: { value: "basic" } });
  if (cookies.length > 0) withCookies(response.headers, cookies);
  return response;
}

function withCookies(headers: Headers, cookies: readonly string[]): void {
  const get = headers.get.bind(headers);
  const has = headers.has.bind(headers);
  const isCookie = (name: unknown): boolean => String(name).toLowerCase() === "set-cookie";
  Object.assign(headers, {
    getSetCookie: () => [...cookies],
    get: (name: string) => (isCookie(name) ? cookies.join(", ") : get(name)),
    has: (name: string) => isCookie(name) || has(name),
  });
}

function decoded(answer: Answer, headers: Headers): ReadableStream<Uint8Array> {
  const coding = headers.get("content-encoding")?.toLowerCase();
  if (coding !== "gzip" && coding !== "deflate" && coding !== "x-gzip") return answer.body;
  return answer.body.pipeThrough(new DecompressionStream(coding === "deflate" ? "deflate" : "gzip") as unknown as ReadableWritablePair<Uint8Array, Uint8Array>);
}

async function outside(request: Request, input: RequestInfo | URL, url: URL): Promise<Response> {
  try {
    return await browserFetch(request);
  } catch (error) {
    if (request.signal.aborted) throw request.signal.reason;
    if (!/^https?:$/.test(url.protocol)) throw failed(input instanceof Request || /^(data|blob):$/.test(url.protocol) ? error : new Error("unknown scheme"));
    const cause = new Error(`connect ECONNREFUSED ${url.host}: requests to other machines go through the browser in the local WebContainer engine, and the network policy of this container, the server's CORS rules or the network did not let this one pass`);
    throw failed(Object.assign(cause, { errno: -111, code: "ECONNREFUSED", syscall: "connect", hostname: url.hostname }));
  }
}
