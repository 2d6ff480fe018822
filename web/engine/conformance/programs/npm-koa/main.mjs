import Koa from "koa";
import { once } from "node:events";
import { Readable } from "node:stream";

const app = new Koa();
app.use(async (context, next) => {
  await next();
  context.set("X-Order", "outer");
});
app.use(async (context) => {
  if (context.path === "/json") context.body = { query: context.query, method: context.method };
  else if (context.path === "/stream") context.body = Readable.from(["streamed ", "body"]);
  else if (context.path === "/throws") context.throw(418, "teapot");
  else if (context.path === "/text") { context.cookies.set("a", "b"); context.body = "text"; }
});
app.silent = true;
const server = app.listen(0);
await once(server, "listening");
for (const path of ["/json?a=1", "/stream", "/throws", "/text", "/nothing"]) {
  const response = await fetch(`http://localhost:${server.address().port}${path}`);
  console.log(path, response.status, response.headers.get("content-type"), response.headers.get("x-order"), response.headers.get("set-cookie"), await response.text());
}
server.close();
server.closeAllConnections();
