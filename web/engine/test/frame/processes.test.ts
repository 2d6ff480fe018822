/** What processes ask of the kernel about each other, with scripted processes. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { Buffer } from "node:buffer";
import { decode } from "@msgpack/msgpack";
import { FORMAT, type Calls, type SpawnRequest } from "../../src/contract.ts";
import { Kernel } from "../../src/frame/kernel.ts";
import { Inlet, Outlet } from "../../src/frame/processes/streams.ts";
import { Workers, type Programs, type Self } from "./scripted.ts";

const text = (data: Uint8Array | null | undefined): string => new TextDecoder().decode(data ?? new Uint8Array(0));
const bytes = (words: string): Uint8Array => new TextEncoder().encode(words);

const kernels: Kernel[] = [];
afterEach(() => {
  for (const kernel of kernels.splice(0)) kernel.close();
});

function start(programs: Programs): { kernel: Kernel; ended: Promise<unknown>; output: () => string } {
  const workers = new Workers(programs);
  const kernel = new Kernel("/home/project", { makeWorker: workers.make, post: () => Promise.resolve(new Uint8Array(0)), urlOf: String });
  kernels.push(kernel);
  let output = "";
  const outlet = (): Outlet => new Outlet((data) => (output += text(data)));
  const request = { command: "node", args: ["main"], cwd: "/home/project", env: {}, terminal: null };
  const process = kernel.table.run({ ...request, stdin: new Inlet(), stdout: outlet(), stderr: outlet() });
  return { kernel, ended: process.ended, output: () => output };
}

function child(name: string, more: Partial<SpawnRequest> = {}): SpawnRequest {
  return { command: "node", args: [name], cwd: "/home/project", env: {}, stdio: ["pipe", "pipe", "pipe"], ...more };
}

/** Run `main` with children; the value is what it returns. */
async function inside<T>(main: (self: Self) => Promise<T>, children: Programs = {}): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    start({ ...children, main: (self) => main(self).then(resolve, reject) });
  });
}

const refusal = async (promise: Promise<unknown>): Promise<unknown> => promise.then(() => "done", (error: unknown) => [(error as { code: string }).code, (error as Error).message]);

const cat: Programs[string] = async (self) => {
  await self.call("process.readStdin", true);
  for (let event = await self.next("stdin"); event.data !== null; event = await self.next("stdin")) self.write(1, event.data);
  self.exit(0);
};

