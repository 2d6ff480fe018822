/** `net`. */

import { refusal } from "../modules/errors.ts";
import { validateBoolean } from "../modules/validate.ts";
import { BlockList, isIP, isIPv4, isIPv6, SocketAddress } from "./addresses.ts";
import { normalize, type Listener } from "./arguments.ts";
import { Server, type ServerOptions } from "./server.ts";
import { Socket } from "./socket.ts";

function connect(...args: unknown[]): Socket {
  const normalized = normalize(args);
  const socket = new Socket(normalized[0]);
  return socket.connect(normalized);
}

/** A class that can be called without `new`, as Node's are. */
export function callable<C extends abstract new (...args: never[]) => object>(type: C): C {
  return new Proxy(type, {
    apply: (target, _this, args: never[]) => Reflect.construct(target, args) as object,
  });
}

const CallableSocket = callable(Socket);
const CallableServer = callable(Server);
let autoSelectFamily = true;
let attemptTimeout = 250;

/** The module. */
export const net = {
  _createServerHandle: refusal("net._createServerHandle"),
  _normalizeArgs: (args: unknown[]) => normalize(args),
  _setSimultaneousAccepts: () => undefined,
  BlockList, SocketAddress, connect, createConnection: connect,
  createServer: (options?: ServerOptions | Listener, listener?: Listener) => new Server(options, listener),
  isIP, isIPv4, isIPv6,
  Server: CallableServer, Socket: CallableSocket, Stream: CallableSocket,
  getDefaultAutoSelectFamily: () => autoSelectFamily,
  setDefaultAutoSelectFamily: (value: unknown) => {
    validateBoolean(value, "value");
    autoSelectFamily = value;
  },
  getDefaultAutoSelectFamilyAttemptTimeout: () => attemptTimeout,
  setDefaultAutoSelectFamilyAttemptTimeout: (value: number) => {
    attemptTimeout = Math.max(10, value);
  },
};
