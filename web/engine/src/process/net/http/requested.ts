/** What is asked of `http.request`: its arguments, read and checked as Node does. */

import { invalidArgType, nodeError } from "../../modules/errors.ts";
import { validateBoolean, validateInteger } from "../../modules/validate.ts";
import { validDelay } from "../arguments.ts";
import { Agent, globalAgent, type Target } from "./agent.ts";
import type { Incoming } from "./incoming.ts";

export interface RequestOptions extends Target {
  method?: string;
  path?: string;
  protocol?: string;
  hostname?: string;
  headers?: unknown;
  auth?: string;
  agent?: Agent | false | null;
  defaultPort?: number;
  setHost?: boolean;
  signal?: AbortSignal;
  joinDuplicateHeaders?: boolean;
  maxHeaderSize?: number;
  insecureHTTPParser?: boolean;
  _defaultAgent?: Agent;
}

/** Hears the answer. */
export type ResponseListener = (response: Incoming) => void;

/** Options of a URL, as `http.request(url)` takes them. */
function optionsOf(url: URL): RequestOptions {
  const options: RequestOptions = { protocol: url.protocol, hostname: url.hostname.replace(/^\[|\]$/g, ""), path: `${url.pathname}${url.search}` };
  if (url.port !== "") options.port = Number(url.port);
  if (url.username !== "" || url.password !== "") options.auth = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return options;
}

/** Read the arguments of `http.request`. */
export function requestArguments(args: readonly unknown[]): [RequestOptions, ResponseListener | undefined] {
  const [first, ...rest] = args;
  const parsed = typeof first === "string" ? optionsOf(parseUrl(first)) : first instanceof URL ? optionsOf(first) : undefined;
  const others = parsed === undefined ? args : rest;
  const given = typeof others[0] === "function" || others[0] === null || others[0] === undefined ? {} : (others[0] as RequestOptions);
  const callback = others.find((word) => typeof word === "function") as ResponseListener | undefined;
  return [{ ...parsed, ...given }, callback];
}

function parseUrl(text: string): URL {
  try {
    return new URL(text);
  } catch {
    const error = nodeError(TypeError, "ERR_INVALID_URL", "Invalid URL");
    throw Object.assign(error, { input: text });
  }
}

/** A request as it goes to a server. */
export interface Requested {
  readonly agent: Agent | null;
  readonly protocol: string;
  readonly path: string;
  readonly method: string;
  readonly host: string;
  readonly port: number;
  /** Whether the port is the one that goes without saying. */
  readonly usual: boolean;
  readonly timeout: number | undefined;
}

/** Read options. Throws what Node throws for those that are none. */
export function requestedOf(options: RequestOptions): Requested {
  const agent = agentOf(options);
  const expected = agent?.protocol ?? options._defaultAgent?.protocol ?? "http:";
  const protocol = options.protocol ?? expected;
  const path = pathOf(options.path);
  if (protocol !== expected && options.createConnection === undefined) throw nodeError(TypeError, "ERR_INVALID_PROTOCOL", `Protocol "${protocol}" not supported. Expected "${expected}"`);
  const [port, usual] = portOf(options, agent, protocol);
  const host = hostOf(options.hostname, "hostname") ?? hostOf(options.host, "host") ?? "localhost";
  const timeout = options.timeout === undefined ? undefined : validDelay(options.timeout, "timeout");
  const method = methodOf(options.method);
  checkParsing(options);
  return { agent, protocol, path, method, host, port, usual, timeout };
}

/** The port, and whether it is the one that goes without saying. */
function portOf({ port, defaultPort }: RequestOptions, agent: Agent | null, protocol: string): [port: number, usual: boolean] {
  const usual = defaultPort ?? agent?.defaultPort ?? (protocol === "https:" ? 443 : 80);
  const wanted = Number(port === undefined || port === "" ? usual : port);
  return [wanted, wanted === usual];
}

function pathOf(path = "/"): string {
  if (/[^\u0021-\u00ff]/.test(path)) throw nodeError(TypeError, "ERR_UNESCAPED_CHARACTERS", "Request path contains unescaped characters");
  return path;
}

function hostOf(host: unknown, name: string): string | undefined {
  if (host !== undefined && host !== null && typeof host !== "string") throw invalidArgType(`options.${name}`, ["string", "undefined", "null"], host);
  return host === null || host === "" ? undefined : host;
}

function checkParsing({ maxHeaderSize, insecureHTTPParser, joinDuplicateHeaders }: RequestOptions): void {
  if (maxHeaderSize !== undefined) validateInteger(maxHeaderSize, "maxHeaderSize", 0);
  if (insecureHTTPParser !== undefined) validateBoolean(insecureHTTPParser, "options.insecureHTTPParser");
  if (joinDuplicateHeaders !== undefined) validateBoolean(joinDuplicateHeaders, "options.joinDuplicateHeaders");
}

function agentOf(options: RequestOptions): Agent | null {
  const { agent } = options;
  if (agent === false) return options.createConnection === undefined ? new Agent() : null;
  if (agent === undefined || agent === null) return options.createConnection === undefined || options._defaultAgent !== undefined ? (options._defaultAgent ?? globalAgent) : null;
  if (typeof (agent as Partial<Agent>).addRequest !== "function") throw invalidArgType("options.agent", ["Agent-like Object", "undefined", "false"], agent);
  return agent;
}

function methodOf(method: unknown): string {
  if (method === undefined || method === null) return "GET";
  if (typeof method !== "string") throw invalidArgType("options.method", "string", method);
  if (!/^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/.test(method)) throw nodeError(TypeError, "ERR_INVALID_HTTP_TOKEN", `Method must be a valid HTTP token ["${method}"]`);
  return method.toUpperCase();
}
