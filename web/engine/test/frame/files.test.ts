/** The volume against the real file system of the Node that runs this: same operations, same outcomes. */

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { Failure } from "../../src/frame/files/errors.ts";
import { Volume } from "../../src/frame/files/volume.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

const base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "volume-")));
afterAll(() => fs.rmSync(base, { recursive: true }));


const OPERATIONS = {
  write: [(at: string, data: string, flag?: string) => fs.writeFileSync(at, data, { flag: flag ?? "w" }), (v: Volume, at: string, data: string, flag?: string) => v.writeFile(at, bytes(data), flag)],
  read: [(at: string) => fs.readFileSync(at, "utf8"), (v: Volume, at: string) => text(v.readFile(at))],
  mkdir: [(at: string) => fs.mkdirSync(at) ?? null, (v: Volume, at: string) => v.mkdir(at)],
  mkdirs: [(at: string) => fs.mkdirSync(at, { recursive: true }) ?? null, (v: Volume, at: string) => v.mkdir(at, true)],
  rmdir: [(at: string) => fs.rmdirSync(at), (v: Volume, at: string) => v.rmdir(at)],
  unlink: [(at: string) => fs.unlinkSync(at), (v: Volume, at: string) => v.unlink(at)],
  rm: [(at: string, recursive: boolean, force: boolean) => fs.rmSync(at, { recursive, force }), (v: Volume, at: string, recursive: boolean, force: boolean) => v.rm(at, recursive, force)],
  rename: [(from: string, to: string) => fs.renameSync(from, to), (v: Volume, from: string, to: string) => v.rename(from, to)],
  link: [(from: string, to: string) => fs.linkSync(from, to), (v: Volume, from: string, to: string) => v.link(from, to)],
  symlink: [(to: string, at: string) => fs.symlinkSync(to, at), (v: Volume, to: string, at: string) => v.symlink(to, at)],
  readlink: [(at: string) => fs.readlinkSync(at), (v: Volume, at: string) => v.readlink(at)],
  realpath: [(at: string) => fs.realpathSync.native(at), (v: Volume, at: string) => v.realpath(at)],
  readdir: [(at: string) => fs.readdirSync(at).sort(), (v: Volume, at: string) => v.readdir(at).map((entry) => entry.name)],
  size: [(at: string) => sizeAndLinks(fs.statSync(at)), (v: Volume, at: string) => sizeAndLinks(v.stat(at))],
  mode: [(at: string) => fs.lstatSync(at).mode, (v: Volume, at: string) => v.lstat(at).mode],
  chmod: [(at: string, mode: number) => fs.chmodSync(at, mode), (v: Volume, at: string, mode: number) => v.chmod(at, mode)],
  copy: [(from: string, to: string, flags: number) => fs.copyFileSync(from, to, flags), (v: Volume, from: string, to: string, flags: number) => v.copyFile(from, to, flags)],
  truncate: [(at: string, length: number) => fs.truncateSync(at, length), (v: Volume, at: string, length: number) => v.truncate(at, length)],
  utimes: [
    (at: string, atime: number, mtime: number) => times(fs.utimesSync(at, atime / 1000, mtime / 1000) ?? fs.statSync(at)),
    (v: Volume, at: string, atime: number, mtime: number) => times(v.utimes(at, atime, mtime, true) ?? v.stat(at)),
  ],
} as const;

function sizeAndLinks(stat: { size: number; nlink: number; mode: number }): unknown {
  return (stat.mode & 0o170000) === 0o040000 ? stat.nlink : [stat.size, stat.nlink];
}

function times(stat: { atimeMs: number; mtimeMs: number }): unknown {
  return [stat.atimeMs, stat.mtimeMs];
}

type Name = keyof typeof OPERATIONS;
type Step = [Name, ...unknown[]];

let root = "";
let volume = new Volume();
let count = 0;

beforeEach(() => {
  root = path.join(base, String((count += 1)));
  fs.mkdirSync(root);
  volume = new Volume();
  volume.mkdir(root, true);
});

