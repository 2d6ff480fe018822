import node from "node:path";
import { describe, it } from "vitest";
import { posix, win32 } from "../../src/process/modules/path.ts";
import { same } from "./same.ts";

const POSIX = ["", "/", "//", "a", "a/", "/a", "//a", "a/b", "a//b", "/a/b.c/", "./x", "../x/..", "a/../../b", ".bashrc", "a.b.c", "..", "a..", "/x/./y/../z", "...", "a/b/../../.."];
const WINDOWS = ["", "C:", "C:\\", "C:\\a\\..\\b", "C:a", "\\\\server\\share\\x", "a/b\\c", "\\x", "C:/x/y.txt", "..\\..\\z", "c:\\A\\b.", "\\\\s\\h"];

describe.each([["posix", posix, node.posix, POSIX], ["win32", win32, node.win32, WINDOWS]] as const)("path.%s", (_name, ours, nodes, paths) => {
  it.each(paths)("%j", (path) => {
    for (const method of ["normalize", "isAbsolute", "dirname", "basename", "extname", "parse", "toNamespacedPath"] as const) {
      if (ours === win32 && method === "toNamespacedPath" && !/^[A-Za-z]:\\/.test(path)) continue;
      same(() => ours[method](path), () => nodes[method](path));
    }
    for (const other of paths) {
      same(() => ours.join(path, other), () => nodes.join(path, other));
      if (ours === posix) same(() => ours.resolve("/r", path, other), () => nodes.resolve("/r", path, other));
      else same(() => ours.resolve("C:\\r", path, other), () => nodes.resolve("C:\\r", path, other));
      if (ours === posix) same(() => ours.relative(path, other), () => nodes.relative(path, other));
    }
  });

  it("formats, and refuses what is no text", () => {
    for (const parts of [{ dir: "/a", base: "b" }, { root: "/", name: "n", ext: "e" }, { name: "n", ext: ".e" }, {}]) same(() => ours.format(parts), () => nodes.format(parts));
    same(() => ours.join("a", 5 as never), () => nodes.join("a", 5 as never));
    same(() => ours.format(null as never), () => nodes.format(null as never));
    same(() => ours.basename("a.b", ".b"), () => nodes.basename("a.b", ".b"));
  });
});
