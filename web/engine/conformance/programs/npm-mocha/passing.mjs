import { strictEqual } from "node:assert";

describe("a module", function () {
  this.timeout(500);
  it("passes", () => strictEqual(1, 1));
});
