// A small express application, whoever serves it.
const express = require("express");

const app = express();
app.use(express.json());
app.get("/", (request, response) => {
  response.type("html").send("<!doctype html><title>greeter</title><h1>Hello from express</h1>\n");
});
app.get("/greet/:name", (request, response) => {
  response.cookie("last", request.params.name);
  response.json({ greeting: `Hello, ${request.params.name}!` });
});
app.post("/sum", (request, response) => {
  response.status(201).json({ sum: request.body.numbers.reduce((sum, number) => sum + number, 0) });
});

module.exports = app;
