/** Answers to the calls that lead out of a process: connections, and the server of the engine. */

import { Failure, failure } from "../files/errors.ts";
import type { Ports } from "../processes/ports.ts";
import type { Handlers, Named } from "./handlers.ts";

/** Ask the server of the engine: a POST of JSON to a name; the answer's bytes. Throws `Failure`. */
export type PostToServer = (name: string, body: unknown) => Promise<Uint8Array>;

/** Network calls over the ports of a container. */
export function outsideCalls(ports: Ports, post: PostToServer): Handlers<Named<"net" | "server">> {
  return {
    "net.listen": (task, port) => ports.listen(task, port),
    "net.unlisten": (task, port) => ports.unlisten(task, port),
    "net.connect": (_, port) => {
      const socket = ports.connect(port);
      if (socket === null) throw failure("ECONNREFUSED", "connect");
      return socket;
    },
    "server.post": (_, name, body) => post(name, body),
  };
}

/** The server's answers, asked for at the engine's own origin. */
export async function postToServer(name: string, body: unknown): Promise<Uint8Array> {
  if (!/^[a-z][a-z-]*$/.test(name)) throw serverFailure(`${name} is no name of a service`);
  let answer: Response;
  try {
    answer = await fetch(`/__runner/${name}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  } catch {
    throw serverFailure(`the server of the engine cannot be reached for ${name}`);
  }
  const bytes = new Uint8Array(await answer.arrayBuffer());
  if (answer.ok) return bytes;
  const reason = new TextDecoder().decode(bytes).trim();
  throw serverFailure(reason === "" ? `the server of the engine answered ${name} with ${answer.status}` : reason);
}

function serverFailure(message: string): Failure {
  return new Failure({ code: "ERR_RUNNER_SERVER", message });
}
