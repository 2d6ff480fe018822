import net from "node:net";
import { once } from "node:events";
import { text } from "node:stream/consumers";

const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  console.log("connection", typeof socket.remotePort);
  socket.on("data", (data) => socket.write(String(data).toUpperCase()));
  socket.on("end", () => { console.log("client ended"); socket.end("bye"); });
});
server.listen(0);
await once(server, "listening");
const { port } = server.address();
const socket = net.connect({ port, host: "localhost" });
await once(socket, "connect");
console.log(socket.connecting, socket.readyState, socket.remotePort === port);
socket.write("hello ");
socket.end("there");
console.log(await text(socket), socket.bytesWritten, socket.destroyed);

const idle = net.connect(port);
await once(idle, "connect");
idle.setTimeout(20);
await once(idle, "timeout");
console.log("timeout");
idle.destroy();
server.getConnections((error, count) => console.log(error, typeof count));
server.close();
await once(server, "close");
const refused = net.connect(port);
const [error] = await once(refused, "error");
console.log(error.code, error.syscall, error.port === port);

const one = net.createServer().listen(0);
await once(one, "listening");
const two = net.createServer().listen(one.address().port);
const [inUse] = await once(two, "error");
console.log(inUse.code, inUse.syscall);
one.close();
console.log(net.isIP("127.0.0.1"), net.isIP("::1"), net.isIP("x"), net.isIPv4("1.2.3.4"), new net.BlockList().check("1.2.3.4"));
