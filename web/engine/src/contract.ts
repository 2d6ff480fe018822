/**
 * What crosses between the engine's document (the kernel) and the Worker of a process.
 *
 * A Worker starts idle (`ready`), so that the kernel can keep one warm; `start` makes it a process. Calls go from the
 * process to the kernel, by name, answered asynchronously (`reply`) or, for what Node does synchronously, through
 * shared memory while the Worker sleeps in `Atomics.wait`. Everything else comes to the process as an event.
 */

/** A signal by the names that Node has for it. */
export type Signal = "SIGTERM" | "SIGKILL" | "SIGINT" | "SIGHUP" | "SIGQUIT" | "SIGABRT" | "SIGUSR1" | "SIGUSR2" | "SIGPIPE" | "SIGALRM";

/** Where a standard stream of a child goes: to its parent, nowhere, where the parent's own of that number goes, or where a descriptor of the parent goes (0 to 2, or an open file). */
export type Stdio = "pipe" | "ignore" | "inherit" | number;

/** A thread of a process: a Worker that shares its process's number, descriptors and standard streams. */
export interface Thread {
  readonly id: number;
  /** To whoever started it: what is said on it is between the two. */
  readonly port: MessagePort;
}

/** What a Worker is told when it becomes a process. */
export interface ProcessStart {
  readonly pid: number;
  readonly ppid: number;
  /** Which program: `node` in process.js; `bash`, `sh`, `jsh`, `npm`, `npx` or `command` (its name is `args[0]`) in shell.js. */
  readonly program: string;
  /** Arguments after the program's name. */
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** `process.argv0`, where it was given. */
  readonly argv0?: string;
  /** How descriptors 0, 1 and 2 are connected. */
  readonly stdio: readonly [Stdio, Stdio, Stdio];
  /** The size of its terminal when it has one, and which of 0, 1 and 2 are on it. */
  readonly terminal?: { readonly cols: number; readonly rows: number; readonly on: readonly [boolean, boolean, boolean] };
  /** Whether the parent has a message channel to it (`child_process.fork`). */
  readonly ipc: boolean;
  /** Present in a thread of a process. */
  readonly thread?: Thread;
  /** Shared memory for answers to synchronous calls; see `SYNC`. */
  readonly sync: SharedArrayBuffer;
}

/** Layout of the shared memory, in 32-bit words, then bytes from `DATA` on. */
export const SYNC = { STATE: 0, LENGTH: 1, FORMAT: 2, DATA: 64, SIZE: 64 + 1024 * 1024 } as const;
/** Values of `SYNC.STATE`. `PART`: more bytes follow when the process asks for them with `next`. */
export const STATE = { WAITING: 0, DONE: 1, PART: 2 } as const;
/** Values of `SYNC.FORMAT`: an error and other values are msgpack. */
export const FORMAT = { VALUE: 0, BYTES: 1, ERROR: 2 } as const;

/** An error as it travels: Node's `code` and `syscall` words, and the paths that it names. */
export interface CallError {
  readonly code: string;
  readonly message: string;
  /** Negative, as Linux numbers it. */
  readonly errno?: number;
  readonly syscall?: string;
  readonly path?: string;
  readonly dest?: string;
}

/** File metadata, times in milliseconds since 1970. `mode` holds the type bits too. */
export interface Stat {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;
}

/** A directory entry: `kind` is 1 for a file, 2 for a directory, 3 for a symbolic link, as libuv numbers them. */
export interface Entry {
  readonly name: string;
  readonly kind: 1 | 2 | 3;
}

/** A child to start. `command` is looked up in `env.PATH` unless it holds a slash. */
export interface SpawnRequest {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdio: readonly [Stdio, Stdio, Stdio];
  readonly ipc?: boolean;
  readonly detached?: boolean;
  /** What the child sees as its own name, where that is not the command's. */
  readonly argv0?: string;
}

/** How a child that was waited for ended. */
export interface SpawnResult {
  readonly pid: number;
  readonly code: number | null;
  readonly signal: Signal | null;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** Why it was killed: `ETIMEDOUT` or `ENOBUFS` (more output than allowed). */
  readonly error?: "ETIMEDOUT" | "ENOBUFS";
}

/** A thread to start: like a child, in the process's own bundle. */
export interface ThreadRequest {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The calls. Paths are absolute. All file calls may be made synchronously; those marked async only hand over ports or
 * answer when something happens. Flags of `open` are Node's words ("r", "w+", "ax", …) or the numbers of Linux.
 */
export interface Calls {
  "fs.open": (path: string, flags: string | number, mode: number) => number;
  "fs.close": (fd: number) => void;
  /** At most `length` bytes from `position`, null for the descriptor's own; fewer at the end. */
  "fs.read": (fd: number, length: number, position: number | null) => Uint8Array;
  "fs.write": (fd: number, data: Uint8Array, position: number | null) => number;
  "fs.ftruncate": (fd: number, length: number) => void;
  "fs.fstat": (fd: number) => Stat;
  "fs.fchmod": (fd: number, mode: number) => void;
  "fs.futimes": (fd: number, atimeMs: number, mtimeMs: number) => void;
  "fs.readFile": (path: string) => Uint8Array;
  "fs.writeFile": (path: string, data: Uint8Array, flags: string | number, mode: number) => void;
  "fs.stat": (path: string) => Stat;
  "fs.lstat": (path: string) => Stat;
  "fs.readdir": (path: string) => Entry[];
  "fs.mkdir": (path: string, recursive: boolean, mode: number) => string | null;
  /** Fill a folder with a tree in the client's form, `{d: {name: {d} | {f: {c} | {l}}}}`, at one go: it may have thousands of files. */
  "fs.plant": (path: string, tree: unknown) => void;
  "fs.rmdir": (path: string) => void;
  "fs.unlink": (path: string) => void;
  "fs.rm": (path: string, recursive: boolean, force: boolean) => void;
  "fs.rename": (from: string, to: string) => void;
  "fs.link": (from: string, to: string) => void;
  "fs.symlink": (target: string, path: string) => void;
  "fs.readlink": (path: string) => string;
  "fs.realpath": (path: string) => string;
  "fs.chmod": (path: string, mode: number) => void;
  "fs.utimes": (path: string, atimeMs: number, mtimeMs: number, follow: boolean) => void;
  "fs.access": (path: string, mode: number) => void;
  "fs.copyFile": (from: string, to: string, flags: number) => void;
  "fs.truncate": (path: string, length: number) => void;
  /** The kind of each path after following links, as `Entry.kind`, or 0 where nothing is: for module resolution. */
  "fs.kinds": (paths: readonly string[]) => number[];
  /** Start watching; changes come as `watch` events with this number. */
  "fs.watch": (path: string, recursive: boolean) => number;
  "fs.unwatch": (watcher: number) => void;

