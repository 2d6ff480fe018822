import fs from "node:fs";
import { access, appendFile, copyFile, cp, mkdir, mkdtemp, open, opendir, readFile, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";

await mkdir("work/sub", { recursive: true });
await writeFile("work/a.txt", "line 1\nline 2\nline 3\n");
await appendFile("work/a.txt", "line 4\n");
console.log(await readFile("work/a.txt", "utf8"));
await copyFile("work/a.txt", "work/b.txt");
await rename("work/b.txt", "work/sub/c.txt");
await symlink("sub", "work/link");
console.log((await readdir("work")).sort(), (await stat("work/link")).isDirectory());
console.log(await access("work/none").catch((error) => [error.code, error.path, error.errno]));
const names = [];
for await (const entry of await opendir("work")) names.push(`${entry.name} ${entry.isDirectory()}`);
console.log(names.sort());

const file = await open("work/a.txt", "r+");
for await (const line of file.readLines({ autoClose: false })) console.log("read", line);
const { bytesWritten } = await file.write("LINE", 0);
const { bytesRead, buffer } = await file.read(Buffer.alloc(6), 0, 6, 0);
console.log(bytesWritten, bytesRead, buffer.toString(), (await file.stat()).size);
await file.truncate(4);
await file.close();
console.log(await readFile("work/a.txt", { encoding: "utf8" }));
await writeFile("work/iterated", (async function* () { yield "one "; yield "two"; })());
console.log(await readFile("work/iterated", "utf8"));
await cp("work", "copied", { recursive: true });
console.log((await readdir("copied")).sort());
console.log((await mkdtemp("work/t-")).startsWith("work/t-"));
await rm("copied", { recursive: true });
await rm("work", { recursive: true, force: true });

const abort = new AbortController();
abort.abort();
await readFile("main.mjs", { signal: abort.signal }).catch((error) => console.log(error.name, error.code));

fs.mkdir("called", (error) => {
  console.log("mkdir", error);
  fs.writeFile("called/x", "x", (error) => {
    console.log("writeFile", error);
    fs.readFile("called/x", "utf8", (error, text) => {
      console.log("readFile", error, text);
      fs.readdir("called", (error, names) => {
        console.log("readdir", error, names);
        fs.stat("called/none", (error, stat) => {
          console.log("stat", error.code, stat);
          fs.exists("called", (there) => {
            console.log("exists", there);
            fs.rm("called", { recursive: true }, (error) => console.log("rm", error));
          });
        });
      });
    });
  });
});
console.log("callbacks come later");
