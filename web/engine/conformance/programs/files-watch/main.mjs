import fs from "node:fs";

fs.mkdirSync("watched");
fs.writeFileSync("watched/gone.txt", "1");
const seen = new Set();
const watcher = fs.watch("watched", (event, name) => {
  seen.add(`${event} ${name}`);
  if (seen.has("change new.txt") && seen.has("rename gone.txt")) watcher.close();
});
watcher.on("close", () => {
  console.log([...seen].sort());
  fs.rmSync("watched", { recursive: true });
});
setTimeout(() => {
  fs.writeFileSync("watched/new.txt", "1");
  setTimeout(() => fs.rmSync("watched/gone.txt"), 100);
}, 100);
