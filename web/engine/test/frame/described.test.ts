/** Snapshots with modes and times, as the client hands them on. */

import { decode, encode } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { describe as exported, load } from "../../src/frame/client/described.ts";
import { Volume } from "../../src/frame/files/volume.ts";

const HOME = "/home/project";

/** A container's files, to be mounted and exported. */
class Files {
  private readonly volume = new Volume();

  constructor(tree: object) {
    this.volume.mkdir(HOME, true);
    this.load(tree);
  }

  load(tree: object): void {
    load(this.volume, HOME, encode(tree));
  }

  out(path = "."): unknown {
    return decode(exported(this.volume, `${HOME}/${path}`));
  }
}

describe("files", () => {
  it("come and go with modes and times", () => {
    const files = new Files({ d: { kept: { f: { c: "k" } }, over: { f: { l: "kept" } }, way: { f: { l: "/tmp" } } } });
    const bytes = (words: string): Uint8Array => new TextEncoder().encode(words);
    const d = {
      over: { f: { c: bytes("new") }, m: 0o600, t: 1_000 },
      script: { f: { c: bytes("#!/bin/sh") }, m: 0o644, t: 1_001 },
      way: { d: { deep: { d: { run: { f: { c: bytes("r") }, m: 0o755, t: 1_002 } }, m: 0o700, t: 1_003 } }, m: 0o755, t: 1_004 },
      link: { f: { l: "kept" }, m: 0o777, t: 1_005 },
    };
    files.load({ described: true, d });
    expect(files.out()).toMatchObject({ d: { ...d, kept: { f: { c: bytes("k") }, m: 0o644, t: expect.any(Number) as number } } });
    expect(files.out("way")).toEqual(d.way);
    files.load({ described: true, d: { link: { f: { l: "over" }, m: 0o777, t: 2_000 }, way: { d: { deep: { d: { run: { f: { c: "s" } } } } } } } });
    expect(files.out("way")).toMatchObject({ d: { deep: { d: { run: { f: { c: bytes("s") }, m: 0o644 } }, m: 0o700 } }, m: 0o755, t: 1_004 });
    expect(files.out()).toMatchObject({ d: { link: { f: { l: "over" }, t: 2_000 } } });
  });

  it("are refused where there is no folder", () => {
    const files = new Files({ d: { kept: { f: { c: "k" } } } });
    expect(() => files.out("kept")).toThrow("ENOTDIR: not a directory, export '/home/project/kept'");
    expect(() => files.out("none")).toThrow("ENOENT: no such file or directory, export '/home/project/none'");
    const volume = new Volume();
    volume.writeFile("/file", new Uint8Array(0));
    expect(() => load(volume, "/none", encode({ described: true, d: {} }))).toThrow("ENOENT: no such file or directory, mount '/none'");
    expect(() => load(volume, "/file", encode({ described: true, d: {} }))).toThrow("ENOTDIR: not a directory, mount '/file'");
  });

  it("stay as they are where a tree does not fit", () => {
    const files = new Files({ d: { file: { f: { c: "k" } }, folder: { d: {} } } });
    const before = files.out();
    const first = { f: { c: "1" }, m: 0o644, t: 1 };
    const wrong: [object, string][] = [
      [{ a: first, file: { d: {} } }, "EEXIST: file already exists, mount '/home/project/file'"],
      [{ a: first, folder: first }, "EEXIST: file already exists, mount '/home/project/folder'"],
      [{ a: first, b: { d: { "..": first } } }, '".." in /home/project/b is no name that a file can have'],
      [{ a: first, b: {} }, "/home/project/b is neither a file {f: {…}} nor a folder {d: {…}}"],
    ];
    for (const [d, words] of wrong) expect(() => files.load({ described: true, d })).toThrow(words);
    expect(files.out()).toEqual(before);
  });
});
