/** `os`: what is true of a container, and of no machine in particular. */

import { constants } from "./os/constants.ts";
import { systemFailure } from "./fs/steps.ts";
import { validateInteger } from "./validate.ts";

interface Process {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly arch: string;
  uptime(): number;
}
const host = (): Process => (globalThis as unknown as { process: Process }).process;

/** Read when the process starts, before its globals become Node's. */
const machine = {
  processors: (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ?? 1,
  memory: ((globalThis as { navigator?: { deviceMemory?: number } }).navigator?.deviceMemory ?? 4) * 2 ** 30,
  started: Date.now(),
};

const home = (): string => host().env.HOME ?? "/root";

function priority(pid: unknown): number {
  validateInteger(pid, "pid", -(2 ** 31), 2 ** 31 - 1);
  return 0;
}

/** Node calls these names when they are made into text. */
const asText = <T extends () => string>(read: T): T => Object.defineProperty(read, Symbol.toPrimitive, { value: read, configurable: true });

/** The module, with the keys of Node's in its order. */
export const os = {
  arch: asText(() => host().arch),
  availableParallelism: () => machine.processors,
  cpus: () => Array.from({ length: machine.processors }, () => ({ model: "WebContainer", speed: 0, times: { user: 0, nice: 0, sys: 0, idle: 0, irq: 0 } })),
  endianness: asText(() => "LE"),
  // What is used of it, nobody tells.
  freemem: () => machine.memory,
  getPriority: (pid: unknown = 0) => priority(pid),
  homedir: asText(home),
  hostname: asText(() => "localhost"),
  loadavg: () => [0, 0, 0],
  networkInterfaces: () => ({ lo: [{ address: "127.0.0.1", netmask: "255.0.0.0", family: "IPv4", mac: "00:00:00:00:00:00", internal: true, cidr: "127.0.0.1/8" }] }),
  platform: asText(() => "linux"),
  release: asText(() => "5.0.0-webcontainer"),
  setPriority: (...args: unknown[]) => {
    priority(args.length > 1 ? args[0] : 0);
    validateInteger(args.at(-1), "priority", -20, 19);
    throw Object.assign(systemFailure("EACCES", { syscall: "uv_os_setpriority" }));
  },
  tmpdir: asText(() => {
    const folder = host().env.TMPDIR ?? host().env.TMP ?? host().env.TEMP ?? "/tmp";
    return folder.length > 1 && folder.endsWith("/") ? folder.slice(0, -1) : folder;
  }),
  totalmem: () => machine.memory,
  type: asText(() => "Linux"),
  userInfo: () => ({ uid: 0, gid: 0, username: host().env.USER ?? "root", homedir: home(), shell: host().env.SHELL ?? "/bin/bash" }),
  uptime: () => (Date.now() - machine.started) / 1000,
  version: asText(() => "WebContainer"),
  machine: asText(() => "x86_64"),
  constants,
  EOL: "\n",
  devNull: "/dev/null",
};
Object.defineProperties(os, {
  constants: { enumerable: true, configurable: false, writable: false },
  EOL: { enumerable: true, configurable: true, writable: false },
  devNull: { enumerable: true, configurable: true, writable: false },
});
