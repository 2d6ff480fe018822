/** `realpath`, `readlink`, `basename`, `dirname`, `mktemp`, and what tells about the machine. */

import { reason } from "../redirect.ts";
import type { Io, Tool } from "./io.ts";
import { parse, ToolError, type Options } from "./options.ts";
import { nameOf } from "./listing.ts";

type Need = "all" | "folder" | "none";

/** A path without links. Throws what has a `code`: ENOENT for what has to be there, by `need`. */
function canonical(io: Io, name: string, need: Need): string {
  const wanted = name.startsWith("/") ? name : `${io.shell.state.cwd}/${name}`;
  let done = "";
  const left = wanted.split("/").filter((part) => part !== "" && part !== ".");
  for (let links = 0; left.length > 0; ) {
    const part = left.shift() ?? "";
    if (part === "..") {
      done = done.slice(0, Math.max(0, done.lastIndexOf("/")));
      continue;
    }
    const path = `${done}/${part}`;
    const link = linkOf(io, path);
    if (link === "missing") {
      if (need === "all" || (need === "folder" && left.length > 0)) throw Object.assign(new Error(path), { code: "ENOENT" });
      done = path;
    } else if (link === null) done = path;
    else {
      links += 1;
      if (links > 40) throw Object.assign(new Error(path), { code: "ELOOP" });
      if (link.startsWith("/")) done = "";
      left.unshift(...link.split("/").filter((piece) => piece !== "" && piece !== "."));
    }
  }
  return done === "" ? "/" : done;
}

/** Where a link leads; null when it is none. */
function linkOf(io: Io, path: string): string | null {
  try {
    const { mode } = io.files("fs.lstat", path);
    return (mode & 0o170000) === 0o120000 ? io.files("fs.readlink", path) : null;
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return "missing";
    throw error;
  }
}

function relative(path: string, base: string): string {
  const [to, from] = [path, base].map((each) => each.split("/").filter((part) => part !== "")) as [string[], string[]];
  let same = 0;
  while (same < to.length && same < from.length && to[same] === from[same]) same += 1;
  return [...from.slice(same).map(() => ".."), ...to.slice(same)].join("/") || ".";
}

async function resolved(io: Io, options: Options, names: readonly string[], need: Need, shown: (path: string) => string): Promise<number> {
  const end = options.has("z") ? "\0" : "\n";
  let code = 0;
  for (const name of names) {
    try {
      if (name === "") throw Object.assign(new Error(), { code: "ENOENT" });
      await io.print(shown(options.has("s") ? io.resolve(name) : canonical(io, name, need)) + end);
    } catch (error) {
      const why = reason(error);
      if (why === null) throw error;
      if (!options.has("q")) await io.complain(`${name === "" ? "''" : name}: ${why}`);
      code = 1;
    }
  }
  return code;
}

export const realpath: Tool = (io, args) => {
  const options = parse(args, "e m q s z !L P canonicalize-existing=e canonicalize-missing=m physical=P quiet=q strip=s no-symlinks=s zero=z relative-to: relative-base:");
  if (options.operands.length === 0) throw new ToolError("missing operand\nTry '\0 --help' for more information.");
  const need = ({ e: "all", m: "none" } as const)[options.last("em") ?? ""] ?? "folder";
  const [to, base] = [options.get("relative-to"), options.get("relative-base")].map((name) => (name === undefined ? undefined : canonical(io, name, need)));
  const shown = (path: string): string => {
    if (base !== undefined && path !== base && !path.startsWith(`${base}/`)) return path;
    const from = to ?? base;
    return from === undefined ? path : relative(path, from);
  };
  return resolved(io, options, options.operands, need, shown);
};

export const readlink: Tool = async (io, args) => {
  const options = parse(args, "e f m n q s=q v z canonicalize=f canonicalize-existing=e canonicalize-missing=m no-newline=n quiet=q silent=q verbose=v zero=z");
  if (options.operands.length === 0) throw new ToolError("missing operand\nTry '\0 --help' for more information.");
  const end = options.has("n") && options.operands.length === 1 ? "" : options.has("z") ? "\0" : "\n";
  const kind = options.last("efm");
  let code = 0;
  for (const name of options.operands) {
    try {
      const found = kind === undefined ? io.files("fs.readlink", io.resolve(name)) : canonical(io, name, kind === "e" ? "all" : kind === "m" ? "none" : "folder");
      await io.print(found + end);
    } catch (error) {
      const why = reason(error);
      if (why === null) throw error;
      if (options.has("v")) await io.complain(`${name}: ${why === "EINVAL" ? "Invalid argument" : why}`);
      code = 1;
    }
  }
  return code;
};

function baseOf(path: string): string {
  const bare = path.replace(/(.)\/+$/, "$1");
  return bare === "/" || /^\/+$/.test(bare) ? "/" : bare.slice(bare.lastIndexOf("/") + 1);
}

