import { describe, expect, it } from "vitest";
import { BadOption, parseOptions, wrongForThread } from "../../src/process/options.ts";

describe("options of node", () => {
  it("reads what comes before the script", () => {
    const options = parseOptions(["--no-warnings", "--max-old-space-size=100", "-r", "./first.js", "main.js", "--title=mine"]);
    expect(options).toMatchObject({ warnings: false, requires: ["./first.js"], rest: ["main.js", "--title=mine"], execArgv: ["--no-warnings", "--max-old-space-size=100", "-r", "./first.js"] });
  });

  const refused = [
    "--preserve-symlinks-main", "--trace-uncaught", "--max-http-header-size=5", "--no-experimental-require-module", "--trace-sigint",
    "--abort-on-uncaught-exception", "--enable-fips", "--enable-source-maps", "--secure-heap=1", "--icu-data-dir=x", "--inspect", "--watch",
  ];
  it.each(refused)("refuses by name what it would not do: %s", (word) => {
    const [name = ""] = word.split("=");
    expect(() => parseOptions([word, "main.js"])).toThrow(BadOption);
    expect(() => parseOptions([word, "main.js"])).toThrow(`${name} is not supported by the local WebContainer engine`);
  });

  it("takes values of names with underscores, and negations", () => {
    const options = parseOptions(["--disable_warning=DEP1", "--stack-trace-limit=1", "--no-extra-info-on-fatal-exception", "--no-experimental-fetch", "--no-inspect", "--env-file=.env", "-e", "\\-1"]);
    expect(options).toMatchObject({ silenced: ["DEP1"], stackLimit: 1, extraInfo: false, evaluate: "-1", envFiles: [{ path: ".env", optional: false }] });
    expect(options.hidden).toContain("Headers");
  });

  it("reads NODE_OPTIONS first", () => {
    expect(parseOptions(["--warnings", "main.js"], '--no-warnings  --require "./a b.js"')).toMatchObject({ warnings: true, requires: ["./a b.js"], execArgv: ["--warnings"] });
    expect(() => parseOptions([], "--eval=1")).toThrow("--eval= is not allowed in NODE_OPTIONS");
    expect(() => parseOptions([], "--no-such-option")).toThrow("--no-such-option is not allowed in NODE_OPTIONS");
    expect(parseOptions([], "main.js --no-warnings")).toMatchObject({ warnings: true });
    expect(() => parseOptions([], '--require "x')).toThrow("invalid value for NODE_OPTIONS (unterminated string)");
  });

  const wrong: readonly (readonly [string[], string])[] = [
    [["--require"], "--require requires an argument"], [["--require="], "--require= requires an argument"], [["-e", "-1"], "-e requires an argument"],
    [["--no-eval"], "--no-eval is an invalid negation because it is not a boolean option"], [["-z"], "bad option: -z"], [["--stack-size=abc"], "bad option: --stack-size=abc"],
    [["--unhandled-rejections=foo"], "invalid value for --unhandled-rejections"], [["-c", "-e", "1"], "either --check or --eval can be used, not both"],
  ];
  it.each(wrong)("says what is wrong as Node does: %j", (words, message) => {
    expect(() => parseOptions(words)).toThrow(message);
  });

  it("knows no other options", () => {
    expect(() => parseOptions(["--no-such-option"])).toThrow("bad option: --no-such-option");
    expect(() => parseOptions(["--harmony-no-such-stage"])).toThrow("bad option: --harmony-no-such-stage");
  });

  it("takes stages of the language that the browser has, and refuses the others", () => {
    expect(parseOptions(["--harmony-array-grouping", "--no-harmony-struct"]).rest).toEqual([]);
    for (const word of ["--harmony-struct", "--no-harmony-temporal"]) expect(() => parseOptions([word])).toThrow(`${word} is not supported by the local WebContainer engine`);
  });

  const threads: readonly (readonly [string[], string | null])[] = [
    [["--no-warnings", "--require", "./x.js", "rest", "--nope"], null], [["--nope", "--title=x", "-e", "1", "--harmony"], "--nope, --title=x, --harmony"],
    [["--require"], "--require requires an argument"], [["--watch"], "--watch is not supported by the local WebContainer engine"],
  ];
  it.each(threads)("tells what no thread can have: %j", (words, wrong) => {
    expect(wrongForThread(words)).toBe(wrong);
  });
});
