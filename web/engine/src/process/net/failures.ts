/** Errors of connections, shaped as libuv's are. */

const NUMBERS: Readonly<Record<string, number>> = { ECONNREFUSED: -111, EADDRINUSE: -98, EADDRNOTAVAIL: -99, ECONNRESET: -104, EPIPE: -32, ENOTFOUND: -3008, EACCES: -13, EINVAL: -22, ETIMEDOUT: -110, ENOENT: -2 };
const REASONS: Readonly<Record<string, string>> = { EADDRINUSE: "address already in use ", EACCES: "permission denied ", EADDRNOTAVAIL: "address not available ", EINVAL: "invalid argument " };

/** An error of a system call on an address. */
export function addressError(code: string, syscall: string, address: string, port: number): Error {
  const reason = syscall === "listen" ? `: ${REASONS[code] ?? ""}` : " ";
  const at = syscall === "listen" && address.includes(":") ? `${address}:${port}` : `${address}:${port}`;
  // The order of Node's: people print them.
  const order = syscall === "listen" ? { code, errno: NUMBERS[code] } : { errno: NUMBERS[code], code };
  return Object.assign(new Error(`${syscall} ${code}${reason}${at}`), order, { syscall, address, port });
}

/** An error of a system call without an address. */
export function systemError(code: string, syscall: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { errno: NUMBERS[code], code, syscall });
}
