import { AsyncLocalStorage } from "node:async_hooks";
import { execFile, spawn } from "node:child_process";
import dns from "node:dns";
import http from "node:http";
import net from "node:net";

const als = new AsyncLocalStorage();
const lines = [];
const log = (...words) => lines.push([...words, als.getStore()].join(" "));
const inside = (store, body) => als.run(store, () => new Promise(body));

let count = 0;
const server = http.createServer((request, response) => {
  log("request", request.url);
  if (request.url !== "/fetch") response.on("finish", () => log("finish", request.url)).on("close", () => log("response closed", request.url));
  als.run(`answer ${++count}`, () => {
    request.resume();
    request.on("end", () => setTimeout(() => response.end(als.getStore()), 5));
  });
});
await inside("listen", (done) => server.listen(0, () => (log("listening"), done())));
const { port } = server.address();

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = (path, store) => inside(store, (done) => {
  const request = http.request({ port, path, agent, method: "POST" }, (response) => {
    log("response", path);
    response.on("data", () => log("data", path));
    response.on("end", () => log("end", path));
    response.on("close", () => (log("close", path), done()));
  });
  for (const name of ["socket", "finish", "close"]) request.on(name, () => log("request", name, path));
  request.end("x");
});
await Promise.all([ask("/a", "A"), ask("/b", "B")]);
await ask("/c", "C");
await als.run("fetcher", async () => log("fetch", await (await fetch(`http://localhost:${port}/fetch`)).text()));
await inside("error", (done) => http.get({ port: 1, agent }).on("error", (error) => (log(error.code), done())));
agent.destroy();
server.closeAllConnections();
server.close();

await inside("file", (done) => execFile("node", ["-p", "1"], (_, output) => (log("execFile", output.trim()), done())));
await inside("child", (done) => {
  const child = spawn("node", ["-p", "2"]);
  child.stdout.on("data", (data) => log("output", String(data).trim()));
  child.on("exit", () => log("exit"));
  child.on("close", () => (log("child closed"), done()));
});
await inside("name", (done) => dns.lookup("localhost", () => (log("lookup"), done())));
await inside("net server", (done) => {
  const other = net.createServer((socket) => {
    log("connection");
    socket.resume();
    socket.end("bye");
    other.close();
  });
  other.listen(0, () => als.run("net client", () => {
    const socket = net.connect(other.address().port, () => log("connect"));
    socket.on("data", () => log("socket data"));
    socket.on("close", () => (log("socket closed"), done()));
    socket.write("hi");
  }));
});
console.log(lines.sort().join("\n"));
