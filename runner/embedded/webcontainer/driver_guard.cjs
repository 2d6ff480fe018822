// Preloaded into Playwright's driver: ends it, and with it the browser, when whoever started it is gone; and keeps its
// secret path secret.
"use strict";
const { ChildProcess } = require("node:child_process");
const { rmSync } = require("node:fs");
const { Server } = require("node:http");

// The driver tells its path to whoever asks for /json. Its clients come by WebSocket, so nobody need ask for anything.
const { emit } = Server.prototype;
Server.prototype.emit = function guarded(event, ...rest) {
  if (event !== "request") return emit.call(this, event, ...rest);
  rest[1].writeHead(404, { connection: "close" }).end();
  return true;
};

// At SIGTERM the driver ends its browser, but not itself.
let ending = false;
const children = new Set();
const leave = () => {
  if (ending && children.size === 0) process.exit(0);
};
const { spawn } = ChildProcess.prototype;
ChildProcess.prototype.spawn = function counted(...rest) {
  children.add(this);
  const over = () => {
    children.delete(this);
    setImmediate(leave); // the driver hears of it first
  };
  this.once("exit", over).once("error", over);
  return spawn.apply(this, rest);
};

process.stdin.on("close", () => {
  ending = true;
  // Whoever would have removed its files may have been killed.
  process.on("exit", () => rmSync(process.env.RUNNER_BROWSER_FOLDER, { recursive: true, force: true, maxRetries: 3 }));
  process.kill(process.pid, "SIGTERM");
  setImmediate(leave);
  setTimeout(() => process.exit(1), 3000);
});
process.stdin.on("error", () => undefined);
process.stdin.resume();
// It must not keep a driver alive whose browser has ended.
process.stdin.unref();
