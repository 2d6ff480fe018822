/** The kernel of one container: its files, its processes, and what they ask of it. */

import type { Calls } from "../contract.ts";
import { Failure } from "./files/errors.ts";
import { Volume } from "./files/volume.ts";
import { fileCalls } from "./calls/files.ts";
import { processCalls } from "./calls/processes.ts";
import { outsideCalls, type PostToServer } from "./calls/outside.ts";
import type { Handlers } from "./calls/handlers.ts";
import { furnish } from "./furnish.ts";
import { Hearing } from "./hearing.ts";
import { Pool, type Script, type WorkerLike } from "./processes/pool.ts";
import { Table } from "./processes/table.ts";

/** What a kernel needs of the document that it lives in. */
export interface Surroundings {
  readonly makeWorker: (script: Script) => WorkerLike;
  readonly post: PostToServer;
  /** The address at which a port of the container is seen from outside. */
  readonly urlOf: (port: number) => string;
  /** Bytes that files may have together. */
  readonly limit?: number;
}

/** Idle Workers of each script: a shell starts `node`, which may start another; each takes some megabytes. */
const WARM = { "process.js": 2, "shell.js": 1 } as const;

/** Files in memory and processes in Workers. */
export class Kernel {
  readonly volume: Volume;
  readonly table: Table;
  readonly hearing = new Hearing();
  /** The work folder, which the client's paths are below. */
  readonly home: string;
  private readonly pool: Pool;
  private readonly handlers: Handlers;

  constructor(home: string, surroundings: Surroundings) {
    this.home = home;
    this.volume = new Volume(surroundings.limit);
    furnish(this.volume, home);
    this.pool = new Pool(surroundings.makeWorker, WARM);
    this.table = new Table(this.volume, this.pool, (port, state) => this.hearing.port(port, state, surroundings.urlOf(port)));
    this.handlers = { ...fileCalls(this.volume), ...processCalls(this.table, this.volume), ...outsideCalls(this.table.ports, surroundings.post) };
    this.table.dispatch = (task, name, args) => this.answer(task, name, args);
  }

  /** Start what makes the first process quick. */
  warm(): void {
    this.pool.fill("process.js");
    this.pool.fill("shell.js");
  }

  /** End everything; the kernel is of no use afterwards. */
  close(): void {
    this.hearing.close();
    this.table.close();
  }

  private answer(task: Parameters<Table["dispatch"]>[0], name: keyof Calls, args: readonly unknown[]): unknown {
    if (!Object.hasOwn(this.handlers, name)) throw new Failure({ code: "ENOSYS", message: `ENOSYS: the engine has no call ${name}` });
    // Each call's arguments were checked against `Calls` where the call was made.
    const handler = this.handlers[name] as (...all: unknown[]) => unknown;
    return handler(task, ...args);
  }
}