function outcome(body: () => unknown): unknown {
  try {
    return { value: JSON.parse(JSON.stringify(body() ?? null).replaceAll(root, "")) as unknown };
  } catch (error) {
    const { code, message, syscall, errno } = error instanceof Failure ? error.details : (error as NodeJS.ErrnoException);
    return { code, message: message.replaceAll(root, ""), syscall, errno };
  }
}

/** Perform all steps on both sides; each must come out the same. Paths that begin with `/` are below the test's folder. */
function same(...steps: Step[]): void {
  process.umask(0o022);
  for (const [name, ...args] of steps) {
    const [real, ours] = OPERATIONS[name] as unknown as [(...args: unknown[]) => unknown, (...args: unknown[]) => unknown];
    const placed = args.map((arg) => (typeof arg === "string" && arg.startsWith("/") ? root + arg : arg));
    expect([name, ...args, outcome(() => ours(volume, ...placed))]).toEqual([name, ...args, outcome(() => real(...placed))]);
  }
}

describe("files as on Linux", () => {
  it("reads what was written, with each flag", () => {
    same(["write", "/a", "one"], ["write", "/a", "two", "a"], ["read", "/a"], ["write", "/a", "x", "wx"], ["write", "/b", "x", "r+"], ["write", "/a", "X", "r+"], ["read", "/a"]);
    same(["read", "/none"], ["read", "/a/b"], ["write", "/a/b", ""], ["write", "/no/b", ""], ["mkdir", "/d"], ["read", "/d"], ["write", "/d", ""], ["read", "/a/"]);
  });

  it("makes and removes directories", () => {
    same(["mkdir", "/d"], ["mkdir", "/d"], ["mkdir", "/x/y"], ["mkdirs", "/x/y/z"], ["mkdirs", "/x/y/z"], ["write", "/f", ""], ["mkdirs", "/f"], ["mkdirs", "/f/g"]);
    same(["readdir", "/"], ["readdir", "/x/y"], ["readdir", "/f"], ["readdir", "/none"], ["rmdir", "/x"], ["rmdir", "/f"], ["rmdir", "/d"], ["rmdir", "/d"], ["size", "/x"]);
    same(["unlink", "/x"], ["unlink", "/none"], ["rm", "/none", false, false], ["rm", "/none", false, true], ["rm", "/x", true, false], ["rm", "/f", false, false], ["readdir", "/"]);
  });

  it("renames files and directories", () => {
    same(["mkdirs", "/a/b/c"], ["write", "/f", "F"], ["write", "/g", "G"], ["rename", "/f", "/g"], ["read", "/g"], ["rename", "/none", "/g"], ["rename", "/a", "/a/b/d"], ["rename", "/g", "/a"]);
    same(["rename", "/a", "/g"], ["mkdirs", "/full/x"], ["rename", "/a", "/full"], ["mkdir", "/empty"], ["rename", "/a", "/empty"], ["readdir", "/empty/b"], ["realpath", "/empty/b/../b/c/."], ["size", "/"]);
  });

  it("follows links as far as Linux does", () => {
    same(["write", "/f", "text"], ["symlink", "f", "/l"], ["read", "/l"], ["readlink", "/l"], ["readlink", "/f"], ["realpath", "/l"], ["mode", "/l"], ["symlink", "x", "/l"]);
    same(["symlink", "loop2", "/loop1"], ["symlink", "loop1", "/loop2"], ["read", "/loop1"], ["mkdirs", "/d/e"], ["symlink", "../d/e", "/d/up"], ["write", "/d/up/new", "n"], ["read", "/d/e/new"]);
    same(["symlink", "later", "/dangling"], ["read", "/dangling"], ["write", "/dangling", "made"], ["read", "/later"], ["unlink", "/l"], ["read", "/f"], ["rm", "/d/up", true, false], ["readdir", "/d/e"]);
    same(["symlink", "/d", "/abs"], ["readdir", "/abs/e"], ["rmdir", "/abs"], ["realpath", "/abs/e/new"], ["realpath", "/abs/none"], ["mkdir", "/dangling2/x"], ["read", "/f/../f"]);
  });

  it("counts hard links and sizes", () => {
    same(["write", "/a", "abc"], ["link", "/a", "/b"], ["size", "/a"], ["write", "/b", "longer"], ["read", "/a"], ["unlink", "/a"], ["size", "/b"], ["link", "/none", "/c"], ["link", "/b", "/b"]);
    same(["truncate", "/b", 2], ["read", "/b"], ["truncate", "/b", 4], ["read", "/b"], ["truncate", "/none", 1], ["copy", "/b", "/c", 0], ["copy", "/b", "/c", 1], ["copy", "/none", "/c", 0], ["read", "/c"]);
  });

  it("keeps modes and times", () => {
    same(["write", "/a", "1"], ["chmod", "/a", 0o600], ["mode", "/a"], ["copy", "/a", "/b", 0], ["mode", "/b"], ["chmod", "/none", 0o600], ["utimes", "/a", 1_000, 2_000], ["utimes", "/none", 1, 1]);
  });

  it("refuses names that are too long", () => {
    same(["write", `/${"n".repeat(256)}`, ""], ["mkdir", `/${"n".repeat(256)}/x`]);
  });
});

