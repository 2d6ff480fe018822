import { once } from "node:events";
import WebSocket, { WebSocketServer } from "ws";

const server = new WebSocketServer({ port: 0 });
server.on("connection", (socket, request) => {
  socket.on("message", (data, binary) => socket.send(binary ? Buffer.from(data).reverse() : `${request.url} ${data}`));
});
await once(server, "listening");
const client = new WebSocket(`ws://localhost:${server.address().port}/path`);
await once(client, "open");
client.send("hello");
console.log(String((await once(client, "message"))[0]));
client.send(Buffer.from([1, 2, 3]));
console.log((await once(client, "message"))[0]);
client.send("x".repeat(100_000));
console.log((await once(client, "message"))[0].length);
client.ping();
await once(client, "pong");
client.close(1000, "done");
const [code, reason] = await once(client, "close");
console.log(code, String(reason));
server.close();
