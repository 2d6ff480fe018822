const assert = require("assert");

describe("arithmetic", () => {
  let n;
  beforeEach(() => { n = 1; });
  it("adds", () => assert.equal(n + 1, 2));
  it("waits", async () => { await new Promise((done) => setTimeout(done, 5)); assert.ok(true); });
  it("calls back", (done) => setImmediate(done));
  it("fails", () => assert.equal(n, 2));
  it.skip("is skipped", () => {});
  it("is pending");
});