describe("open files", () => {
  it("reads and writes at positions, and appends whatever the position", () => {
    volume.writeFile("/f", bytes("0123456789"));
    const file = volume.open("/f", "r+", 0);
    expect(text(file.read(3, null))).toBe("012");
    expect(text(file.read(3, 7))).toBe("789");
    expect(file.write(bytes("ab"), null)).toBe(2);
    expect(text(file.read(99, null))).toBe("56789");
    const end = volume.open("/f", "a+", 0);
    end.write(bytes("!"), 0);
    expect(text(volume.readFile("/f"))).toBe("012ab56789!");
    expect(() => volume.open("/f", "r", 0).write(bytes("x"), null)).toThrow("bad file descriptor");
  });

  it("keeps an unlinked file for whoever has it open, and frees its bytes after", () => {
    volume.writeFile("/f", bytes("kept"));
    const used = volume.space.used;
    const file = volume.open("/f", "r", 0);
    volume.unlink("/f");
    expect(text(file.read(99, null))).toBe("kept");
    expect(volume.space.used).toBe(used);
    file.close();
    expect(volume.space.used).toBe(used - 4);
  });

  it("fills a gap with zeros", () => {
    const file = volume.open("/f", "w", 0o644);
    file.write(bytes("abcdef"), null);
    file.truncate(2);
    file.write(bytes("z"), 4);
    expect([...volume.readFile("/f")]).toEqual([...bytes("ab\0\0z")]);
  });
});

describe("space", () => {
  it("is limited, with ENOSPC for what does not fit, and is given back", () => {
    const small = new Volume(10);
    small.writeFile("/a", new Uint8Array(8));
    expect(() => small.writeFile("/b", new Uint8Array(3))).toThrow("ENOSPC: no space left on device, write");
    small.writeFile("/a", new Uint8Array(1));
    small.writeFile("/b", new Uint8Array(9));
    small.rm("/b", true, false);
    expect(small.space.used).toBe(1);
  });
});

describe("watching", () => {
  function heard(at: string, recursive: boolean): { events: string[]; stop: () => void } {
    const events: string[] = [];
    return { events, stop: volume.watch(at, recursive, (event, name) => events.push(`${event} ${name}`)) };
  }

  it("tells a directory's watcher of its entries, a recursive one of all below", () => {
    volume.mkdir("/w/deep/er", true);
    const flat = heard("/w", false);
    const deep = heard("/w", true);
    volume.writeFile("/w/f", bytes("1"));
    volume.writeFile("/w/deep/er/g", bytes("1"));
    volume.unlink("/w/f");
    expect(flat.events).toEqual(["rename f", "change f", "rename f"]);
    expect(deep.events).toEqual(["rename f", "change f", "rename deep/er/g", "change deep/er/g", "rename f"]);
    flat.stop();
    volume.writeFile("/w/h", bytes("1"));
    expect(flat.events).toHaveLength(3);
  });

  it("tells a file's watcher, and refuses what is not there", () => {
    volume.writeFile("/f", bytes("1"));
    const file = heard("/f", false);
    volume.writeFile("/f", bytes("22"));
    expect(file.events).toEqual(["change f"]);
    expect(() => heard("/none", false)).toThrow("ENOENT: no such file or directory, watch '/none'");
  });
});
