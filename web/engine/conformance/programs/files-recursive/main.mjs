import { mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";

await mkdir("work/sub", { recursive: true });
await writeFile("work/sub/c.txt", "");
await symlink("sub", "work/link");
console.log((await readdir("work", { recursive: true })).sort());
await rm("work", { recursive: true });
