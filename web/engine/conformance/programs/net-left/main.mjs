// Neither end may keep the process alive.
import net from "node:net";
import { once } from "node:events";

const server = net.createServer(() => undefined).listen(0);
await once(server, "listening");
const given = net.connect(server.address().port);
given.destroy();
await once(given, "close");
console.log("given up", given.destroyed, given.connecting);
const late = net.connect(server.address().port);
late.on("error", () => undefined);
process.nextTick(() => {
  server.close(() => console.log("server closed"));
  late.destroy();
});
process.on("exit", (code) => console.log("over", code));
