import dns from "node:dns";
import https from "node:https";
import tls from "node:tls";

console.log((await dns.promises.lookup("localhost", { family: 4 })).address, (await dns.promises.lookup("127.0.0.1")).family);
dns.lookup("127.0.0.1", (error, address, family) => console.log(error, address, family));
console.log(typeof https.request, typeof https.Agent, typeof tls.connect, https.globalAgent instanceof https.Agent, tls.DEFAULT_MIN_VERSION);