describe("children", () => {
  it("read what they are given, and their parent what they write, then that they ended", async () => {
    const seen = await inside(
      async (self) => {
        const pid = await self.call("process.spawn", child("cat"));
        await self.call("process.stdin", pid, bytes("ab"));
        await self.call("process.stdin", pid, null);
        await self.next("child-exit");
        const after = await refusal(self.call("process.stdin", pid, bytes("late")));
        return [self.events.map((event) => (event.type === "child-output" ? [event.fd, event.data && text(event.data)] : event.type)), after];
      },
      { cat },
    );
    expect(seen).toEqual([[[1, "ab"], [1, null], [2, null], "child-exit"], ["EPIPE", "EPIPE: broken pipe, write"]]);
  });

  it("share what they inherit: the pipe ends with the last that can write to it", async () => {
    const order = await inside(
      async (self) => {
        await self.call("process.spawn", child("passes-on"));
        const exit = await self.next("child-exit");
        const before = self.events.some((event) => event.type === "child-output" && event.fd === 1 && event.data === null);
        await self.call("process.kill", exit.pid + 1, "SIGKILL");
        await vi.waitFor(() => expect(self.events.filter((event) => event.type === "child-output" && event.data === null)).toHaveLength(2));
        return before;
      },
      {
        "passes-on": async (self) => {
          await self.call("process.spawn", child("stays", { stdio: ["inherit", "inherit", "ignore"] }));
          self.exit(0);
        },
        stays: () => undefined,
      },
    );
    expect(order).toBe(false);
  });

  it("write into open files of their parent", async () => {
    const written = await inside(
      async (self) => {
        const fd = await self.call("fs.open", "/home/project/log", "w", 0o666);
        await self.call("process.spawn", child("both", { stdio: ["ignore", fd, fd] }));
        await self.call("fs.close", fd);
        await self.next("child-exit");
        return text(await self.call("fs.readFile", "/home/project/log"));
      },
      {
        both: (self) => {
          self.write(1, "out ");
          self.write(2, "err");
          self.exit(0);
        },
      },
    );
    expect(written).toBe("out err");
  });

  it("are waited for whole, within a time and an amount of output", async () => {
    const wait = (self: Self, name: string, ...more: [Uint8Array | null, number, "SIGTERM" | "SIGKILL", number?]): Promise<ReturnType<Calls["process.spawnSync"]>> =>
      self.call("process.spawnSync", child(name), ...more);
    const results = await inside(
      async (self) => [await wait(self, "cat", bytes("in"), 0, "SIGTERM"), await wait(self, "hangs", null, 20, "SIGKILL"), await wait(self, "chatty", null, 0, "SIGTERM", 6)],
      { cat, hangs: () => undefined, chatty: (self) => ["1234", "5678"].forEach((part) => self.write(1, part)) },
    );
    expect(results.map(({ code, signal, stdout, error }) => [code, signal, text(stdout), error])).toEqual([
      [0, null, "in", undefined],
      [null, "SIGKILL", "", "ETIMEDOUT"],
      [null, "SIGTERM", "123456", "ENOBUFS"],
    ]);
  });

  it("exchange messages with their parent until one of them goes", async () => {
    const seen = await inside(
      async (self) => {
        const pid = await self.call("process.spawn", child("answers", { ipc: true }));
        await self.call("process.message", pid, { n: 1 });
        const { message } = await self.next("message");
        await self.call("process.message", pid, { n: 2 });
        const { code } = await self.next("child-exit");
        const gone = self.events.some((event) => event.type === "disconnect" && event.from === pid);
        return [message, code, gone, await refusal(self.call("process.message", pid, {}))];
      },
      {
        answers: async (self) => {
          const { message } = await self.next("message");
          await self.call("process.message", "parent", { got: message });
          await self.next("message");
          self.exit(5);
        },
      },
    );
    expect(seen).toEqual([{ got: { n: 1 } }, 5, true, ["EPIPE", "EPIPE: broken pipe, write"]]);
  });

  it("live on without their parent, with an end of input and of messages", async () => {
    let told: string[] = [];
    const { ended } = start({
      main: async (self) => {
        await self.call("process.spawn", child("orphan", { ipc: true }));
        self.exit(0);
      },
      orphan: async (self) => {
        await self.call("process.readStdin", true);
        const { data } = await self.next("stdin");
        await self.next("disconnect");
        told = [`stdin ${data === null ? "ended" : "came"}`, "disconnected"];
      },
    });
    await ended;
    await vi.waitFor(() => expect(told).toEqual(["stdin ended", "disconnected"]));
  });

  it("are signalled alone or as a group, and asked for with 0", async () => {
    const result = await inside(
      async (self) => {
        const one = await self.call("process.spawn", child("sleeps", { detached: true }));
        const asked = await self.call("process.kill", one, 0);
        const group = await self.call("process.kill", -one, "SIGINT");
        const { signal, code } = await self.next("child-exit");
        return [asked, group, signal, code, await self.call("process.kill", one, 0), await refusal(self.call("process.kill", self.start.pid, "SIGNONE" as "SIGINT"))];
      },
      { sleeps: () => undefined },
    );
    expect(result).toEqual([true, true, "SIGINT", null, false, ["EINVAL", "EINVAL: invalid argument, kill"]]);
  });
});

