import http from "node:http";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";

const server = http.createServer(async (request, response) => {
  if (request.url === "/redirect") return response.writeHead(302, { Location: "/json?redirected" }).end();
  if (request.url.startsWith("/json")) return response.setHeader("Content-Type", "application/json").end(JSON.stringify({ url: request.url, method: request.method, body: await text(request), type: request.headers["content-type"], own: request.headers["x-own"] }));
  if (request.url === "/gzip") return response.writeHead(200, { "Content-Encoding": "gzip" }).end(gzipSync("unpacked"));
  if (request.url === "/slow") return setTimeout(() => response.end("late"), 5000).unref();
  if (request.url === "/stream") { response.write("a"); setTimeout(() => response.end("b"), 10); return; }
  response.writeHead(404, { "X-Why": "nothing here" }).end("no");
});
server.listen(0);
await once(server, "listening");
const base = `http://localhost:${server.address().port}`;

const got = await fetch(`${base}/json`, { headers: { "X-Own": "yes" } });
console.log(got.status, got.ok, got.headers.get("content-type"), await got.json());
console.log(await (await fetch(`${base}/json`, { method: "POST", body: JSON.stringify({ a: 1 }), headers: { "Content-Type": "application/json" } })).json());
console.log(await (await fetch(`${base}/json`, { method: "PUT", body: new URLSearchParams({ x: "1 2" }) })).json());
const redirected = await fetch(`${base}/redirect`);
console.log(redirected.redirected, redirected.url === `${base}/json?redirected`, (await fetch(`${base}/redirect`, { redirect: "manual" })).status);
console.log(await (await fetch(`${base}/gzip`)).text());
const missing = await fetch(`${base}/none`);
console.log(missing.status, missing.statusText, missing.headers.get("x-why"), await missing.text());
await fetch(`${base}/slow`, { signal: AbortSignal.timeout(30) }).catch((error) => console.log(error.name));
let streamed = "";
for await (const part of (await fetch(`${base}/stream`)).body) streamed += Buffer.from(part);
console.log(streamed);
const form = new FormData();
form.set("name", "value");
form.set("file", new Blob(["content"]), "f.txt");
const posted = await (await fetch(`${base}/json`, { method: "POST", body: form })).json();
console.log(posted.type.startsWith("multipart/form-data; boundary="), posted.body.includes('filename="f.txt"'));
console.log(new Headers([["a", "1"], ["A", "2"]]).get("a"), new Request(`${base}/x`, { method: "post" }).method, await new Response("body", { status: 201 }).text());
server.closeAllConnections();
server.close();
await once(server, "close");
const gone = http.createServer().listen(0);
await once(gone, "listening");
const { port } = gone.address();
gone.close();
await once(gone, "close");
await fetch(`http://127.0.0.1:${port}`).catch((error) => console.log(error.name, error.message, error.cause.code));
