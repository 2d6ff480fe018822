import http from "node:http";
import { once } from "node:events";
import { buffer, text } from "node:stream/consumers";

const server = http.createServer(async (request, response) => {
  const { method, url } = request;
  if (url === "/echo") {
    response.writeHead(201, "Made", { "X-Method": method, "Set-Cookie": ["a=1", "b=2"] });
    response.end(await buffer(request));
  } else if (url === "/chunks") {
    response.setHeader("Trailer", "X-Sum");
    for (const part of ["one ", "two ", "three"]) response.write(part);
    response.addTrailers({ "X-Sum": "3" });
    response.end();
  } else if (url === "/none") {
    response.statusCode = 204;
    response.end();
  } else if (url === "/hangs up") {
    request.socket.destroy();
  } else {
    response.end(JSON.stringify({ method, url, headers: { host: Boolean(request.headers.host), "x-two": request.headers["x-two"] }, raw: request.rawHeaders.includes("X-Two"), version: request.httpVersion, complete: request.complete }));
  }
});
server.on("clientError", (error, socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port, family, address } = server.address();
console.log(port > 0, family, address, server.listening);

function ask(path, options = {}, body = undefined) {
  return new Promise((done, failed) => {
    const request = http.request({ port, path, ...options }, async (response) => {
      const got = await text(response);
      done([response.statusCode, response.statusMessage, response.headers["set-cookie"], response.headers["transfer-encoding"], response.headers["content-length"], response.trailers, got]);
    });
    request.on("error", failed);
    request.end(body);
  });
}
console.log(await ask("/plain?x=1", { headers: { "X-Two": ["p", "q"] } }));
console.log(await ask("/echo", { method: "POST", headers: { "Content-Type": "text/plain" } }, "posted ü"));
console.log(await ask("/echo", { method: "PUT" }, Buffer.alloc(300_000, "x")).then((answer) => answer.map((part) => (typeof part === "string" ? part.length : part))));
console.log(await ask("/chunks"), await ask("/none"), await ask("/", { method: "HEAD" }));
await ask("/hangs%20up", { method: "DELETE" }).then((answer) => console.log(answer[0]));
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
let connections = 0;
server.on("connection", () => connections++);
for (let n = 0; n < 3; n++) await ask("/kept", { agent });
console.log("connections", connections);
agent.destroy();
http.get(`http://localhost:${port}/got`, async (response) => {
  console.log(response.constructor.name, JSON.parse(await text(response)).url);
  const aborted = http.get({ port, path: "/aborted" });
  aborted.on("error", (error) => console.log(error.code, aborted.destroyed));
  aborted.destroy();
  server.close(async () => {
    console.log("closed", server.listening);
    await ask("/").catch((error) => console.log(error.code, error.syscall));
    console.log(http.STATUS_CODES[418], http.METHODS.includes("PATCH"));
    try { http.request({ path: "/a b" }); } catch (error) { console.log(error.code); }
    try { new http.ServerResponse({ method: "GET" }).setHeader("bad name", "x"); } catch (error) { console.log(error.code, error.message); }
  });
  server.closeIdleConnections();
});