describe("commands", () => {
  it("are found in PATH, by the first line of scripts, and run by the bundle that has them", async () => {
    const seen = await inside(
      async (self) => {
        await self.call("fs.writeFile", "/home/project/run", bytes("#!/usr/bin/env node\n"), "w", 0o755);
        await self.call("fs.mkdir", "/home/project/bin", false, 0o755);
        await self.call("fs.symlink", "../run", "/home/project/bin/tool");
        await self.call("process.spawn", child("-x", { command: "./run" }));
        await self.call("process.spawn", child("-x", { command: "tool", env: { PATH: "/home/project/bin:/bin:/usr/local/bin" } }));
        await self.call("process.spawn", child("-x", { command: "ls" }));
        const none = await refusal(self.call("process.spawn", child("-x", { command: "tool", env: { PATH: "/bin" } })));
        await vi.waitFor(() => expect(starts).toHaveLength(3));
        return none;
      },
      Object.fromEntries(["./run", "/home/project/./run", "/home/project/bin/tool", "ls"].map((name) => [name, (self: Self) => void starts.push([self.script, self.start.program, ...self.start.args])])),
    );
    expect(seen).toEqual(["ENOENT", "spawn tool ENOENT"]);
    expect(starts).toEqual([
      ["process.js", "node", "/home/project/./run", "-x"],
      ["process.js", "node", "/home/project/bin/tool", "-x"],
      ["shell.js", "command", "ls", "-x"],
    ]);
  });
  const starts: string[][] = [];
});

describe("standard input", () => {
  it("is kept until it is wanted, and can be read like a file", async () => {
    const seen = await inside(
      async (self) => {
        const pid = await self.call("process.spawn", child("reads"));
        await self.call("process.stdin", pid, bytes("abcdef"));
        const { data } = await self.next("child-output");
        await self.call("process.stdin", pid, null);
        await self.next("child-exit");
        return [text(data), self.events.map((event) => (event.type === "child-output" ? text(event.data) : "")).join("")];
      },
      {
        reads: async (self) => {
          self.write(1, await self.call("fs.read", 0, 4, null));
          self.write(1, await self.call("fs.read", 0, 4, null));
          self.write(1, `[${(await self.call("fs.read", 0, 4, null)).length}]`);
          self.exit(0);
        },
      },
    );
    expect(seen).toEqual(["abcd", "abcdef[0]"]);
  });

  it("and the other streams have names in /dev", async () => {
    const seen = await inside(
      async (self) => {
        const pid = await self.call("process.spawn", child("names"));
        for (const part of ["ab", "cd"]) await self.call("process.stdin", pid, bytes(part));
        await self.call("process.stdin", pid, null);
        await self.next("child-exit");
        return self.events.flatMap((event) => (event.type === "child-output" && event.data !== null ? [[event.fd, text(event.data)]] : []));
      },
      {
        names: async (self) => {
          const all = await self.call("fs.readFile", "/dev/stdin");
          await self.call("fs.writeFile", "/dev/stderr", all, "w", 0o666);
          await self.call("fs.write", await self.call("fs.open", "/dev/stdout", "w", 0o666), bytes("out"), null);
          self.exit(0);
        },
      },
    );
    expect(seen).toEqual([[2, "abcd"], [1, "out"]]);
  });

  it("makes a writer wait while nobody reads what is more than a pipe holds", async () => {
    const order = await inside(
      async (self) => {
        const pid = await self.call("process.spawn", child("late"));
        const steps: string[] = [];
        const writing = self.call("process.stdin", pid, new Uint8Array(400_000)).then(() => steps.push("written"));
        await self.call("fs.stat", "/");
        steps.push("waits");
        await self.call("process.kill", pid, "SIGTERM");
        await writing;
        return steps;
      },
      { late: () => undefined },
    );
    expect(order).toEqual(["waits", "written"]);
  });
});

describe("ports", () => {
  it("belong to one process, and connect others with it until it ends", async () => {
    const seen = await inside(
      async (self) => {
        const pid = await self.call("process.spawn", child("server"));
        await self.next("child-output");
        const taken = await refusal(self.call("net.listen", 8080));
        const socket = await self.call("net.connect", 8080);
        const answer = await new Promise((resolve) => {
          socket.onmessage = (event: MessageEvent) => resolve(event.data);
          socket.postMessage("ping");
        });
        socket.close();
        const free = await self.call("net.listen", 0);
        await self.call("process.kill", pid, "SIGKILL");
        return [taken, answer, free >= 32768, await refusal(self.call("net.connect", 8080)), await self.call("net.listen", 8080)];
      },
      {
        server: async (self) => {
          self.write(1, String(await self.call("net.listen", 8080)));
          const { socket } = await self.next("connection");
          socket.onmessage = (event: MessageEvent) => {
            socket.postMessage(`${String(event.data)}-pong`);
          };
        },
      },
    );
    expect(seen).toEqual([["EADDRINUSE", "EADDRINUSE: address already in use, listen"], "ping-pong", true, ["ECONNREFUSED", "ECONNREFUSED: connection refused, connect"], 8080]);
  });
});

