import real from "node:events";
import { expect, it } from "vitest";
import { EventEmitter, EventEmitterAsyncResource, once, provideAsyncResource } from "../../src/process/modules/events.ts";

it("waits for an event of what has only `on` and `once`, as Node does", async () => {
  const asNode = (source: unknown, name: string): Promise<unknown[]> => real.once(source as real.EventEmitter, name);
  for (const wait of [once, asNode]) {
    const inner = new EventEmitter();
    const part = { on: inner.on.bind(inner), once: inner.once.bind(inner) };
    const waited = wait(part, "ready");
    inner.emit("ready", 1, 2);
    expect(await waited).toEqual([1, 2]);
  }
});

it("tells the numbers of an emitter's async resource", () => {
  let destroyed = 0;
  provideAsyncResource(class {
    runInAsyncScope = (body: unknown, self: unknown, ...args: unknown[]): unknown => (body as (...given: unknown[]) => unknown).apply(self, args);
    asyncId = (): number => 7;
    triggerAsyncId = (): number => 3;
    emitDestroy = (): number => destroyed += 1;
  });
  const emitter = new EventEmitterAsyncResource({ name: "mine" });
  emitter.emitDestroy();
  expect([emitter.asyncId, emitter.triggerAsyncId, destroyed]).toEqual([7, 3, 1]);
});
