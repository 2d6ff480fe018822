/** The genuine client's protocol, spoken with Comlink over a MessageChannel as the client does, with scripted processes. */

import * as Comlink from "comlink";
import { decode, encode } from "@msgpack/msgpack";
import { afterEach, describe, expect, it, vi } from "vitest";
import { instance } from "../../src/frame/client/instance.ts";
import { Kernel } from "../../src/frame/kernel.ts";
import type { PostToServer } from "../../src/frame/calls/outside.ts";
import { PreviewSettings } from "../../src/frame/preview-settings.ts";
import { Workers, type Programs } from "./scripted.ts";

interface Process {
  onExit: Promise<number>;
  write(text: string): Promise<void>;
  kill(): Promise<void>;
  resize(size: { cols: number; rows: number }): Promise<void>;
}

type Callback = (...values: unknown[]) => void;

interface Client {
  runtimeInfo(): Promise<{ path: string; cwd: string }>;
  fs(): Promise<Record<string, (...args: unknown[]) => Promise<unknown>>>;
  on(name: string, listener: Callback): Promise<() => void>;
  loadFiles(data: Uint8Array, options?: { mountPoints?: string }): Promise<void>;
  serialize(path: string, options: object): Promise<Uint8Array>;
  run(request: object, stdout?: Callback, stderr?: Callback, output?: Callback): Promise<Process>;
  setPreviewScript(source: string, options?: object): Promise<void>;
  setCredentials(credentials: object): Promise<void>;
  teardown(): Promise<void>;
}

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

function boot(programs: Programs = {}): { client: Client; kernel: Kernel; workers: Workers; posted: unknown[] } {
  const workers = new Workers(programs);
  const posted: unknown[] = [];
  const post: PostToServer = (name, body) => {
    posted.push([name, structuredClone(body)]);
    return Promise.resolve(new Uint8Array(0));
  };
  const kernel = new Kernel("/home/project", {
    makeWorker: workers.make,
    post,
    urlOf: (port) => `http://${port}--token.localhost:9/`,
  });
  const { port1, port2 } = new MessageChannel();
  Comlink.expose(instance(kernel, new PreviewSettings(post), () => undefined), port1);
  open.push(() => {
    kernel.close();
    port1.close();
    port2.close();
  });
  return { client: Comlink.wrap<object>(port2) as unknown as Client, kernel, workers, posted };
}

const text = (data: Uint8Array): string => new TextDecoder().decode(data);

async function run(client: Client, name: string, more: object = {}): Promise<{ process: Process; chunks: (string | null)[]; all: () => string }> {
  const chunks: (string | null)[] = [];
  const output = Comlink.proxy((data: unknown) => chunks.push(data === null ? null : text(data as Uint8Array)));
  const process = await client.run({ command: "node", args: [name], ...more }, undefined, undefined, output);
  return { process, chunks, all: () => chunks.filter((chunk) => chunk !== null).join("") };
}

const json = (tree: object): Uint8Array => new TextEncoder().encode(JSON.stringify(tree));

