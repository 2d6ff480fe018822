import { expect, it } from "vitest";
import { arrange, begin, handle, turn } from "../../src/process/loop.ts";
import { clearInterval, clearTimeout, processNextTick, setImmediate, setInterval, setTimeout } from "../../src/process/timers.ts";

const native = globalThis.setTimeout;

/** Run a program on the loop until nothing keeps it alive; what it logged. */
async function program(body: (log: (word: string) => void) => void, atIdle?: (log: (word: string) => void) => void): Promise<string[]> {
  const words: string[] = [];
  const log = (word: string): void => void words.push(word);
  let first = true;
  return new Promise((resolve) => {
    arrange(() => {
      if (first) atIdle?.(log);
      first = false;
    }, () => resolve(words));
    begin(() => body(log));
  });
}

it("runs ticks before promise reactions, timers before immediates after the first turn", async () => {
  const words = await program((log) => {
    setTimeout(() => log("timeout"), 1);
    setImmediate(() => log("immediate"));
    void Promise.resolve().then(() => {
      log("reaction");
      processNextTick(() => log("tick of a reaction"));
    }).then(() => log("second reaction"));
    processNextTick(() => {
      log("tick");
      processNextTick(() => log("tick of a tick"));
    });
    const end = performance.now() + 3;
    while (performance.now() < end);
    log("main");
  });
  expect(words).toEqual(["main", "tick", "tick of a tick", "reaction", "second reaction", "tick of a reaction", "timeout", "immediate"]);
});

it("drains ticks and reactions between two callbacks of one phase", async () => {
  const words = await program((log) => {
    for (const name of ["a", "b"]) {
      setImmediate(() => {
        log(name);
        void Promise.resolve().then(() => log(`${name} reaction`));
        processNextTick(() => log(`${name} tick`));
      });
    }
  });
  expect(words).toEqual(["a", "a tick", "a reaction", "b", "b tick", "b reaction"]);
});

it("an immediate set in an event comes before a timeout set there", async () => {
  const words = await program((log) => {
    const open = handle();
    native(() => turn(() => {
      setTimeout(() => log("timeout"), 0);
      setImmediate(() => log("immediate"));
      open.close();
    }), 5);
  });
  expect(words).toEqual(["immediate", "timeout"]);
});

it("an immediate set by an immediate waits for the next round", async () => {
  const words = await program((log) => {
    setImmediate(() => {
      log("first");
      setImmediate(() => log("third"));
    });
    setImmediate(() => log("second"));
  });
  expect(words).toEqual(["first", "second", "third"]);
});

it("timers fire by their time, then by their order; cleared ones do not", async () => {
  const words = await program((log) => {
    setTimeout(() => log("late"), 12);
    setTimeout(() => log("early"), 2);
    setTimeout(() => log("early too"), 2);
    clearTimeout(setTimeout(() => log("never"), 3));
    const number = Number(setTimeout(() => log("never by number"), 3));
    clearTimeout(number);
    let count = 0;
    const each = setInterval(() => {
      count += 1;
      log(`interval ${count}`);
      if (count === 2) clearInterval(each);
    }, 4);
  });
  expect(words.filter((word) => !word.startsWith("interval"))).toEqual(["early", "early too", "late"]);
  expect(words.filter((word) => word.startsWith("interval"))).toEqual(["interval 1", "interval 2"]);
});

it("what is not referenced does not keep it alive", async () => {
  const words = await program((log) => {
    setTimeout(() => log("never"), 10_000).unref();
    const open = handle();
    open.unref();
    setTimeout(() => log("refreshed"), 3).refresh();
  });
  expect(words).toEqual(["refreshed"]);
});

it("gets one more chance when nothing is left, and another after that gave it something to do", async () => {
  const words = await program((log) => log("main"), (log) => {
    log("idle");
    setTimeout(() => log("after idle"), 1);
  });
  expect(words).toEqual(["main", "idle", "after idle"]);
});
