import { describe, expect, test, vi } from "vitest";
import { fromBase64, toBase64 } from "../src/bytes.ts";
import { Outbox } from "../src/events.ts";
import type { ToolEvent } from "../src/events.ts";
import { asHostError, HostError } from "../src/failure.ts";
import { Heartbeat } from "../src/heartbeat.ts";
import { eventually } from "./scripted-engine.ts";

test("bytes survive base64, many of them too", () => {
  const bytes = Uint8Array.from({ length: 100_003 }, (_, at) => at % 256);
  expect(fromBase64(toBase64(bytes))).toEqual(bytes);
  expect(toBase64(new Uint8Array())).toBe("");
});

test("an error carries all of itself in its message", () => {
  const error = new HostError("fs", "there is no a.txt", "ENOENT");
  expect(JSON.parse(error.message.slice("HostError ".length))).toEqual({
    name: "HostError",
    code: "fs",
    message: "there is no a.txt",
    errno: "ENOENT",
  });
  expect(asHostError(error, "internal")).toBe(error);
  expect(asHostError("odd", "fs")).toMatchObject({ code: "fs", reason: "odd", errno: "EIO" });
  expect(asHostError(new Error("EEXIST: file already exists, mkdir 'a'"), "fs").errno).toBe("EEXIST");
});

test("events gather while a batch is being taken, and output of one process is joined", async () => {
  const batches: ToolEvent[][] = [];
  let free: () => void = () => undefined;
  const outbox = new Outbox(async (batch) => {
    batches.push(batch);
    if (batches.length === 1) await new Promise<void>((resolve) => (free = resolve));
  });
  outbox.push({ kind: "output", id: "p", data: "a" });
  await eventually(() => expect(batches).toHaveLength(1));
  outbox.push({ kind: "output", id: "p", data: "b" });
  outbox.push({ kind: "output", id: "p", data: "c" });
  outbox.push({ kind: "output", id: "q", data: "d" });
  outbox.push({ kind: "exit", id: "p", code: 0 });
  expect(batches).toHaveLength(1);
  free();
  await outbox.flushed();
  expect(batches[1]).toEqual([
    { kind: "output", id: "p", data: "bc" },
    { kind: "output", id: "q", data: "d" },
    { kind: "exit", id: "p", code: 0 },
  ]);
});

test("events go on after one batch was not taken", async () => {
  const spoken = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const taken: ToolEvent[] = [];
  let first = true;
  const outbox = new Outbox((batch) => {
    if (first) {
      first = false;
      throw new Error("nobody listens");
    }
    taken.push(...batch);
  });
  outbox.push({ kind: "error", message: "one" });
  await outbox.flushed();
  outbox.push({ kind: "error", message: "two" });
  await outbox.flushed();
  expect(taken).toEqual([{ kind: "error", message: "two" }]);
  expect(spoken).toHaveBeenCalledOnce();
});

describe("the heartbeat", () => {
  const rhythm = { every: 10, missed: 50, dead: 200 };

  test("tells silence, an answer after it, and death, once each", async () => {
    vi.useFakeTimers();
    const told: string[] = [];
    let answer: (() => void) | null = null;
    const ask = (): Promise<void> => new Promise((resolve) => (answer = resolve));
    const listener = { missed: (why: string) => told.push(why), back: () => told.push("back"), dead: (why: string) => told.push(why) };
    const heartbeat = new Heartbeat(ask, listener, rhythm);
    await vi.advanceTimersByTimeAsync(10 + 50);
    expect(told).toEqual(["the engine has not answered for 50 ms"]);
    (answer as (() => void) | null)?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(told.at(-1)).toBe("back");
    await vi.advanceTimersByTimeAsync(10 + 50 + 150);
    expect(told.slice(2)).toEqual(["the engine has not answered for 50 ms", "the engine has not answered for 200 ms"]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told).toHaveLength(4);
    heartbeat.stop();
    vi.useRealTimers();
  });

  test("an error is an answer, and a stopped heart asks no more", async () => {
    vi.useFakeTimers();
    const ask = vi.fn(() => Promise.reject(new Error("EACCES")));
    const silent = { missed: vi.fn(), back: vi.fn(), dead: vi.fn() };
    const heartbeat = new Heartbeat(ask, silent, rhythm);
    await vi.advanceTimersByTimeAsync(35);
    expect(ask.mock.calls.length).toBeGreaterThan(1);
    heartbeat.stop();
    const before = ask.mock.calls.length;
    await vi.advanceTimersByTimeAsync(1000);
    expect(ask.mock.calls.length).toBe(before);
    expect(silent.missed).not.toHaveBeenCalled();
    vi.useRealTimers();
  });
});
