import { encode } from "@msgpack/msgpack";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ToolEvent } from "../src/events.ts";
import type { BootRequest, WebContainerTool } from "../src/tool.ts";
import { browser, eventually, ScriptedEngine } from "./scripted-engine.ts";
import type { Frame } from "./scripted-engine.ts";

const ENGINE = "http://token.localhost:2";
const REQUEST: BootRequest = { engine: `${ENGINE}/`, workdirName: "work", timeoutMs: 300 };

let engine: ScriptedEngine;
let events: ToolEvent[];
let window: EventTarget;

async function boot(frame: Frame = "init", request: Partial<BootRequest> = {}, isolated = true): Promise<WebContainerTool> {
  window = browser(engine, frame, isolated);
  const { WebContainerTool: Tool } = await import("../src/tool.ts");
  return await Tool.boot({ ...REQUEST, ...request }, (batch) => void events.push(...batch));
}

function seen(kind: ToolEvent["kind"]): ToolEvent[] {
  return events.filter((event) => event.kind === kind);
}

function answering(answer: (url: string, init?: RequestInit) => Response): void {
  vi.stubGlobal("fetch", async (url: string, init?: RequestInit) => await Promise.resolve().then(() => answer(url, init)));
}

beforeEach(() => {
  vi.resetModules(); // the client keeps its engine for as long as a page lives
  engine = new ScriptedEngine();
  events = [];
  answering(() => new Response("ok"));
});

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("boot", () => {
  test("tells the working folder, PATH and isolation, and is ready", async () => {
    const tool = await boot();
    expect(tool.booted).toMatchObject({ workdir: "/home/work", path: "/bin", isolated: true });
    expect(tool.state).toBe("ready");
    expect(engine.build).toMatchObject({ workdirName: "work", forwardPreviewErrors: false });
    await eventually(() => expect(seen("state")).toEqual([{ kind: "state", state: "ready", reason: "" }]));
  });

  test("is refused in a page without isolation, and names the headers", async () => {
    await expect(boot("init", {}, false)).rejects.toMatchObject({
      code: "not-isolated",
      reason: expect.stringContaining("Cross-Origin-Embedder-Policy: require-corp") as string,
    });
  });

  test("is refused where the browser gives no service workers", async () => {
    window = browser(engine, "init");
    vi.stubGlobal("navigator", { onLine: true });
    const { WebContainerTool: Tool } = await import("../src/tool.ts");
    await expect(Tool.boot(REQUEST, () => undefined)).rejects.toMatchObject({ code: "no-service-worker" });
  });

  test("says that a silent engine was silent, after its time, with the warnings it gave", async () => {
    const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined); // the client prints it, too
    const booting = boot({ type: "warning", level: "warn", message: "cookies are blocked" });
    await expect(booting).rejects.toMatchObject({
      code: "boot-timeout",
      reason: `the engine at ${ENGINE} did not boot within 300 ms; it warned: cookies are blocked`,
    });
    expect(warned).toHaveBeenCalledWith("cookies are blocked");
    warned.mockRestore();
  });

  test("says at once that nothing answers where the engine should be", async () => {
    answering(() => {
      throw new TypeError("Failed to fetch");
    });
    // Whoever waited for the end of this time would be ended by the test's own limit.
    await expect(boot("load", { timeoutMs: 60_000 })).rejects.toMatchObject({ code: "engine-unreachable" });
  });

  test("tells a server that takes connections and never answers from a slow engine", async () => {
    const mute = (_url: string, { signal }: RequestInit): Promise<never> =>
      new Promise((_, reject) => {
        const late = (): void => reject(new DOMException("late", "TimeoutError"));
        if (signal?.aborted === true) late();
        else signal?.addEventListener("abort", late);
      });
    vi.stubGlobal("fetch", mute);
    await expect(boot("load")).rejects.toMatchObject({
      code: "boot-timeout",
      reason: `the engine at ${ENGINE} did not boot within 300 ms: something takes connections there and does not answer`,
    });
  });

  test("tells the status of an engine that is out of service", async () => {
    answering(() => new Response("", { status: 503, statusText: "Service Unavailable" }));
    await expect(boot("load", { timeoutMs: 5000 })).rejects.toMatchObject({
      code: "engine-refused",
      reason: `the engine at ${ENGINE} answered 503 Service Unavailable`,
    });
  });

  test("hands on why our engine refuses", async () => {
    await expect(boot({ type: "refused", message: "no SharedArrayBuffer" })).rejects.toMatchObject({
      code: "engine-refused",
      reason: "the engine refuses to boot: no SharedArrayBuffer",
    });
  });

  test("heeds nobody but the engine's origin", async () => {
    const booting = boot("nothing");
    await eventually(() => expect(window).toBeDefined());
    const foreign = { origin: "http://evil.localhost:2", data: { type: "refused", message: "go away" } };
    window.dispatchEvent(Object.assign(new Event("message"), foreign));
    await expect(booting).rejects.toMatchObject({ code: "boot-timeout" });
  });
});