describe("files of the client", () => {
  it("are mounted from JSON and msgpack alike, with bytes, links and scripts", async () => {
    const { client, kernel } = boot();
    const script = "#!/usr/bin/env node\n";
    await client.loadFiles(json({ d: { a: { f: { c: "ä" } }, b: { f: { c: "\x00\xff", b: true } }, d: { d: { l: { f: { l: "../a" } } } } } }));
    await client.loadFiles(encode({ d: { bin: { f: { c: Uint8Array.of(0, 255) } }, s: { f: { c: script } }, x: { f: { c: "", x: true } }, d: { d: { n: { f: { c: "new" } } } } } }));
    const fs = await client.fs();
    expect(await fs.readFile?.("d/l", "utf8")).toBe("ä");
    expect(await fs.readFile?.("/b", "hex")).toBe("00ff");
    expect([...((await fs.readFile?.("bin")) as Uint8Array)]).toEqual([0, 255]);
    expect(await fs.readdir?.("d")).toEqual(["l", "n"]);
    const modes = ["a", "s", "x"].map((name) => kernel.volume.stat(`/home/project/${name}`).mode & 0o777);
    expect(modes).toEqual([0o644, 0o755, 0o755]);
  });

  it("are mounted below a folder that exists, and refused elsewhere or with names that lead out", async () => {
    const { client } = boot();
    const fs = await client.fs();
    await expect(client.loadFiles(json({ d: {} }), { mountPoints: "sub" })).rejects.toThrow("ENOENT: no such file or directory, mount '/home/project/sub'");
    await fs.mkdir?.("sub");
    await client.loadFiles(json({ d: { f: { f: { c: "1" } } } }), { mountPoints: "/sub" });
    expect(await fs.readFile?.("sub/f", "utf-8")).toBe("1");
    await expect(client.loadFiles(json({ d: { "../f": { f: { c: "1" } } } }))).rejects.toThrow("no name that a file can have");
    await expect(client.loadFiles(json({ f: {} }))).rejects.toThrow("no tree of files");
    await expect(client.loadFiles(json([]))).rejects.toThrow("neither JSON nor msgpack");
  });

  it("are read and written by the file API, below the work folder only", async () => {
    const { client, kernel } = boot();
    const fs = await client.fs();
    expect(await fs.mkdir?.("/x/y", { recursive: true })).toBe("/home/project/x");
    await fs.writeFile?.("x/../../../x/f", "aGk=", { encoding: "base64" });
    await fs.writeFile?.("x/g", Uint8Array.of(1));
    expect(text(kernel.volume.readFile("/home/project/x/f"))).toBe("hi");
    await fs.rename?.("x/f", "x/h");
    expect(await fs.readdir?.("x", { withFileTypes: true })).toEqual([
      { name: "g", "Symbol(type)": 1 },
      { name: "h", "Symbol(type)": 1 },
      { name: "y", "Symbol(type)": 2 },
    ]);
    expect(await fs.readdir?.("x", "buffer")).toEqual(["g", "h", "y"].map((name) => new TextEncoder().encode(name)));
    await expect(fs.rm?.("x")).rejects.toThrow("Path is a directory");
    await fs.rm?.("x", { recursive: true });
    await expect(fs.readFile?.("x/g")).rejects.toThrow("ENOENT: no such file or directory, open '/home/project/x/g'");
    await expect(fs.readFile?.("x", "klingon")).rejects.toThrow("ENOENT");
  });

  it("are watched until the watcher is closed", async () => {
    const { client } = boot();
    const fs = await client.fs();
    const events: unknown[] = [];
    const watcher = (await fs.watch?.("/", { recursive: true }, Comlink.proxy((...event: unknown[]) => events.push(event)))) as { close(): Promise<void> };
    await fs.mkdir?.("d");
    await fs.writeFile?.("d/f", "1");
    await vi.waitFor(() => expect(events).toEqual([["rename", "d"], ["rename", "d/f"], ["change", "d/f"]]));
    await watcher.close();
    await fs.writeFile?.("d/g", "1");
    await fs.readdir?.("/");
    expect(events).toHaveLength(3);
  });

  it("are exported as JSON, msgpack and zip, without what is excluded but with what is included", async () => {
    const { client } = boot();
    const tree = { d: { "a.txt": { f: { c: "ä" } }, b: { f: { c: "\xff", b: true } }, e: { d: {} }, l: { f: { l: "a.txt" } }, node_modules: { d: { p: { d: { "i.js": { f: { c: "1" } }, "keep.md": { f: { c: "k" } } } } } } } };
    await client.loadFiles(json(tree));
    expect(JSON.parse(text(await client.serialize("/", { format: "json" })))).toEqual(tree);
    const chosen = decode(await client.serialize(".", { format: "binary", excludes: ["node_modules", "l"], includes: ["**/*.md"] }));
    expect(chosen).toEqual({
      d: { "a.txt": { f: { c: new TextEncoder().encode("ä") } }, b: { f: { c: Uint8Array.of(255) } }, e: { d: {} }, node_modules: { d: { p: { d: { "keep.md": { f: { c: new TextEncoder().encode("k") } } } } } } },
    });
    await expect(client.serialize("none", {})).rejects.toThrow("ENOENT: no such file or directory, export '/home/project/none'");
    const zip = await client.serialize("node_modules", { format: "zip" });
    expect([...zip.subarray(0, 4)]).toEqual([0x50, 0x4b, 3, 4]);
    expect(text(zip)).toContain("p/keep.md");
  });
});

