/** `MessagePort`s as Node has them: emitters too, that keep the process alive while they listen. */

import { handle, pollLater, turn, type Handle } from "../loop.ts";
import { Queue } from "../queue.ts";
import { nodeError, unsupported } from "../modules/errors.ts";

type Listener = (...values: unknown[]) => void;

interface Kept {
  readonly wrapped: (event: Event) => void;
  readonly name: string;
}

/** What is known of a port. */
interface PortState {
  hold: Handle | undefined;
  /** Whether it would keep the process alive: until `unref`. */
  wanted: boolean;
  listening: number;
  closed: boolean;
  /** The other end, while both are in this thread; messages between them need no browser. */
  peer: MessagePort | undefined;
  readonly inbox: Queue<unknown>;
  started: boolean;
  handler: ((event: MessageEvent) => void) | null;
  readonly listeners: Map<Listener, Kept[]>;
}

const states = new WeakMap<MessagePort, PortState>();

function stateOf(port: MessagePort): PortState {
  const known = states.get(port);
  if (known !== undefined) return known;
  const made: PortState = {
    hold: undefined, wanted: true, listening: 0, closed: false, peer: undefined, inbox: new Queue(), started: false, handler: null,
    listeners: new Map(),
  };
  states.set(port, made);
  return made;
}

/** The browser's own methods, as functions of their receiver. */
interface Native {
  readonly post: (this: MessagePort, value: unknown, transfer?: readonly unknown[]) => void;
  readonly close: (this: MessagePort) => void;
  readonly start: (this: MessagePort) => void;
  readonly add: (this: EventTarget, name: string, listener: (event: Event) => void) => void;
  readonly dispatch: (this: EventTarget, event: Event) => boolean;
  readonly remove: (this: EventTarget, name: string, listener: (event: Event) => void) => void;
}

const method = (holder: object, name: string): unknown => Reflect.get(holder, name);
const NativeChannel = MessageChannel;
const native = {
  post: method(MessagePort.prototype, "postMessage"),
  close: method(MessagePort.prototype, "close"),
  start: method(MessagePort.prototype, "start"),
  add: method(EventTarget.prototype, "addEventListener"),
  dispatch: method(EventTarget.prototype, "dispatchEvent"),
  remove: method(EventTarget.prototype, "removeEventListener"),
} as Native;

function watch(port: MessagePort, change: 1 | -1): void {
  const state = stateOf(port);
  state.listening += change;
  if (state.listening > 0 && state.wanted && !state.closed) state.hold ??= handle();
  else if (state.listening === 0) release(state);
}

function release(state: PortState): void {
  state.hold?.close();
  state.hold = undefined;
}

function start(port: MessagePort): void {
  const state = stateOf(port);
  native.start.call(port);
  if (state.started) return;
  state.started = true;
  for (let left = state.inbox.size; left > 0; left -= 1) pollLater(() => deliver(port));
}

function deliver(port: MessagePort): void {
  const state = stateOf(port);
  if (state.inbox.size === 0 || state.closed) return;
  delivering = true;
  try {
    native.dispatch.call(port, new MessageEvent("message", { data: state.inbox.take() }));
  } finally {
    delivering = false;
  }
}

/** Whether an event is being given to its listeners in a turn of the loop. */
let delivering = false;

/** Call a listener of an event: now, when the loop gave the event, else in a turn of its own. */
function hear(body: () => void): void {
  if (delivering) body();
  else turn(body);
}

/** The ports among what is handed over: they leave this thread, with what is still in their inboxes. */
function leave(transfer: readonly unknown[]): void {
  for (const each of transfer) {
    if (!(each instanceof MessagePort)) continue;
    const state = stateOf(each);
    const { peer } = state;
    state.peer = undefined;
    release(state);
    if (peer === undefined) continue;
    stateOf(peer).peer = undefined;
    for (let left = state.inbox.size; left > 0; left -= 1) native.post.call(peer, state.inbox.take());
  }
}

const transferOf = (given: unknown): Transferable[] => (Array.isArray(given) ? given : (given as { transfer?: Transferable[] } | undefined)?.transfer ?? []) as Transferable[];

function post(this: MessagePort, value: unknown, given?: unknown): void {
  const transfer = transferOf(given);
  leave(transfer);
  const state = stateOf(this);
  const { peer } = state;
  if (state.closed) return;
  if (peer === undefined) return native.post.call(this, value, transfer);
  const other = stateOf(peer);
  other.inbox.push(structuredClone(value, { transfer }));
  if (other.started) pollLater(() => deliver(peer));
}

