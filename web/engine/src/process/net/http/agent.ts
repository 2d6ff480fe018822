/** `http.Agent`: connections that are used again. */

import { EventEmitter } from "../../modules/events.ts";
import { processNextTick } from "../../timers.ts";
import { net } from "../net.ts";
import type { Socket } from "../socket.ts";
import type { Client } from "./client.ts";

export interface AgentOptions {
  keepAlive?: boolean;
  keepAliveMsecs?: number;
  maxSockets?: number;
  maxTotalSockets?: number;
  maxFreeSockets?: number;
  scheduling?: "fifo" | "lifo";
  timeout?: number;
  [other: string]: unknown;
}

/** Where a connection is to go. */
export interface Target {
  host?: string;
  port?: number | string;
  localAddress?: string;
  family?: number;
  socketPath?: string;
  timeout?: number;
  createConnection?: (options: object, callback: (error: Error | null, socket?: Socket) => void) => Socket | undefined;
  [other: string]: unknown;
}

type Made = (error: Error | null, socket?: Socket) => void;

const Emitter = EventEmitter as unknown as new () => EventEmitter;

/** `http.Agent`. */
export class Agent extends Emitter {
  defaultPort = 80;
  protocol = "http:";
  readonly options: AgentOptions;
  readonly requests: Record<string, Client[]> = {};
  readonly sockets: Record<string, Socket[]> = {};
  readonly freeSockets: Record<string, Socket[]> = {};
  keepAlive: boolean;
  keepAliveMsecs: number;
  maxSockets: number;
  maxFreeSockets: number;
  maxTotalSockets: number;
  scheduling: string;
  totalSocketCount = 0;

  constructor(options: AgentOptions = {}) {
    super();
    this.options = Object.assign(Object.create(null) as AgentOptions, options, { noDelay: options.noDelay ?? true, path: null });
    this.keepAlive = options.keepAlive ?? false;
    this.keepAliveMsecs = options.keepAliveMsecs ?? 1000;
    this.maxSockets = options.maxSockets ?? Infinity;
    this.maxFreeSockets = options.maxFreeSockets ?? 256;
    this.maxTotalSockets = options.maxTotalSockets ?? Infinity;
    this.scheduling = options.scheduling ?? "lifo";
    this.on("free", ((socket: Socket, target: Target) => this.freed(socket, target)) as never);
  }

  createConnection(options: object, callback?: (error: Error | null, socket?: Socket) => void): Socket | undefined {
    return callback === undefined ? net.createConnection(options) : net.createConnection(options);
  }

  getName(target: Target = {}): string {
    let name = `${target.host ?? "localhost"}:${target.port ?? ""}:${target.localAddress ?? ""}`;
    if (target.family === 4 || target.family === 6) name += `:${target.family}`;
    return target.socketPath === undefined ? name : `${name}:${target.socketPath}`;
  }

  /** Give a request a connection: a free one, a new one, or the next that becomes free. */
  addRequest(request: Client, given: Target): void {
    const target: Target = { ...given, ...this.options };
    const name = this.getName(target);
    const free = (this.freeSockets[name] ?? []).filter((socket) => !socket.destroyed && socket.writable);
    const socket = this.scheduling === "fifo" ? free.shift() : free.pop();
    if (free.length > 0) this.freeSockets[name] = free;
    else Reflect.deleteProperty(this.freeSockets, name);
    if (socket !== undefined) {
      this.reuseSocket(socket, request);
      (this.sockets[name] ??= []).push(socket);
      request.onSocket(socket);
    } else if ((this.sockets[name]?.length ?? 0) < this.maxSockets && this.totalSocketCount < this.maxTotalSockets) this.open(request, target);
    else (this.requests[name] ??= []).push(request);
  }

  private open(request: Client, target: Target): void {
    this.createSocket(request, target, (error, socket) => {
      if (error !== null || socket === undefined) processNextTick(() => request.destroy(error ?? undefined));
      else request.onSocket(socket);
    });
  }

