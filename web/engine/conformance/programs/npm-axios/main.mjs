import axios from "axios";
import http from "node:http";
import { once } from "node:events";
import { text } from "node:stream/consumers";

const server = http.createServer(async (request, response) => {
  if (request.url === "/moved") return response.writeHead(301, { Location: "/data" }).end();
  if (request.url === "/bad") return response.writeHead(400, { "Content-Type": "application/json" }).end('{"why":"bad"}');
  if (request.url === "/slow") return;
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ url: request.url, method: request.method, body: await text(request), own: request.headers["x-own"], type: request.headers["content-type"] }));
});
server.listen(0);
await once(server, "listening");
const client = axios.create({ baseURL: `http://localhost:${server.address().port}`, headers: { "X-Own": "set" } });
client.interceptors.response.use((response) => ({ ...response, seen: true }));
const got = await client.get("/data", { params: { a: 1, list: [1, 2] } });
console.log(got.status, got.data, got.seen, got.headers["content-type"]);
console.log((await client.post("/data", { json: true })).data, (await client.put("/data", new URLSearchParams({ x: "y" }))).data);
console.log((await client.get("/moved")).data.url);
await client.get("/bad").catch((error) => console.log(error.code, error.response.status, error.response.data, error.message));
await client.get("/slow", { timeout: 30 }).catch((error) => console.log(error.code, error.message));
console.log(typeof (await client.get("/data", { responseType: "stream" })).data.pipe, (await client.get("/data", { responseType: "arraybuffer" })).data.length > 10);
server.closeAllConnections();
server.close();
await once(server, "close");
// A connection of its own: whether a kept one has heard of its end by then is chance, on Node too.
await client.get("/data", { httpAgent: new http.Agent() }).catch((error) => console.log(error.code));
