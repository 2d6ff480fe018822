/** The file system that a container starts with: Linux's usual directories, devices and commands. */

import { Device, FileNode, Folder } from "./files/nodes.ts";
import type { Volume } from "./files/volume.ts";

/** The programs that have names of their own in the Workers' bundles. */
const PROGRAMS = { "/usr/local/bin": ["node", "npm", "npx"], "/bin": ["bash", "sh", "jsh"] } as const;

/** Commands that the shell has, of its own or of its package (`just-bash` 3.4.2), which run in a process of their own when something other than a shell starts them. */
export const COMMANDS =
  "echo cat printf ls mkdir rmdir touch rm cp mv ln chmod pwd readlink head tail wc stat grep fgrep egrep rg sed awk sort uniq comm cut paste " +
  "tr rev nl fold expand unexpand strings split column join tee find basename dirname tree du env printenv xargs true false clear jq base64 " +
  "diff date sleep timeout time seq expr md5sum sha1sum sha256sum file which tac hostname whoami od gzip gunzip zcat tar yq cmp factor shuf yes arch base32 hexdump id mktemp nproc realpath tty uname xxd";

const TEXTS: Readonly<Record<string, string>> = {
  "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
  "/etc/group": "root:x:0:\n",
  "/etc/hostname": "webcontainer\n",
  "/etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost\n",
};

/** Bytes that one call of the browser's generator may fill. */
const RANDOM_PART = 65536;

/** Put into an empty volume what every container has. */
export function furnish(volume: Volume, home: string): void {
  for (const path of ["/bin", "/dev", "/etc", "/root", "/usr/bin", "/usr/local/bin", "/var/tmp", home]) volume.mkdir(path, true, 0o755);
  volume.mkdir("/tmp", false, 0o1777);
  for (const [path, text] of Object.entries(TEXTS)) volume.writeFile(path, new TextEncoder().encode(text), "w", 0o644);
  for (const [folder, names] of Object.entries(PROGRAMS)) for (const name of names) program(volume, `${folder}/${name}`, name);
  for (const name of COMMANDS.split(" ")) program(volume, `/usr/bin/${name}`, "command");
  // Scripts name their interpreter by either path.
  for (const name of PROGRAMS["/usr/local/bin"]) volume.symlink(`../local/bin/${name}`, `/usr/bin/${name}`);
  for (const name of PROGRAMS["/bin"]) volume.symlink(`../../bin/${name}`, `/usr/bin/${name}`);
  device(volume, "null", () => new Uint8Array(0));
  device(volume, "zero", (length) => new Uint8Array(Math.min(length, 1 << 20)));
  device(volume, "random", random);
  device(volume, "urandom", random);
  // Each process has its own: these say that the names exist.
  for (const name of ["stdin", "stdout", "stderr"]) device(volume, name, () => new Uint8Array(0));
}

function program(volume: Volume, path: string, name: string): void {
  put(volume, path, new FileNode(0o755, new Uint8Array(0), name));
}

function device(volume: Volume, name: string, read: (length: number) => Uint8Array): void {
  put(volume, `/dev/${name}`, new Device(read, (data) => data.length));
}

function put(volume: Volume, path: string, node: FileNode | Device): void {
  const at = path.lastIndexOf("/");
  const folder = volume.nodeAt(path.slice(0, at));
  if (folder instanceof Folder) volume.attach(folder, path.slice(at + 1), node);
}

function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(Math.min(length, RANDOM_PART)));
}
