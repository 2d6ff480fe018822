const fs = require("fs");
const path = require("path");

fs.mkdirSync("work/deep/er", { recursive: true });
fs.writeFileSync("work/a.txt", "first\n");
fs.appendFileSync("work/a.txt", "second\n");
console.log(JSON.stringify(fs.readFileSync("work/a.txt", "utf8")));
fs.writeFileSync("work/bytes.bin", Buffer.from([0, 255, 128, 10, 13]));
console.log(fs.readFileSync("work/bytes.bin"));
fs.copyFileSync("work/a.txt", "work/deep/b.txt");
fs.renameSync("work/deep/b.txt", "work/deep/er/c.txt");
fs.symlinkSync("a.txt", "work/link");
console.log(fs.readlinkSync("work/link"), fs.lstatSync("work/link").isSymbolicLink(), fs.statSync("work/link").isFile());
console.log(fs.readdirSync("work").sort());
console.log(fs.readdirSync("work", { withFileTypes: true }).map((e) => [e.name, e.isDirectory(), e.isFile(), e.isSymbolicLink()]).sort());
console.log(fs.readdirSync("work", { recursive: true }).sort());
console.log(path.basename(fs.realpathSync("work/link")));
const stat = fs.statSync("work/a.txt");
console.log(stat.size, stat.isDirectory(), stat.mtime instanceof Date, typeof stat.mtimeMs, typeof stat.ino);
fs.chmodSync("work/a.txt", 0o640);
console.log((fs.statSync("work/a.txt").mode & 0o777).toString(8));
fs.utimesSync("work/a.txt", 1000, 2000);
console.log(fs.statSync("work/a.txt").mtime.toISOString());
fs.truncateSync("work/a.txt", 3);
console.log(fs.readFileSync("work/a.txt", { encoding: "utf8" }));

const handle = fs.openSync("work/random", "w+");
console.log(fs.writeSync(handle, "0123456789"), fs.writeSync(handle, Buffer.from("AB"), 0, 2, 4));
const bytes = Buffer.alloc(6);
console.log(fs.readSync(handle, bytes, 0, 6, 2), bytes.toString());
console.log(fs.fstatSync(handle).size);
fs.ftruncateSync(handle, 5);
fs.closeSync(handle);
console.log(fs.readFileSync("work/random", "latin1"));

console.log(fs.existsSync("work/none"), fs.existsSync("work"));
for (const attempt of [
  () => fs.readFileSync("work/none"),
  () => fs.mkdirSync("work"),
  () => fs.rmdirSync("work"),
  () => fs.readFileSync("work"),
  () => fs.readdirSync("work/a.txt"),
  () => fs.openSync("work/a.txt", "wx"),
  () => fs.accessSync("work/none"),
  () => fs.rmSync("work/none"),
  () => fs.rmSync("work"),
  () => fs.unlinkSync("work/none"),
  () => fs.readSync(999, bytes),
  () => fs.readFileSync({}),
  () => fs.writeFileSync("work/none/x", ""),
]) {
  try {
    attempt();
    console.log("no error");
  } catch (error) {
    console.log(error.name, error.code, error.syscall, error.message);
  }
}
fs.rmSync("work/none", { force: true });
console.log(path.basename(fs.mkdtempSync("work/tmp-")).length);
fs.cpSync("work", "copy", { recursive: true });
console.log(fs.existsSync("copy/deep/er/c.txt"));
fs.rmSync("work", { recursive: true });
fs.rmSync("copy", { recursive: true });
console.log(fs.existsSync("work"));