  /** Make a connection and count it as this agent's. Packages put their own in its place, for proxies for instance. */
  createSocket(_request: Client, target: Target, done: Made): void {
    const name = this.getName(target);
    const settled = { done: false };
    const take = (error: Error | null, socket?: Socket): void => {
      if (settled.done) return;
      settled.done = true;
      if (error !== null || socket === undefined) return done(error);
      (this.sockets[name] ??= []).push(socket);
      this.totalSocketCount += 1;
      this.watch(socket, target, name);
      done(null, socket);
    };
    const options = { ...target, agent: this, encoding: null, path: target.socketPath };
    const socket = (target.createConnection ?? ((given, callback) => this.createConnection(given, callback)))(options, take);
    if (socket !== undefined) take(null, socket);
  }

  private watch(socket: Socket, target: Target, name: string): void {
    socket.on("free", () => this.emit("free", socket, target));
    socket.on("timeout", () => {
      // Nobody waits for it: the other end may close it any time.
      if (this.freeSockets[name]?.includes(socket) === true) socket.destroy();
    });
    const gone = (): void => {
      this.removeSocket(socket, name);
      const waiting = this.requests[name]?.shift();
      if (this.requests[name]?.length === 0) Reflect.deleteProperty(this.requests, name);
      if (waiting !== undefined) this.open(waiting, target);
    };
    socket.once("close", gone);
    socket.once("agentRemove", () => {
      socket.removeListener("close", gone);
      this.removeSocket(socket, name);
    });
  }

  private freed(socket: Socket, target: Target): void {
    const name = this.getName(target);
    if (!socket.writable) return void socket.destroy();
    const waiting = this.requests[name]?.shift();
    if (waiting !== undefined) {
      if (this.requests[name]?.length === 0) Reflect.deleteProperty(this.requests, name);
      return waiting.onSocket(socket);
    }
    if (!this.keeps(socket, name)) return void socket.destroy();
    const free = (this.freeSockets[name] ??= []);
    socket._httpMessage = null;
    this.sockets[name] = (this.sockets[name] ?? []).filter((other) => other !== socket);
    if (this.sockets[name].length === 0) Reflect.deleteProperty(this.sockets, name);
    socket.once("error", ignore);
    free.push(socket);
  }

  /** Whether a connection is kept for a request that may come. */
  private keeps(socket: Socket, name: string): boolean {
    // A connection whose request was given up before it had one is kept for nobody, as in Node.
    const served = (socket._httpMessage ?? null) !== null;
    const room = (this.freeSockets[name]?.length ?? 0) < this.maxFreeSockets && (this.sockets[name]?.length ?? 0) <= this.maxSockets;
    return served && this.keepAlive && room && this.keepSocketAlive(socket);
  }

  /** Let an idle connection wait as long as both ends said that it may. False when the other end keeps it no time at all. */
  keepSocketAlive(socket: Socket): boolean {
    socket.unref();
    const own = this.options.timeout ?? 0;
    const hint = /^timeout=(\d+)/.exec(String((socket._httpMessage as Partial<Client> | null)?.res?.headers["keep-alive"] ?? ""))?.[1];
    const theirs = hint === undefined ? Infinity : Number(hint) * 1000;
    if (theirs === 0) return false;
    const wait = theirs < own ? theirs : own;
    if (socket.timeout !== wait) socket.setTimeout(wait);
    return true;
  }

  /** Make a kept connection ready for another request. */
  reuseSocket(socket: Socket, request: Client): void {
    request.reusedSocket = true;
    socket.removeListener("error", ignore);
    socket.ref();
  }

  removeSocket(socket: Socket, name: string): void {
    let known = false;
    for (const lists of [this.sockets, this.freeSockets]) {
      const list = lists[name];
      if (list?.includes(socket) !== true) continue;
      known = true;
      const left = list.filter((other) => other !== socket);
      if (left.length > 0) lists[name] = left;
      else Reflect.deleteProperty(lists, name);
    }
    if (known) this.totalSocketCount -= 1;
  }

  destroy(): void {
    for (const lists of [this.freeSockets, this.sockets]) for (const list of Object.values(lists)) for (const socket of [...list]) socket.destroy();
  }
}

function ignore(): void {
  // The connection was idle: that it broke concerns nobody.
}

/** `http.globalAgent`, as Node 20 has it. */
export const globalAgent = new Agent({ keepAlive: true, scheduling: "lifo", timeout: 5000 });
