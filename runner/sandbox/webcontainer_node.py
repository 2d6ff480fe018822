"""What the genuine client cannot do to files, done by a small Node program in the container: metadata, links, times.

The client's own file calls read, write, list names, make, remove and rename; there is no stat, no chmod, no time and no
link, and its paths end at the work folder. One program does all of that, many paths at once, so that a thousand files
cost one start. It takes one JSON argument and prints one JSON line; `node -e` runs it in either engine.
"""

from __future__ import annotations

import json
from typing import Any, cast

from runner.errors import BoxFileError
from runner.run.ports import FileInfo
from runner.sandbox.webcontainer_errors import of_file

#: Bytes of a request that may be an argument; longer ones lie in a file that the program removes.
ARGUMENT = 60_000

PROGRAM = r"""
const fs = require("node:fs"), { join, dirname, basename } = require("node:path"), io = fs.promises;
const kindOf = (s) => (s.isSymbolicLink() ? "symlink" : s.isDirectory() ? "dir" : s.isFile() ? "file" : "other");
const about = async (path) => {
  const s = await io.lstat(path);
  return { name: basename(path), path, kind: kindOf(s), size: s.size, mode: s.mode & 0o7777, mtime: s.mtimeMs / 1000 };
};
const all = async (items, task) => {
  for (let at = 0; at < items.length; at += 200) await Promise.all(items.slice(at, at + 200).map(task));
};
const failed = (code, path) => Object.assign(new Error(code), { code, path });
const walk = async (top) => {
  const found = [];
  const visit = async (folder, prefix) => {
    const names = await io.readdir(folder);
    await all(names, async (name) => {
      const path = prefix + name, full = join(folder, name), s = await io.lstat(full), kind = kindOf(s);
      if (kind === "other") return;
      const line = [path, kind[0] === "s" ? "l" : kind[0], s.mode & 0o777, Math.max(0, Math.floor(s.mtimeMs / 1000))];
      if (kind === "symlink") line.push(await io.readlink(full));
      found.push(line);
      if (kind === "dir") await visit(full, path + "/");
    });
  };
  await visit(top, "");
  return found;
};
const clear = async (top, entries) => {
  await io.mkdir(top, { recursive: true });
  if ((await io.readdir(top)).length === 0) return;
  await all(entries, async ([path, kind]) => {
    const full = join(top, path);
    let there;
    try { there = kindOf(await io.lstat(full)); } catch (error) {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return;
      throw error;
    }
    if (kind === "d" ? there === "file" : there === "dir") throw failed("EEXIST", path);
    if (there === "symlink" || kind === "l") await io.rm(full);
  });
};
const apply = async (top, entries) => {
  await all(entries, async ([path, kind, mode, mtime]) => {
    if (kind === "l") return;
    const full = join(top, path);
    if (mode !== (kind === "d" ? 0o755 : 0o644)) await io.chmod(full, mode);
    if (kind === "f") await io.utimes(full, mtime, mtime);
  });
  const folders = entries.filter((entry) => entry[1] === "d").sort((a, b) => b[0].length - a[0].length);
  await all(folders, ([path, , , mtime]) => io.utimes(join(top, path), mtime, mtime));
};
const folder = async (path) => {
  if (!(await io.stat(path)).isDirectory()) throw failed("ENOTDIR", path);
  return path;
};
const TASKS = {
  stat: ({ path }) => about(path),
  enter: async ({ path }) => { await folder(path); },
  list: async ({ path }) => {
    const names = await io.readdir(await folder(path)), found = [];
    await all(names, async (name) => found.push(await about(join(path, name))));
    return found;
  },
  walk: async ({ path }) => walk(await folder(path)),
  clear: ({ path, entries }) => clear(path, entries),
  apply: ({ path, entries }) => apply(path, entries),
  read: async ({ path }) => (await io.readFile(path)).toString("base64"),
  write: async ({ path, data }) => {
    await io.mkdir(dirname(path), { recursive: true });
    await io.writeFile(path, Buffer.from(data, "base64"));
  },
  mkdir: async ({ path }) => { await io.mkdir(path, { recursive: true }); await folder(path); },
  remove: async ({ path }) => { await io.lstat(path); await io.rm(path, { recursive: true }); },
  move: async ({ path, target }) => {
    await io.lstat(path);
    await io.mkdir(dirname(target), { recursive: true });
    await io.rename(path, target);
  },
  put: async ({ path, target }) => {
    const whole = await io.readFile(path);
    await io.rm(path);
    await io.writeFile(target, whole);
  },
  copy: async ({ path, target }) => {
    await io.mkdir(target, { recursive: true });
    await io.cp(path, target, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  },
};
(async () => {
  let request = process.argv[1];
  if (request.startsWith("@")) {
    const file = request.slice(1);
    request = fs.readFileSync(file, "utf8");
    fs.rmSync(file);
  }
  request = JSON.parse(request);
  try {
    return { value: (await TASKS[request.task](request)) ?? null };
  } catch (error) {
    const { code = "EUNKNOWN", message, path = request.path } = error;
    return { error: { code, message: String(message), path } };
  }
})().then((answer) => process.stdout.write("\n\x02" + JSON.stringify(answer) + "\n"));
"""


def answered(stdout: str, path: str) -> Any:
    """The program's answer. Raises the error of files that it told, BoxFileError when there is none."""
    mark = stdout.rfind("\x02")
    try:
        answer = json.loads(stdout[mark + 1 :]) if mark >= 0 else {}
    except ValueError:
        answer = {}
    if "error" in answer:
        about = answer["error"]
        raise of_file(str(about.get("code")), str(about.get("path") or path), str(about.get("message", "")))
    if "value" not in answer:
        raise BoxFileError(f"{path!r} cannot be used: the container's helper program said nothing")
    return answer["value"]


def info(about: dict[str, Any]) -> FileInfo:
    """What the program tells of a path."""
    kind = about["kind"]
    return FileInfo(
        name=str(about["name"]),
        path=str(about["path"]),
        kind=cast("Any", kind if kind in ("file", "dir", "symlink") else "other"),
        size=int(about["size"]),
        mode=int(about["mode"]),
        mtime=float(about["mtime"]),
    )
