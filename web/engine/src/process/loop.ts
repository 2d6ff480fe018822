/** The event loop: what keeps a process alive, and in which order callbacks run. */

/** Something that keeps the process alive as long as it is referenced and open. */
export interface Handle {
  ref(): void;
  unref(): void;
  hasRef(): boolean;
  close(): void;
}

let referenced = 0;
let idle: () => void = () => undefined;
let failed: (error: unknown) => void = () => undefined;
const ticks: (() => void)[] = [];
let draining = false;

/** What to do when nothing keeps the process alive, and with an error that nobody caught. */
export function arrange(onIdle: () => void, onError: (error: unknown) => void): void {
  idle = onIdle;
  failed = onError;
}

/** A new handle, referenced. */
export function handle(): Handle {
  let open = true;
  let counted = true;
  referenced += 1;
  const count = (wanted: boolean): void => {
    if (!open || counted === wanted) return;
    counted = wanted;
    referenced += wanted ? 1 : -1;
    if (!wanted) settle();
  };
  return {
    ref: () => count(true),
    unref: () => count(false),
    hasRef: () => counted && open,
    close: () => {
      count(false);
      open = false;
    },
  };
}

/** Run a callback after the current one, before any promise reaction that is not yet due. */
export function nextTick(tick: () => void): void {
  ticks.push(tick);
  if (!draining) queueMicrotask(drain);
}

function drain(): void {
  if (draining) return;
  draining = true;
  try {
    for (let tick = ticks.shift(); tick !== undefined; tick = ticks.shift()) guarded(tick);
  } finally {
    draining = false;
  }
}

function guarded(body: () => void): void {
  try {
    body();
  } catch (error) {
    failed(error);
  }
}

/** One turn: the body, then all ticks; promise reactions follow by themselves. */
export function turn(body: () => void): void {
  guarded(body);
  drain();
  settle();
}

let settling = false;

/** Look, once this turn and its microtasks are over, whether anything keeps the process alive. */
export function settle(): void {
  if (settling) return;
  settling = true;
  later(() => {
    settling = false;
    if (referenced === 0) idle();
  });
}

const channel = new MessageChannel();
const due: (() => void)[] = [];
channel.port1.onmessage = () => due.shift()?.();

function later(body: () => void): void {
  due.push(body);
  channel.port2.postMessage(null);
}