describe("processes", () => {
  test("all output comes before the exit, though the exit code arrives first", async () => {
    const tool = await boot();
    await tool.spawn("p1", { command: "node", args: ["-v"], cwd: "sub", env: { A: "1" } });
    const [process] = engine.processes;
    expect(process?.asked).toMatchObject({ command: "node", args: ["-v"], cwd: "sub", env: { A: "1" } });
    process?.exit(7);
    process?.say("eins ");
    process?.say("zwei");
    process?.close();
    await eventually(() => expect(seen("exit")).toEqual([{ kind: "exit", id: "p1", code: 7 }]));
    const mine = events.filter((event) => "id" in event);
    expect(mine.at(-1)?.kind).toBe("exit");
    expect(mine.map((event) => (event.kind === "output" ? event.data : "")).join("")).toBe("eins zwei");
  });

  test("output that comes slowly after the exit code is not lost", async () => {
    const tool = await boot();
    await tool.spawn("p1", { command: "node", args: [] });
    const process = engine.processes[0];
    vi.useFakeTimers();
    process?.exit(0);
    for (const text of ["a", "b", "c"]) {
      await vi.advanceTimersByTimeAsync(300);
      process?.say(text);
    }
    process?.close();
    vi.useRealTimers();
    await eventually(() => expect(seen("exit")).toHaveLength(1));
    expect(events.flatMap((event) => (event.kind === "output" ? [event.data] : [])).join("")).toBe("abc");
  });

  test("an exit is told though somebody keeps the output open", async () => {
    const tool = await boot();
    await tool.spawn("p1", { command: "sh", args: [] });
    engine.processes[0]?.say("started");
    engine.processes[0]?.exit(0);
    await eventually(() => expect(seen("exit")).toHaveLength(1));
    expect(seen("output")).toHaveLength(1);
  });

  test("input is framed by its bytes where the engine can end it", async () => {
    const tool = await boot();
    await tool.spawn("p1", { command: "cat", args: [], env: { RUNNER_STDIN: "framed" } });
    await tool.spawn("p2", { command: "cat", args: [] });
    await tool.write("p1", "grüß");
    await tool.endInput("p1");
    await tool.write("p2", "grüß");
    await tool.endInput("p2");
    await eventually(() => expect(engine.processes[0]?.written).toEqual(["D6:grüß", "E"]));
    await eventually(() => expect(engine.processes[1]?.written).toEqual(["grüß", "\u0004"]));
  });

  test("input that is known at the start is given and ended at once", async () => {
    const tool = await boot();
    await tool.spawn("p1", { command: "cat", args: [], env: { RUNNER_STDIN: "framed" } }, "grüß");
    await tool.spawn("p2", { command: "cat", args: [], env: { RUNNER_STDIN: "framed" } }, "");
    await tool.spawn("p3", { command: "cat", args: [] }, "grüß");
    await eventually(() => expect(engine.processes.map(({ written }) => written)).toEqual([["D6:grüßE"], ["E"], ["grüß\u0004"]]));
  });

  test("a killed process tells its exit code; then its id is free and unknown", async () => {
    const tool = await boot();
    await tool.spawn("p1", { command: "node", args: [] });
    await expect(tool.spawn("p1", { command: "node", args: [] })).rejects.toMatchObject({ code: "spawn" });
    tool.resize("p1", 100, 40);
    tool.kill("p1");
    await eventually(() => expect(seen("exit")).toEqual([{ kind: "exit", id: "p1", code: 143 }]));
    await expect(tool.write("p1", "x")).rejects.toMatchObject({ code: "spawn" });
    tool.kill("p1");
    expect(engine.processes[0]?.sizes).toEqual([{ cols: 100, rows: 40 }]);
  });

  test("a command that the engine does not know is told as such", async () => {
    const tool = await boot();
    await expect(tool.spawn("p1", { command: "missing", args: [] })).rejects.toMatchObject({
      code: "spawn",
      reason: "command not found: missing",
    });
  });
});

