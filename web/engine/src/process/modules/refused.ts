/** Modules that there cannot be here: each exists, and each of its functions throws an error that names it. */

import { DEFAULT_CIPHERS } from "./crypto/constants.ts";
import { EventEmitter } from "./events.ts";
import { refusal } from "./errors.ts";

const NO_SOCKETS = "a browser has no sockets";

function refused(name: string, functions: string, rest: object = {}, why = ""): Record<string, unknown> {
  return { ...Object.fromEntries(functions.split(" ").map((key) => [key, refusal(`${name}.${key}`, why)])), ...rest };
}

/** `cluster`: a process knows that it is the primary one, and cannot fork. */
function cluster(): object {
  const Emitter = EventEmitter as unknown as new () => object;
  return Object.assign(new Emitter(), {
    isWorker: false, isMaster: true, isPrimary: true, Worker: refusal("cluster.Worker"), workers: {}, settings: {},
    SCHED_NONE: 1, SCHED_RR: 2, schedulingPolicy: 2, ...refused("cluster", "setupPrimary setupMaster fork disconnect"),
  });
}

const inspector = (): object => ({
  ...refused("inspector", "open waitForDebugger"), close: () => undefined, url: () => undefined,
  console: globalThis.console, Session: refusal("inspector.Session"), Network: {},
});

/** `domain`: reading it gives the process the property of the domain that it is in, which is none. */
function domain(): object {
  const { process } = globalThis as unknown as { process: object };
  let current: unknown = null;
  Object.defineProperty(process, "domain", {
    configurable: true, enumerable: true,
    get: () => current,
    set: (value: unknown) => {
      current = value;
    },
  });
  return { _stack: [], ...refused("domain", "Domain createDomain create"), active: null };
}

/** Makers of the modules by name. */
export const refusedModules: Readonly<Record<string, () => unknown>> = {
  cluster,
  dgram: () => refused("dgram", "_createSocketHandle createSocket Socket", {}, NO_SOCKETS),
  tls: () => ({
    CLIENT_RENEG_LIMIT: 3, CLIENT_RENEG_WINDOW: 600, DEFAULT_CIPHERS, DEFAULT_ECDH_CURVE: "auto", DEFAULT_MIN_VERSION: "TLSv1.2", DEFAULT_MAX_VERSION: "TLSv1.3", rootCertificates: Object.freeze([]),
    ...refused("tls", "getCiphers convertALPNProtocols checkServerIdentity createSecureContext SecureContext TLSSocket Server createServer connect createSecurePair", {}, NO_SOCKETS),
  }),
  domain,
  http2: () => ({
    ...refused("http2", "connect createServer createSecureServer getDefaultSettings getPackedSettings getUnpackedSettings performServerHandshake Http2ServerRequest Http2ServerResponse", {}, NO_SOCKETS),
    constants: {}, sensitiveHeaders: Symbol("nodejs.http2.sensitiveHeaders"),
  }),
  inspector,
  "inspector/promises": inspector,
  repl: () => refused("repl", "start writer REPLServer Recoverable isValidSyntax", { REPL_MODE_SLOPPY: Symbol("repl-sloppy"), REPL_MODE_STRICT: Symbol("repl-strict"), builtinModules: [] }),
  sea: () => ({ isSea: () => false, ...refused("sea", "getAsset getRawAsset getAssetAsBlob") }),
  trace_events: () => ({ createTracing: refusal("trace_events.createTracing"), getEnabledCategories: () => undefined }),
  wasi: () => ({ WASI: refusal("wasi.WASI") }),
};
