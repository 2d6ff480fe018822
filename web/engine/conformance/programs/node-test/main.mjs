import assert from "node:assert/strict";
import test, { after, afterEach, before, beforeEach, describe, it, mock } from "node:test";

const order = [];
process.on("exit", () => console.log(order.join(" ")));
test("passes", () => assert.equal(1, 1));
test("async", async () => { await null; });
test("fails", () => assert.equal(1, 2, "one is not two"));
test("skipped", { skip: "not today" }, () => assert.fail());
test("todo", { todo: true }, () => {});
test("parts", async (t) => {
  await t.test("first part", () => {});
  await t.test("second part", (t) => { t.diagnostic("a note"); });
});
describe("a suite", () => {
  before(() => order.push("before"));
  beforeEach(() => order.push("beforeEach"));
  afterEach(() => order.push("afterEach"));
  after(() => order.push("after"));
  it("one", () => order.push("one"));
  it("two", async () => order.push("two"));
  describe("nested", () => { it("three", () => order.push("three")); });
});
test("mocks", () => {
  const add = mock.fn((a, b) => a + b);
  assert.equal(add(1, 2), 3);
  assert.equal(add.mock.calls.length, 1);
  assert.deepEqual(add.mock.calls[0].arguments, [1, 2]);
  const object = { value: () => 1 };
  mock.method(object, "value", () => 2);
  assert.equal(object.value(), 2);
  mock.restoreAll();
  assert.equal(object.value(), 1);
});
test("callback", (t, done) => setTimeout(done, 1));