describe("processes of the client", () => {
  it("get their environment and folder, and give their exit code after all output", async () => {
    const { client } = boot({
      hello: (self) => {
        const { cwd, env } = self.start;
        self.write(1, JSON.stringify([cwd, env.WEBCONTAINER_ENGINE, env.GIVEN, env.RUNNER_STREAMS ?? null, env.HOME]));
        self.exit(3);
      },
    });
    await client.loadFiles(json({ d: { sub: { d: {} } } }));
    const { process, chunks } = await run(client, "hello", { cwd: "sub", env: { GIVEN: 1 } });
    expect(await process.onExit).toBe(3);
    expect(chunks).toEqual([JSON.stringify(["/home/project/sub", "local", "1", null, "/root"]), null]);
  });

  it("are refused as Node refuses them when there is no such program", async () => {
    const { client } = boot();
    await client.loadFiles(json({ d: { plain: { f: { c: "no script" } }, elf: { f: { c: "\x7fELF", x: true } } } }));
    await expect(client.run({ command: "nothing", args: [] })).rejects.toThrow("spawn nothing ENOENT");
    await expect(client.run({ command: "./plain", args: [] })).rejects.toThrow("spawn ./plain EACCES");
    await expect(client.run({ command: "./elf", args: [] })).rejects.toThrow("native programs are not supported by the local WebContainer engine");
    await expect(client.run({ command: "node", args: [], cwd: "none" })).rejects.toThrow("spawn node ENOENT");
  });

  it("have output that is never cut within a character", async () => {
    const { client } = boot({
      euro: async (self) => {
        const euro = new TextEncoder().encode("€");
        self.write(1, euro.subarray(0, 1));
        self.write(2, "!");
        self.write(1, euro.subarray(1, 2));
        await self.call("fs.stat", "/");
        self.write(1, euro.subarray(2));
        self.write(1, Uint8Array.of(0xe2));
        self.exit(0);
      },
    });
    const { process, all } = await run(client, "euro");
    await process.onExit;
    expect(all()).toBe("!€\ufffd");
  });

  it("have tagged output and framed input when that is asked for", async () => {
    const { client } = boot({
      echo: async (self) => {
        await self.call("process.readStdin", true);
        self.write(2, "ü");
        for (let event = await self.next("stdin"); event.data !== null; event = await self.next("stdin")) self.write(1, event.data);
        self.exit(0);
      },
    });
    const { process, all } = await run(client, "echo", { env: { RUNNER_STREAMS: "tagged", RUNNER_STDIN: "framed" } });
    await process.write("D5:a:");
    await process.write("");
    await process.write("bäD1:cE");
    expect(await process.onExit).toBe(0);
    expect(all()).toBe("\x0022:ü\x0015:a:bä\x0011:c");
  });

  it("are killed with all that they started: unheard signals end them, heard ones reach them", async () => {
    const { client, kernel } = boot({
      parent: async (self) => {
        await self.call("process.spawn", { command: "node", args: ["child"], cwd: "/", env: {}, stdio: ["ignore", "inherit", "inherit"] });
        await self.call("process.spawn", { command: "node", args: ["child"], cwd: "/", env: {}, stdio: ["ignore", "ignore", "ignore"], detached: true });
      },
      child: (self) => self.write(1, "up"),
      deaf: async (self) => {
        await self.call("process.signals", ["SIGTERM"]);
        self.write(1, "up");
        await self.next("signal");
        self.exit(7);
      },
    });
    const parent = await run(client, "parent");
    await vi.waitFor(() => expect(parent.all()).toBe("up"));
    const [detached] = kernel.table.all().filter((each) => each.is.job !== 2);
    await parent.process.kill();
    expect(await parent.process.onExit).toBe(143);
    expect(kernel.table.all()).toEqual([detached]);
    const deaf = await run(client, "deaf");
    await vi.waitFor(() => expect(deaf.all()).toBe("up"));
    await deaf.process.kill();
    expect(await deaf.process.onExit).toBe(7);
  });

  it("end with a sentence when their Worker fails", async () => {
    const { client } = boot({ bad: (self) => self.crash("SyntaxError: odd") });
    const { process, all } = await run(client, "bad");
    expect(await process.onExit).toBe(1);
    expect(all()).toMatch(/^the process \d+ ended, as its Worker failed: SyntaxError: odd\n$/);
  });

  it("have a terminal that edits lines, echoes, and turns ^C into a signal", async () => {
    const { client } = boot({
      lines: async (self) => {
        await self.call("process.readStdin", true);
        const { data } = await self.next("stdin");
        self.write(1, `${text(data ?? new Uint8Array(0)).trim()} ${self.start.terminal?.cols ?? 0}\n`);
        const { rows } = await self.next("resize");
        self.write(1, `${rows}`);
      },
    });
    const { process, all } = await run(client, "lines", { terminal: { cols: 80, rows: 24 } });
    await process.write("ax\x7fb\r");
    await vi.waitFor(() => expect(all()).toBe("ax\b \bb\r\nab 80\r\n"));
    await process.resize({ cols: 90, rows: 30 });
    await vi.waitFor(() => expect(all()).toContain("30"));
    await process.write("\x03");
    expect(await process.onExit).toBe(130);
    expect(all()).toMatch(/\^C$/);
  });
});