function on(this: MessagePort, name: string, listener: Listener): MessagePort {
  const wrapped = (event: Event): void => hear(() => listener.call(this, "data" in event ? (event as MessageEvent).data : undefined));
  const state = stateOf(this);
  const kept = state.listeners.get(listener) ?? [];
  kept.push({ wrapped, name });
  state.listeners.set(listener, kept);
  native.add.call(this, name, wrapped);
  if (name !== "message") return this;
  watch(this, 1);
  start(this);
  return this;
}

function off(this: MessagePort, name: string, listener: Listener): MessagePort {
  const state = stateOf(this);
  const kept = state.listeners.get(listener) ?? [];
  const at = kept.findIndex((each) => each.name === name);
  const [found] = at === -1 ? [] : kept.splice(at, 1);
  if (found === undefined) return this;
  native.remove.call(this, name, found.wrapped);
  if (name === "message") watch(this, -1);
  return this;
}

function once(this: MessagePort, name: string, listener: Listener): MessagePort {
  const first = (value: unknown): void => {
    off.call(this, name, first);
    listener.call(this, value);
  };
  return on.call(this, name, first);
}

function close(this: MessagePort, done?: () => void): void {
  const state = stateOf(this);
  if (state.closed) return;
  state.closed = true;
  release(state);
  const { peer } = state;
  native.close.call(this);
  if (done !== undefined) on.call(this, "close", done);
  pollLater(() => this.dispatchEvent(new Event("close")));
  if (peer !== undefined) pollLater(() => close.call(peer));
}

const methods: Record<string, unknown> = {
  postMessage: post,
  on, addListener: on, once, off, removeListener: off, close,
  start(this: MessagePort) {
    start(this);
  },
  ref(this: MessagePort) {
    const state = stateOf(this);
    state.wanted = true;
    if (!state.closed) state.hold ??= handle();
  },
  unref(this: MessagePort) {
    const state = stateOf(this);
    state.wanted = false;
    release(state);
  },
  hasRef(this: MessagePort) {
    return stateOf(this).hold !== undefined;
  },
  emit(this: MessagePort, name: string, value: unknown) {
    return this.dispatchEvent(name === "message" ? new MessageEvent(name, { data: value }) : new Event(name));
  },
  listenerCount(this: MessagePort, name: string) {
    return [...stateOf(this).listeners.values()].flat().filter((each) => each.name === name).length;
  },
  removeAllListeners(this: MessagePort, name?: string) {
    for (const [listener, kept] of stateOf(this).listeners) for (const each of [...kept]) if (name === undefined || each.name === name) off.call(this, each.name, listener);
    return this;
  },
};

/** `onmessage`: like a listener, it keeps the process alive. */
const handler: PropertyDescriptor = {
  configurable: true,
  enumerable: true,
  get(this: MessagePort) {
    return stateOf(this).handler;
  },
  set(this: MessagePort, wanted: unknown) {
    const state = stateOf(this);
    const before = state.handler;
    state.handler = typeof wanted === "function" ? wanted as PortState["handler"] : null;
    if (before === null && state.handler !== null) {
      native.add.call(this, "message", (event) => hear(() => state.handler?.call(this, event as MessageEvent)));
      watch(this, 1);
      start(this);
    } else if (before !== null && state.handler === null) watch(this, -1);
  },
};

/** The engine's own way of sending on a port, past what programs see. */
export function sendOn(port: MessagePort, value: unknown, transfer: readonly unknown[] = []): void {
  leave(transfer);
  native.post.call(port, value, transfer);
}

/** Take the next message that waits at a port whose other end is in this thread. */
export function receiveMessageOnPort(port: unknown): { message: unknown } | undefined {
  if (!(port instanceof MessagePort)) throw nodeError(TypeError, "ERR_INVALID_ARG_TYPE", 'The "port" argument must be a MessagePort instance');
  const state = stateOf(port);
  if (state.inbox.size > 0) return { message: state.inbox.take() };
  if (state.peer === undefined && !state.closed) throw unsupported("receiveMessageOnPort() on a port whose other end is in another thread");
  return undefined;
}

/** Give all ports of this realm Node's methods, and channels whose ends know each other. */
export function installPorts(): typeof MessageChannel {
  for (const [name, value] of Object.entries(methods)) Object.defineProperty(MessagePort.prototype, name, { value, writable: true, configurable: true, enumerable: true });
  Object.defineProperty(MessagePort.prototype, "onmessage", handler);
  const Channel = function MessageChannel(): { port1: MessagePort; port2: MessagePort } {
    const made = new NativeChannel();
    stateOf(made.port1).peer = made.port2;
    stateOf(made.port2).peer = made.port1;
    return made;
  } as unknown as typeof MessageChannel;
  Object.defineProperty(Channel, "prototype", { value: NativeChannel.prototype });
  Object.defineProperty(globalThis, "MessageChannel", { value: Channel, writable: true, configurable: true, enumerable: false });
  return Channel;
}