export const basename: Tool = async (io, args) => {
  const options = parse(args, "a s: z multiple=a suffix=s: zero=z", { first: true });
  const many = options.has("a") || options.has("s");
  const [first, second, extra] = options.operands;
  if (first === undefined) throw new ToolError("missing operand\nTry '\0 --help' for more information.");
  if (!many && extra !== undefined) throw new ToolError(`extra operand ‘${extra}’\nTry '\0 --help' for more information.`);
  const suffix = options.get("s") ?? (many ? "" : (second ?? ""));
  for (const name of many ? options.operands : [first]) {
    const base = baseOf(name);
    await io.print((suffix !== "" && base !== suffix && base.endsWith(suffix) ? base.slice(0, -suffix.length) : base) + (options.has("z") ? "\0" : "\n"));
  }
  return 0;
};

export const dirname: Tool = async (io, args) => {
  const options = parse(args, "z zero=z");
  if (options.operands.length === 0) throw new ToolError("missing operand\nTry '\0 --help' for more information.");
  for (const name of options.operands) {
    const bare = name.replace(/(.)\/+$/, "$1");
    const at = bare.lastIndexOf("/");
    await io.print((at < 0 ? "." : bare.slice(0, at).replace(/\/+$/, "") || "/") + (options.has("z") ? "\0" : "\n"));
  }
  return 0;
};

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

export const mktemp: Tool = async (io, args) => {
  const options = parse(args, "d u q t p: directory=d dry-run=u quiet=q tmpdir=tmpdir? suffix:");
  const [given, extra] = options.operands;
  if (extra !== undefined) throw new ToolError("too many templates\nTry '\0 --help' for more information.");
  const temporary = io.shell.state.get("TMPDIR") || "/tmp";
  const named = options.get("p") ?? (options.has("tmpdir") ? options.get("tmpdir") : undefined);
  const folder = given === undefined || options.has("t") || named !== undefined ? (named === undefined || named === "" ? temporary : named) : null;
  const template = given ?? "tmp.XXXXXXXXXX";
  const found = /^([^]*?)(X{3,})([^X/]*)$/.exec(template);
  if (found === null) throw new ToolError(`too few X's in template ‘${template}’`);
  const [, before = "", marks = "", after = ""] = found;
  const random = Array.from(crypto.getRandomValues(new Uint8Array(marks.length)), (byte) => LETTERS.charAt(byte % LETTERS.length)).join("");
  const path = `${folder === null ? "" : `${folder.replace(/(.)\/$/, "$1")}/`}${before}${random}${after}${options.get("suffix") ?? ""}`;
  try {
    if (!options.has("u")) {
      if (options.has("d")) io.files("fs.mkdir", io.resolve(path), false, 0o700);
      else io.files("fs.close", io.files("fs.open", io.resolve(path), "wx", 0o600));
    }
  } catch (error) {
    const why = reason(error);
    if (why === null) throw error;
    if (!options.has("q")) await io.complain(`failed to create ${options.has("d") ? "directory" : "file"} via template ‘${folder === null ? "" : `${folder}/`}${template}’: ${why}`);
    return 1;
  }
  await io.print(`${path}\n`);
  return 0;
};

const MACHINE: Readonly<Record<string, string>> = { s: "Linux", n: "localhost", r: "0.0.0-webcontainer", v: "#1", m: "x86_64", p: "unknown", i: "unknown", o: "GNU/Linux" };

export const uname: Tool = async (io, args) => {
  const options = parse(args, "a s n r v m p i o all=a kernel-name=s nodename=n kernel-release=r kernel-version=v machine=m processor=p hardware-platform=i operating-system=o");
  const wanted = options.given.length === 0 ? ["s"] : Array.from("snrvmpio").filter((key) => options.has(key) || (options.has("a") && !"pi".includes(key)));
  await io.print(`${wanted.map((key) => MACHINE[key] ?? "").join(" ")}\n`);
  return 0;
};

/** Every process here is root's. */
export const id: Tool = async (io, args) => {
  const options = parse(args, "u g G n r z user=u group=g groups=G name=n real=r zero=z");
  const kind = options.last("ugG");
  const [user, group] = [nameOf(io, 0, "passwd"), nameOf(io, 0, "group")];
  if (kind === undefined) await io.print(`uid=0(${user}) gid=0(${group}) groups=0(${group})\n`);
  else await io.print(`${options.has("n") ? (kind === "u" ? user : group) : "0"}\n`);
  return 0;
};

export const whoami: Tool = async (io) => {
  await io.print(`${nameOf(io, 0, "passwd")}\n`);
  return 0;
};

export const nproc: Tool = async (io, args) => {
  parse(args, "all ignore:");
  await io.print(`${navigator.hardwareConcurrency || 1}\n`);
  return 0;
};

/** No shell here has a terminal of its own. */
export const tty: Tool = async (io, args) => {
  const options = parse(args, "s silent=s quiet=s", { code: 2 });
  if (!options.has("s")) await io.print("not a tty\n");
  return 1;
};

export const arch: Tool = async (io) => {
  await io.print("x86_64\n");
  return 0;
};
