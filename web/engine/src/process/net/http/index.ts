/** `http` and `https`. */

import { nodeError, refusal } from "../../modules/errors.ts";
import type { Listener } from "../arguments.ts";
import { callable } from "../net.ts";
import { Agent, globalAgent, type AgentOptions } from "./agent.ts";
import { Client } from "./client.ts";
import { METHODS, STATUS_CODES } from "./facts.ts";
import { validateHeaderName, validateHeaderValue } from "./headers.ts";
import { IncomingMessage } from "./incoming.ts";
import { requestArguments } from "./requested.ts";
import { OutgoingMessage } from "./outgoing.ts";
import { ServerResponse } from "./response.ts";
import { Server, type ServerOptions } from "./server.ts";

const request = (...args: unknown[]): Client => new Client(...args);
const get = (...args: unknown[]): Client => {
  const asked = request(...args);
  asked.end();
  return asked;
};

/** `http`. */
export const http: Record<string, unknown> = {
  _connectionListener: refusal("http._connectionListener"), METHODS: [...METHODS], STATUS_CODES: { ...STATUS_CODES }, Agent: callable(Agent), ClientRequest: callable(Client),
  IncomingMessage, OutgoingMessage, Server: callable(Server), ServerResponse,
  createServer: (options?: ServerOptions | Listener, listener?: Listener) => new Server(options, listener),
  validateHeaderName, validateHeaderValue, get, request, setMaxIdleHTTPParsers: () => undefined,
};
Object.defineProperty(http, "maxHeaderSize", { value: 16 * 1024, enumerable: true, configurable: true });
let agent = globalAgent;
Object.defineProperty(http, "globalAgent", {
  get: () => agent,
  set: (value: Agent) => void (agent = value),
  enumerable: true, configurable: true,
});

/** `https.Agent`. */
class SecureAgent extends Agent {
  constructor(options: AgentOptions = {}) {
    super(options);
    this.defaultPort = 443;
    this.protocol = "https:";
  }
}

const secureGlobalAgent = new SecureAgent({ keepAlive: true, scheduling: "lifo", timeout: 5000 });

const secureRequest = (...args: unknown[]): Client => {
  const [options, callback] = requestArguments(args);
  if (options.protocol !== undefined && options.protocol !== "https:") throw nodeError(TypeError, "ERR_INVALID_PROTOCOL", `Protocol "${options.protocol}" not supported. Expected "https:"`);
  return new Client({ ...options, protocol: "https:", _defaultAgent: secureGlobalAgent }, callback);
};

const SecureServer = refusal("https.Server", "a browser offers no TLS servers");

/** `https`. */
export const https = {
  Agent: callable(SecureAgent), globalAgent: secureGlobalAgent, Server: SecureServer, createServer: refusal("https.createServer", "a browser offers no TLS servers"),
  get: (...args: unknown[]): Client => {
    const asked = secureRequest(...args);
    asked.end();
    return asked;
  },
  request: secureRequest,
};
