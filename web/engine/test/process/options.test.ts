import { describe, expect, it } from "vitest";
import { BadOption, parseOptions } from "../../src/process/options.ts";

describe("options of node", () => {
  it("reads what comes before the script", () => {
    const options = parseOptions(["--no-warnings", "--max-old-space-size=100", "-r", "./first.js", "main.js", "--title=mine"]);
    expect(options).toMatchObject({ warnings: false, requires: ["./first.js"], rest: ["main.js", "--title=mine"], execArgv: ["--no-warnings", "--max-old-space-size=100", "-r", "./first.js"] });
  });

  const refused = [
    "--disable-warning=DEP1", "--stack-trace-limit=1", "--preserve-symlinks-main", "--title=mine", "--trace-uncaught", "--trace-sigint",
    "--abort-on-uncaught-exception", "--enable-fips", "--enable-source-maps", "--secure-heap=1", "--icu-data-dir=x", "--inspect", "--watch",
  ];
  it.each(refused)("refuses by name what it would not do: %s", (word) => {
    const [name = ""] = word.split("=");
    expect(() => parseOptions([word, "main.js"])).toThrow(BadOption);
    expect(() => parseOptions([word, "main.js"])).toThrow(`${name} is not supported by the local WebContainer engine`);
  });

  it("knows no other options", () => {
    expect(() => parseOptions(["--no-such-option"])).toThrow("bad option: --no-such-option");
  });
});