describe("what the client hears", () => {
  it("are ports with their addresses, opened and closed", async () => {
    const { client } = boot({
      server: async (self) => {
        await self.call("net.listen", 3000);
        self.exit(0);
      },
    });
    const heard: unknown[] = [];
    for (const name of ["port", "server-ready"]) await client.on(name, Comlink.proxy((...values: unknown[]) => heard.push([name, ...values])));
    await (await run(client, "server")).process.onExit;
    const url = "http://3000--token.localhost:9/";
    await vi.waitFor(() => expect(heard).toHaveLength(3));
    expect(heard).toEqual(expect.arrayContaining([["port", 3000, "open", url], ["server-ready", 3000, url], ["port", 3000, "close", url]]));
    await expect(client.on("weather", Comlink.proxy(() => undefined))).rejects.toThrow("the event weather is not supported by the local WebContainer engine");
  });
});

describe("the end of a container", () => {
  it("ends all its Workers, idle ones too", async () => {
    const { client, kernel, workers } = boot({ forever: (self) => self.write(1, "up") });
    kernel.warm();
    const { process, all } = await run(client, "forever");
    await vi.waitFor(() => expect(all()).toBe("up"));
    await client.teardown();
    expect(await process.onExit).toBe(137);
    await vi.waitFor(() => expect(workers.alive).toBe(0));
  });

  it("does not pretend to do what it cannot", async () => {
    const { client } = boot();
    await expect(client.setCredentials({})).rejects.toThrow("setCredentials is not supported by the local WebContainer engine");
  });

  it("hands the script for previews to its server, and refuses what is none", async () => {
    const { client, posted } = boot();
    await client.setPreviewScript("1 + 1", { type: "module", async: true });
    expect(posted).toEqual([["preview", { script: { text: "1 + 1", type: "module", defer: false, async: true }, errors: "none" }]]);
    await expect(client.setPreviewScript("x", { type: "text/css" })).rejects.toThrow("the type text/css is neither module nor importmap");
    await expect(client.setPreviewScript("{", { type: "importmap" })).rejects.toThrow(/JSON/);
    expect(posted).toHaveLength(1);
  });
});
