/**
 * The event loop: what keeps a process alive, and in which order callbacks run.
 *
 * As in libuv there are phases: timers, poll (everything that the kernel sends), check (immediates). Each callback is a
 * task of the browser's own, so that promise reactions run between any two, after the ticks of `process.nextTick`.
 */

import { leaveMain } from "./async/ids.ts";
import { enter, frame, type Frame } from "./async/context.ts";
import { Queue } from "./queue.ts";
import { advance, nextDue, takeDue } from "./timers.ts";

/** Something that keeps the process alive as long as it is referenced and open. */
export interface Handle {
  ref(): void;
  unref(): void;
  hasRef(): boolean;
  close(): void;
}

type Body = () => void;

let referenced = 0;
let idle: Body = () => undefined;
let end: Body = () => undefined;
/** Whether `idle` was the last thing to run, but for ticks and promise reactions. */
let idled = false;

const ticks = new Queue<Body>();
const polled = new Queue<Body>();
let immediates = new Queue<Body>();
let checking = new Queue<Body>();

/** Phases in their order; the number of polled events to run is fixed when the phase begins. */
const TIMERS = 0, POLL = 1, CHECK = 2, PHASES = 3;
let phase: number = POLL;
let pollable = 0;
/** Whether rejections of the last callback have been reported by the browser. */
let settled = true;
let scheduled = false;
let running = false;
let alarm: number | undefined;

// Kept before the names are taken from programs.
const nativeSetTimeout = globalThis.setTimeout.bind(globalThis) as (body: Body, ms: number) => number;
const nativeClearTimeout = globalThis.clearTimeout.bind(globalThis);
const channel = new MessageChannel();
channel.port1.onmessage = pump;

/** What to do when nothing keeps the process alive: first `onIdle`, then, if that gave it nothing to do, `onEnd`. */
export function arrange(onIdle: Body, onEnd: Body): void {
  idle = onIdle;
  end = onEnd;
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
    if (referenced === 0) schedule();
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

/** Whether anything is left that keeps the process alive. */
export function alive(): boolean {
  return referenced > 0 || ticks.size > 0 || polled.size > 0;
}

/** Run a callback after the current one and before promise reactions; from a promise reaction, after all of them. */
export function nextTick(tick: Body): void {
  ticks.push(tick);
  if (!running) schedule();
}

/** Run a callback in the check phase. */
export function checkLater(body: Body): void {
  immediates.push(body);
  schedule();
}

/** Run a callback in the poll phase, after the events that are waiting. */
export function pollLater(body: Body): void {
  polled.push(body);
  schedule();
}

/** An event from outside: it is run at once when the loop sleeps, else in its turn. */
export function turn(body: Body): void {
  if (scheduled || running) {
    polled.push(body);
    return;
  }
  phase = POLL;
  advance();
  run(body);
}

/** Run the program's first turn: like in libuv, timers come first after it. */
export function begin(body: Body): void {
  phase = CHECK;
  idled = false;
  advance();
  try {
    run(body);
  } finally {
    leaveMain();
  }
}

/** Look again when to wake: a timer was added, or the last handle was closed. */
export function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  channel.port2.postMessage(null);
}

function pump(): void {
  scheduled = false;
  if (ticks.size > 0) return run(undefined);
  const body = choose();
  if (body !== undefined) {
    idled = false;
    return run(body);
  }
  if (settled) return sleep();
  settled = true;
  schedule();
}

/** The next callback; undefined when there is none, or when rejections of the last one must be reported first. */
function choose(): Body | undefined {
  for (let looked = 0; looked <= PHASES; looked += 1) {
    const body = takeFrom(phase);
    if (body !== undefined) return body;
    if (!settled) return undefined;
    phase = (phase + 1) % PHASES;
    if (phase === TIMERS) advance();
    if (phase === POLL) pollable = polled.size;
    if (phase === CHECK && checking.size === 0) [checking, immediates] = [immediates, checking];
  }
  return undefined;
}

function takeFrom(of: number): Body | undefined {
  if (of === TIMERS) return takeDue();
  if (of === CHECK) return checking.take();
  if (pollable === 0) return undefined;
  pollable -= 1;
  return polled.take();
}

let failed: Frame | undefined;

/** The frame in which the last callback threw. */
export function frameOfFailure(): Frame | undefined {
  return failed;
}

/** Errors are not caught here: the browser reports them with the place where they were thrown. */
function run(body: Body | undefined): void {
  running = true;
  settled = false;
  failed = undefined;
  let done = false;
  try {
    enter(undefined);
    body?.();
    for (let tick = ticks.take(); tick !== undefined; tick = ticks.take()) tick();
    done = true;
  } finally {
    if (!done) failed = frame();
    enter(undefined);
    running = false;
    schedule();
  }
}

function sleep(): void {
  if (alarm !== undefined) nativeClearTimeout(alarm);
  alarm = undefined;
  if (polled.size > 0 || immediates.size > 0 || checking.size > 0) return schedule();
  if (!alive()) {
    const last = idled;
    idled = true;
    return run(last ? end : idle);
  }
  idled = false;
  const due = nextDue();
  // From a message's task, a timer's nesting level is zero: the browser does not stretch it to 4 ms.
  if (due !== undefined) alarm = nativeSetTimeout(schedule, due);
}