describe("files", () => {
  test("are written, read, listed, renamed and removed", async () => {
    const tool = await boot();
    await tool.mkdir("d", { recursive: true });
    await tool.writeFile("b.txt", new Uint8Array([1, 2, 255]));
    await tool.rename("b.txt", "a.txt");
    expect([...(await tool.readFile("a.txt"))]).toEqual([1, 2, 255]);
    expect(await tool.readdir(".")).toEqual([{ name: "a.txt", kind: "file" }, { name: "b.txt", kind: "file" }]);
    await tool.rm("a.txt");
    await expect(tool.readFile("a.txt")).rejects.toMatchObject({ code: "fs", errno: "ENOENT" });
  });

  test("a snapshot is mounted where it is wanted", async () => {
    const tool = await boot();
    await tool.mount(encode({ d: { "a.txt": { f: { c: "a" } } } }), "deep/down");
    expect(engine.folders).toContain("deep/down");
    expect(engine.mounted[0]?.mountPoints).toBe("deep/down");
  });

  test("a folder is exported as bytes", async () => {
    const tool = await boot();
    expect(new TextDecoder().decode(await tool.export("dist"))).toBe("tree of dist");
    expect(new TextDecoder().decode(await tool.export("dist", { format: "described" }))).toBe("described tree of dist");
  });

  test("changes are told until nobody wants to know", async () => {
    const tool = await boot();
    engine.folders.add("src");
    await tool.watch("w1", "src", { recursive: true });
    await eventually(() => expect(engine.watcher === null).toBe(false)); // a matcher would look into the remote function
    engine.watcher?.("change", "a.ts");
    await eventually(() => expect(seen("watch")).toEqual([{ kind: "watch", id: "w1", event: "change", name: "a.ts" }]));
    tool.unwatch("w1");
    await eventually(() => expect(engine.watcher === null).toBe(true));
    await expect(tool.watch("w2", "nowhere")).rejects.toMatchObject({ code: "fs", errno: "ENOENT" });
  });
});

describe("life", () => {
  test("ports, ready servers, errors and messages of previews are told in order", async () => {
    const tool = await boot();
    await eventually(() => expect(engine.listeners.size).toBe(4));
    engine.emit("port", 3000, "open", "http://3000--token.localhost:2");
    engine.emit("server-ready", 3000, "http://3000--token.localhost:2");
    engine.emit("error", { message: "the engine stumbled" });
    engine.emit("preview-message", { type: "PREVIEW_UNCAUGHT_EXCEPTION", message: "boom", port: 3000 });
    window.dispatchEvent(new Event("offline"));
    await eventually(() => expect(seen("preview-message")).toHaveLength(1));
    const kinds = events.map((event) => event.kind).filter((kind) => kind !== "network");
    expect(kinds).toEqual(["state", "port", "server-ready", "error", "preview-message"]);
    expect(seen("network")).toEqual([{ kind: "network", online: false }]);
    expect(tool.state).toBe("ready");
  });

  test("a teardown ends everything: calls under way are refused, later ones too, and it is told last", async () => {
    const tool = await boot();
    engine.silent = true;
    const waiting = tool.readdir(".");
    const told = expect(waiting).rejects.toMatchObject({ code: "gone", reason: "the container was torn down" });
    await tool.teardown();
    await told;
    await expect(tool.readFile("a")).rejects.toMatchObject({ code: "gone" });
    await eventually(() => expect(engine.tornDown).toBe(true));
    expect(events.at(-1)).toEqual({ kind: "state", state: "gone", reason: "the container was torn down" });
    await tool.teardown();
  });

  test("a ping says how long the engine needs, or that it does not answer", async () => {
    const tool = await boot();
    expect(await tool.ping(1000)).toBeGreaterThanOrEqual(0);
    engine.silent = true;
    await expect(tool.ping(50)).rejects.toMatchObject({ code: "gone", reason: "the engine did not answer within 50 ms" });
  });
});
