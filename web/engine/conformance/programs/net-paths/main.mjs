import net from "node:net";
import { once } from "node:events";
import { text } from "node:stream/consumers";

const local = net.createServer((peer) => peer.end("over a path")).listen("./socket");
await once(local, "listening");
console.log(await text(net.connect("./socket")), local.address().endsWith("socket"));
local.close();
