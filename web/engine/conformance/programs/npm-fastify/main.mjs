import Fastify from "fastify";

const app = Fastify();
app.addHook("onRequest", async (request, reply) => { reply.header("x-hook", "ran"); });
app.get("/hello/:name", { schema: { params: { type: "object", properties: { name: { type: "string", minLength: 2 } } }, response: { 200: { type: "object", properties: { hello: { type: "string" } } } } } }, async (request) => ({ hello: request.params.name, hidden: true }));
app.post("/sum", { schema: { body: { type: "object", required: ["a", "b"], properties: { a: { type: "number" }, b: { type: "number" } } } } }, async ({ body }) => ({ sum: body.a + body.b }));
app.get("/fails", async () => { throw new Error("failed"); });
app.register(async (child) => { child.get("/", async () => "in a plugin"); }, { prefix: "/plugin" });
const injected = await app.inject("/hello/injected");
console.log(injected.statusCode, injected.json());
await app.listen({ port: 0, host: "127.0.0.1" });
const base = `http://127.0.0.1:${app.server.address().port}`;
const post = (body) => ({ method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
for (const [path, options] of [["/hello/world"], ["/hello/x"], ["/sum", post({ a: 1, b: 2 })], ["/sum", post({ a: "no" })], ["/fails"], ["/plugin"], ["/nothing"]]) {
  const response = await fetch(base + path, options);
  console.log(path, response.status, response.headers.get("x-hook"), response.headers.get("content-type"), await response.text());
}
app.server.closeAllConnections();
await app.close();
