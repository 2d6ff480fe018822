import express from "express";
import { once } from "node:events";

const app = express();
app.use(express.json());
app.use((request, response, next) => { response.set("X-Middleware", "yes"); next(); });
app.get("/", (request, response) => response.send("<h1>home</h1>"));
app.get("/users/:id", (request, response) => response.json({ id: request.params.id, query: request.query }));
app.post("/items", (request, response) => response.status(201).json({ got: request.body }));
app.get("/cookie", (request, response) => response.cookie("name", "value", { httpOnly: true }).redirect("/"));
app.get("/fails", async () => { throw new Error("in a handler"); });
app.use("/static", express.static("public", { etag: false, lastModified: false }));
const router = express.Router();
router.get("/inner", (request, response) => response.send(`inner of ${request.baseUrl}`));
app.use("/router", router);
app.use((error, request, response, next) => response.status(500).send(`handled: ${error.type ?? error.message}`));

const server = app.listen(0);
await once(server, "listening");
const base = `http://localhost:${server.address().port}`;
const ask = async (path, options) => {
  const response = await fetch(base + path, { redirect: "manual", ...options });
  console.log(path, response.status, response.headers.get("content-type"), response.headers.get("x-middleware"), response.headers.get("location"), response.headers.get("set-cookie"), response.headers.get("etag"), await response.text());
};
await ask("/");
await ask("/users/42?sort=up&list=1&list=2");
await ask("/items", { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"a":[1,2]}' });
await ask("/cookie");
await ask("/fails");
await ask("/static/page.txt");
await ask("/router/inner");
await ask("/nothing", { headers: { Accept: "application/json" } });
await ask("/items", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{broken" });
server.close();
server.closeAllConnections();
