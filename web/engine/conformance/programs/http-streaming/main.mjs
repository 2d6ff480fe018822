import http from "node:http";
import net from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

const server = http.createServer(async (request, response) => {
  if (request.url === "/events") {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    for (let n = 0; n < 3; n++) {
      response.write(`data: ${n}\n\n`);
      await sleep(10);
    }
    response.end();
  } else if (request.url === "/upload") {
    let size = 0;
    for await (const chunk of request) size += chunk.length;
    response.end(String(size));
  } else {
    request.on("close", () => {
      console.log("server saw the close", response.writableEnded);
      server.emit("given up");
    });
  }
});
server.on("upgrade", (request, socket, head) => {
  socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n");
  socket.on("data", (data) => socket.end(`echo ${data}`));
});
server.on("checkContinue", (request, response) => {
  response.writeContinue();
  request.resume().on("end", () => response.end("continued"));
});
server.listen(0);
await once(server, "listening");
const { port } = server.address();

const [events] = await once(http.get({ port, path: "/events" }), "response");
const parts = [];
for await (const part of events) parts.push(String(part));
console.log(parts.length >= 2, parts.join(""), events.headers["content-type"]);

const upload = http.request({ port, path: "/upload", method: "POST" });
for (let n = 0; n < 20; n++) if (!upload.write(Buffer.alloc(50_000))) await once(upload, "drain");
upload.end();
console.log(String(await (await once(upload, "response"))[0].toArray()));

const expecting = http.request({ port, method: "POST", headers: { Expect: "100-continue" } });
expecting.flushHeaders();
await once(expecting, "continue");
expecting.end("body");
console.log(String(await (await once(expecting, "response"))[0].toArray()));

const upgrade = http.request({ port, headers: { Connection: "Upgrade", Upgrade: "echo" } });
upgrade.end();
const [response, socket] = await once(upgrade, "upgrade");
socket.write("hello");
console.log(response.statusCode, String((await once(socket, "data"))[0]));

const givenUp = once(server, "given up");
const hanging = http.get({ port, path: "/hang", timeout: 200 });
hanging.on("timeout", () => { console.log("timeout"); hanging.destroy(new Error("gave up")); });
await once(hanging, "response").catch((error) => console.log(error.message));
await givenUp;

const raw = net.connect(port);
raw.write("GET /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
let answer = "";
for await (const data of raw) answer += data;
console.log(answer.split("\r\n")[0], answer.includes("Transfer-Encoding: chunked"), answer.endsWith("0\r\n\r\n"));

class Asked extends http.Agent {
  createSocket(request, options, done) {
    console.log("asked for", request.path, options.port === port);
    super.createSocket(request, options, done);
  }
}
const [got] = await once(http.get({ port, path: "/events", agent: new Asked() }), "response");
let read = 0;
for await (const data of got) read += data.length;
console.log(read, got.socket.bytesRead > read, http.ServerResponse.prototype.statusCode, got.req.errored);
server.closeAllConnections();
server.close(() => console.log("closed"));
