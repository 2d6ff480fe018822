/** Requests of a preview's pages: which of them the worker can serve as the tunnel does, and their bytes. */

import { PLACES } from "./protocol.ts";

/**
 * Whether the worker may take a request; the others go to the network untouched. What it leaves, and why:
 *
 * - other origins, and paths of the preview's own pages;
 * - navigations: only the browser knows who has led there, and heeds all that a document's headers say;
 * - ranges and validators, which the browser and its cache check against what they hold;
 * - prefetches, which no worker can tell from `fetch` but by their header: they ask for documents;
 * - empty headers: Chromium 156 shows workers no value that has other letters than ASCII's;
 * - event streams: a browser may end a worker that answers for minutes.
 */
export function suits(request: Request, origin: string): boolean {
  const url = new URL(request.url);
  if (url.origin !== origin || url.pathname.startsWith(PLACES.OWN)) return false;
  if (request.mode === "navigate" || request.cache === "only-if-cached") return false;
  if (["range", "if-range", "if-none-match", "if-modified-since", "purpose", "sec-purpose"].some((name) => request.headers.has(name))) return false;
  if ([...request.headers.values()].includes("")) return false;
  return !(request.headers.get("accept") ?? "").includes("text/event-stream");
}

/** What the network adds for a mode of the cache (Fetch, "HTTP-network-or-cache fetch"). */
const OF_THE_CACHE: Readonly<Partial<Record<RequestCache, readonly [string, string][]>>> = {
  "no-cache": [["cache-control", "max-age=0"]],
  "no-store": [["cache-control", "no-cache"], ["pragma", "no-cache"]],
  reload: [["cache-control", "no-cache"], ["pragma", "no-cache"]],
};

/**
 * What of a request the network adds after workers have seen it, and a worker can know. It cannot know
 * `Sec-Fetch-Storage-Access`, by which a browser tells whether it would send cookies from elsewhere.
 */
function added(request: Request, host: string, size: number | null): [string, string][] {
  const { headers, method, mode, destination, referrer } = request;
  const more: [string, string][] = [
    ["host", host],
    ["user-agent", navigator.userAgent],
    ["accept", "*/*"],
    ["accept-language", languages(navigator.languages)],
    // What the browser would decode is not all that a worker can.
    ["accept-encoding", "identity"],
    ["sec-fetch-mode", mode],
    ["sec-fetch-dest", destination === "" ? "empty" : destination],
    ["sec-fetch-site", "same-origin"],
    ...(OF_THE_CACHE[request.cache] ?? []),
  ];
  if (method !== "GET" && method !== "HEAD") more.push(["origin", new URL(request.url).origin]);
  if (referrer !== "" && referrer !== "about:client") more.push(["referer", referrer]);
  if (size !== null) more.push(["content-length", String(size)]);
  return more.filter(([name]) => !headers.has(name));
}

/** `Accept-Language` as Chromium writes it: each less wanted than the one before. */
export function languages(names: readonly string[]): string {
  return names.map((name, at) => (at === 0 ? name : `${name};q=${Math.max(1, 10 - at) / 10}`)).join(",");
}

/** The first line and the headers of a request as bytes; `size` is that of its body, null when it has none. */
export function head(request: Request, size: number | null): Uint8Array {
  const url = new URL(request.url);
  const lines = [`${request.method} ${url.pathname}${url.search} HTTP/1.1`];
  for (const [name, value] of [...added(request, url.host, size), ...request.headers]) lines.push(`${name}: ${value}`);
  lines.push("connection: close");
  // Headers are bytes, which strings hold one by one.
  return Uint8Array.from(`${lines.join("\r\n")}\r\n\r\n`, (letter) => letter.charCodeAt(0));
}
