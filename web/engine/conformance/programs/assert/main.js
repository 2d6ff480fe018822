const assert = require("assert");

const cases = {
  ok: () => assert(0),
  "ok with message": () => assert.ok(false, "it must be"),
  equal: () => assert.equal(1, 2),
  strictEqual: () => assert.strictEqual("a", "b"),
  "strictEqual types": () => assert.strictEqual(1, "1"),
  "strictEqual lines": () => assert.strictEqual("a\nb\nc", "a\nB\nc"),
  deepEqual: () => assert.deepEqual({ a: 1 }, { a: "2" }),
  deepStrictEqual: () => assert.deepStrictEqual({ a: 1, b: [1, 2] }, { a: 1, b: [1, 3] }),
  "deepStrictEqual set": () => assert.deepStrictEqual(new Set([1]), new Set([2])),
  notStrictEqual: () => assert.notStrictEqual(1, 1),
  notDeepStrictEqual: () => assert.notDeepStrictEqual({ a: 1 }, { a: 1 }),
  throws: () => assert.throws(() => {}),
  "throws other": () => assert.throws(() => { throw new Error("x"); }, /y/),
  doesNotThrow: () => assert.doesNotThrow(() => { throw new Error("x"); }),
  match: () => assert.match("abc", /x/),
  fail: () => assert.fail("failed"),
  ifError: () => assert.ifError(new Error("was")),
  error: () => assert.strictEqual(1, 2, new TypeError("own")),
};
for (const [name, run] of Object.entries(cases)) {
  try {
    run();
    console.log(name, "passed");
  } catch (error) {
    console.log(`${name}: ${error.name} ${error.code} ${error.operator} ${error.generatedMessage}\n${name === "ok" ? "" : error.message}`);
  }
}
assert.deepEqual({ a: 1 }, { a: "1" });
assert.deepStrictEqual(new Map([[{ a: 1 }, [2]]]), new Map([[{ a: 1 }, [2]]]));
assert.deepStrictEqual([NaN, -0, new Date(0), /a/g, Buffer.from("x")], [NaN, -0, new Date(0), /a/g, Buffer.from("x")]);
assert.throws(() => assert.deepStrictEqual(-0, 0));
assert.throws(() => { throw new TypeError("bad"); }, { name: "TypeError", message: "bad" });
assert.strict.equal(1, 1);
(async () => {
  await assert.rejects(Promise.reject(new Error("r")), /r/);
  await assert.doesNotReject(async () => {});
  await assert.rejects(async () => {}).catch((error) => console.log(error.message));
  console.log(new assert.AssertionError({ actual: 1, expected: 2, operator: "strictEqual" }).message, require("assert/strict") === assert.strict);
})();
