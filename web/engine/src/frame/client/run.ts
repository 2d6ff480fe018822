/** A process that the client started. */

import type { Kernel } from "../kernel.ts";
import { DEFAULT_PATH } from "../processes/lookup.ts";
import { exitCode, type Process, type Terminal } from "../processes/process.ts";
import { Inlet, Outlet } from "../processes/streams.ts";
import { framed, Keyboard, type Input, type StdinSink } from "./input.ts";
import { forTerminal, Merged, plain, tagged, type Piece, type Sink } from "./output.ts";

/** What the client's `spawn` asks for. */
export interface RunRequest {
  readonly command: string;
  readonly args?: readonly string[];
  /** Relative to the work folder unless it begins with a slash. */
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string | number | boolean>> | undefined;
  readonly terminal?: { readonly cols: number; readonly rows: number } | undefined;
}

/** What the client has in hand of it, by Comlink. */
export interface Running {
  readonly onExit: Promise<number>;
  write(text: string): void;
  kill(): void;
  resize(size: { cols: number; rows: number }): void;
}

/** Milliseconds that a killed tree has to end by itself, when it hears signals. */
const GRACE = 2_000;

/** Ways to run that the runner asks for by environment; the process does not see them. */
const ASKED = ["RUNNER_STREAMS", "RUNNER_STDIN"] as const;

/** Start a program for the client; its output goes merged to `sink`, null at the end. @throws Failure as `spawn` reports */
export function run(kernel: Kernel, request: RunRequest, sink: Sink | undefined): Running {
  const asked = Object.fromEntries(ASKED.map((name) => [name, request.env?.[name]]));
  const terminal: Terminal | null = request.terminal === undefined ? null : { ...request.terminal, raw: false };
  const merged = new Merged(sink, pieceFor(terminal, asked.RUNNER_STREAMS === "tagged"));
  const stdin = new Inlet();
  const cwd = folderOf(kernel, request.cwd);
  const process = kernel.table.run({
    command: request.command,
    args: request.args ?? [],
    cwd,
    env: environment(request, cwd),
    terminal,
    stdin,
    stdout: outlet(merged, 1),
    stderr: outlet(merged, 2),
  });
  const put: StdinSink = (data) => void stdin.write(data).catch(() => undefined);
  const input: Input = asked.RUNNER_STDIN === "framed" ? framed(put) : terminal === null ? put : typed(kernel, process, terminal, merged, put);
  return {
    onExit: process.ended.then(async (ending) => {
      await merged.end();
      return exitCode(ending);
    }),
    // A process that is over does not read: that is no error of the client's.
    write: (text) => {
      if (process.ending === null) input(new TextEncoder().encode(text));
    },
    kill: killer(kernel, process),
    resize: ({ cols, rows }) => resize(kernel, process, cols, rows),
  };
}

function pieceFor(terminal: Terminal | null, tags: boolean): Piece {
  if (tags) return tagged;
  return terminal === null ? plain : forTerminal;
}

function outlet(merged: Merged, fd: 1 | 2): Outlet {
  return new Outlet((data) => {
    if (data !== null) merged.write(fd, data);
  });
}

function folderOf(kernel: Kernel, cwd: string | undefined): string {
  if (cwd === undefined || cwd === "" || cwd === ".") return kernel.home;
  const path = cwd.startsWith("/") ? cwd : `${kernel.home}/${cwd}`;
  return kernel.volume.kindOf(path) === 2 ? kernel.volume.realpath(path) : path;
}

function environment(request: RunRequest, cwd: string): Record<string, string> {
  const given = Object.entries(request.env ?? {}).filter(([name]) => !(ASKED as readonly string[]).includes(name));
  return {
    HOME: "/root",
    LANG: "C.UTF-8",
    LOGNAME: "root",
    PATH: DEFAULT_PATH,
    PWD: cwd,
    SHELL: "/bin/bash",
    USER: "root",
    WEBCONTAINER_ENGINE: "local",
    ...(request.terminal === undefined ? {} : { TERM: "xterm-256color" }),
    ...Object.fromEntries(given.map(([name, value]) => [name, String(value)])),
  };
}

function typed(kernel: Kernel, process: Process, terminal: Terminal, merged: Merged, stdin: StdinSink): Input {
  const keyboard = new Keyboard(terminal, {
    stdin,
    echo: (data) => merged.echo(data),
    signal: (signal) => void kernel.table.kill(-process.is.group, signal),
  });
  return (data) => keyboard.press(data);
}

/**
 * The client's kill knows no signals: the first asks the whole job to end, and ends what has not after a while; a second
 * ends it at once, with all that was detached from it.
 */
function killer(kernel: Kernel, process: Process): () => void {
  let asked = false;
  const all = (meant: readonly Process[], signal: "SIGTERM" | "SIGKILL"): void => {
    for (const each of meant) kernel.table.signal(each, signal);
  };
  return () => {
    if (asked) return all(kernel.table.family(process), "SIGKILL");
    asked = true;
    all(kernel.table.job(process), "SIGTERM");
    setTimeout(() => all(kernel.table.job(process), "SIGKILL"), GRACE);
  };
}

function resize(kernel: Kernel, process: Process, cols: number, rows: number): void {
  const { terminal } = process.is;
  if (terminal === null) return;
  Object.assign(terminal, { cols, rows });
  for (const each of kernel.table.all()) if (each.is.terminal === terminal) each.main?.send({ type: "resize", cols, rows });
}