  "process.spawn": (request: SpawnRequest) => number;
  /** Wait for a whole child: `input` is all of its stdin; killed after `timeout` ms when that is above 0, or beyond `maxBuffer` bytes of one stream. */
  "process.spawnSync": (request: SpawnRequest, input: Uint8Array | null, timeout: number, signal: Signal, maxBuffer?: number) => SpawnResult;
  /** Start a thread; async only, by `callWith`, as the port is handed over. The answer is its number, from 1 on. */
  "process.thread": (request: ThreadRequest, port: MessagePort) => number;
  /** End a thread of this process at once. */
  "process.endThread": (thread: number) => void;
  /** The signals that this process hears from now on; all others end it (SIGKILL always does). */
  "process.signals": (heard: readonly Signal[]) => void;
  /** Whether the terminal hands over each key as it is, without echo, line ends and ^C. */
  "process.rawMode": (raw: boolean) => void;
  /** False when there is no such process; -N is the group that N leads. Signal 0 only asks. */
  "process.kill": (pid: number, signal: Signal | 0) => boolean;
  /** Bytes for a piped child's stdin, null for its end; answered when the child has room for more. EPIPE when it has ended. */
  "process.stdin": (child: number, data: Uint8Array | null) => void;
  "process.message": (target: number | "parent", message: unknown) => void;
  "process.disconnect": (target: number | "parent") => void;
  /** Whether stdin is wanted; until then what comes is kept. */
  "process.readStdin": (wanted: boolean) => void;
  "process.chdir": (path: string) => void;
  /** The mask before; null only asks. The kernel applies it to the modes of new files. */
  "process.umask": (mask: number | null) => number;

  /** Take a port for connections, 0 for a free one; the answer is the port. They come as `connection` events. */
  "net.listen": (port: number) => number;
  "net.unlisten": (port: number) => void;
  /** Async only: a MessagePort to whoever listens; ECONNREFUSED when nobody does. See `SocketMessage`. */
  "net.connect": (port: number) => MessagePort;

  /** Async only: what the server of the engine answers to `POST /__runner/NAME` with a JSON body. */
  "server.post": (name: string, body: unknown) => Uint8Array;
}

/** One end of a stream of bytes tells the other: bytes, the end of them, a broken connection, bytes consumed. */
export type SocketMessage =
  | { readonly kind: "data"; readonly data: Uint8Array }
  | { readonly kind: "end" }
  | { readonly kind: "reset" }
  | { readonly kind: "window"; readonly bytes: number };

/** Bytes that one end may have under way before the other has consumed them. */
export const SOCKET_WINDOW = 256 * 1024;

/** From a Worker to the kernel. */
export type FromProcess =
  | { readonly kind: "ready" }
  | { readonly kind: "call"; readonly id: number; readonly sync: boolean; readonly name: keyof Calls; readonly args: readonly unknown[] }
  | { readonly kind: "next" }
  | { readonly kind: "output"; readonly fd: 1 | 2; readonly data: Uint8Array }
  /** The last message of a process: its Worker is ended by the kernel. */
  | { readonly kind: "exit"; readonly code: number };

/** What happens to a process. */
export type ProcessEvent =
  | { readonly type: "stdin"; readonly data: Uint8Array | null }
  | { readonly type: "signal"; readonly signal: Signal }
  | { readonly type: "resize"; readonly cols: number; readonly rows: number }
  | { readonly type: "message"; readonly from: number | "parent"; readonly message: unknown }
  | { readonly type: "disconnect"; readonly from: number | "parent" }
  /** `data` is null at the end, when no process is left that could write there: may come after `child-exit`. */
  | { readonly type: "child-output"; readonly pid: number; readonly fd: 1 | 2; readonly data: Uint8Array | null }
  | { readonly type: "child-exit"; readonly pid: number; readonly code: number | null; readonly signal: Signal | null }
  | { readonly type: "thread-exit"; readonly thread: number; readonly code: number }
  | { readonly type: "connection"; readonly port: number; readonly socket: MessagePort }
  | { readonly type: "watch"; readonly watcher: number; readonly event: "rename" | "change"; readonly name: string };

/** From the kernel to a Worker. */
export type ToProcess =
  | { readonly kind: "start"; readonly start: ProcessStart }
  | { readonly kind: "reply"; readonly id: number; readonly ok: boolean; readonly value: unknown }
  | { readonly kind: "event"; readonly event: ProcessEvent };