describe("threads", () => {
  it("share the process's number and streams, and end alone or with it", async () => {
    let started: unknown;
    const { ended, output } = start({
      main: async (self) => {
        const { port1, port2 } = new MessageChannel();
        const thread = await self.call("process.thread", { program: "node", args: ["thread"], env: { A: "1" } }, port2);
        const stopped = await self.call("process.thread", { program: "node", args: ["hangs"], env: {} }, new MessageChannel().port2);
        await self.call("process.endThread", stopped);
        const exits = [await self.next("thread-exit"), await self.next("thread-exit")].map((event) => [event.thread, event.code]).sort();
        port1.close();
        started = [started, thread, exits, self.start.pid];
        self.exit(0);
      },
      thread: (self) => {
        started = [self.start.thread?.id, self.start.env, self.start.pid];
        self.write(1, "from the thread");
        self.exit(4);
      },
      hangs: () => undefined,
    });
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(started).toEqual([[1, { A: "1" }, 2], 1, [[1, 4], [2, 1]], 2]);
    expect(output()).toBe("from the thread");
  });
});

describe("synchronous calls", () => {
  it("are answered through shared memory: bytes in parts, values and errors in msgpack", async () => {
    const big = Uint8Array.from({ length: 2_500_000 }, (_, at) => at % 251);
    const [whole, value, error] = await inside(async (self) => {
      await self.call("fs.writeFile", "/big", big, "w", 0o644);
      return [self.callSync("fs.readFile", "/big"), self.callSync("fs.readdir", "/var"), self.callSync("fs.rmdir", "/var")];
    });
    expect(whole.format).toBe(FORMAT.BYTES);
    expect(whole.parts.map((part) => part.length)).toEqual([1_048_576, 1_048_576, 402_848]);
    expect(Buffer.concat(whole.parts).equals(big)).toBe(true);
    expect([value.format, decode(value.parts[0] ?? [])]).toEqual([FORMAT.VALUE, [{ name: "tmp", kind: 2 }]]);
    expect([error.format, decode(error.parts[0] ?? [])]).toEqual([
      FORMAT.ERROR,
      { code: "ENOTEMPTY", errno: -39, message: "ENOTEMPTY: directory not empty, rmdir '/var'", syscall: "rmdir", path: "/var" },
    ]);
  });
});

describe("files of processes", () => {
  it("get modes within the mask, which children inherit", async () => {
    const modes = await inside(
      async (self) => {
        await self.call("process.umask", 0o077);
        await self.call("process.spawn", child("makes"));
        await self.next("child-exit");
        return [(await self.call("fs.stat", "/home/project/made")).mode & 0o777, await self.call("process.umask", null)];
      },
      {
        makes: async (self) => {
          await self.call("fs.mkdir", "/home/project/made", false, 0o777);
          self.exit(0);
        },
      },
    );
    expect(modes).toEqual([0o700, 0o077]);
  });

  it("are looked at in one go, and refused by descriptor as Node does", async () => {
    const seen = await inside(async (self) => [
      await self.call("fs.kinds", ["/home/project", "/etc/passwd", "/none", "/etc/passwd/x"]),
      await refusal(self.call("fs.read", 9, 1, null)),
      (await self.call("fs.fstat", 1)).mode & 0o170000,
      await refusal(self.call("process.chdir", "/none")),
    ]);
    expect(seen).toEqual([[2, 1, 0, 0], ["EBADF", "EBADF: bad file descriptor, read"], 0o010000, ["ENOENT", "ENOENT: no such file or directory, chdir '/home/project' -> '/none'"]]);
  });
});
