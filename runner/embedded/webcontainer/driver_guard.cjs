// Preloaded into Playwright's driver: ends it, and with it the browser, when whoever started it is gone.
"use strict";
process.stdin.on("close", () => {
  process.kill(process.pid, "SIGTERM");
  setTimeout(() => process.exit(1), 3000);
});
process.stdin.on("error", () => undefined);
process.stdin.resume();
// It must not keep a driver alive whose browser has ended.
process.stdin.unref();
