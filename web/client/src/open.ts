import { CardeaError, cancelled } from "./errors.ts";
import { healthPath, path, subprotocol } from "./protocol.ts";
import { asksForRequestsAlone, blockedByPolicy, loopbackPermission, userIsActive } from "./scope.ts";
import type { Scope, Socket } from "./scope.ts";

// The address is an IPv4 one: Content-Security-Policy cannot name an IPv6
// address, and the agent listens on both.
const host = "127.0.0.1";

// A browser's question to its user holds the connection; so may another page's.
const askedTimeout = 120_000;
const openTimeout = 20_000;
const probeTimeout = 10_000;

// A connection to a loopback port on which nothing listens fails at once, but on
// Windows after two seconds. A failure after longer was a person's.
const personTime = 500;
const personTimeOnWindows = 3_000;

/**
 * Opens the WebSocket to the agent. It rejects with the code that says why there
 * is none. It tries once more if the browser's permission was given meanwhile.
 */
export async function openSocket(scope: Scope, port: number, signal: AbortSignal | undefined): Promise<Socket> {
  const before = await loopbackPermission(scope);
  if (before === "prompt" && !userIsActive(scope)) {
    throw new CardeaError("loopbackDismissed", {});
  }
  const first = await attempt(scope, port, before === "prompt" ? askedTimeout : openTimeout, signal);
  if (first.socket) {
    return first.socket;
  }
  const reason = await explain(scope, port, first.byPerson, signal);
  if (before === "prompt" && (await loopbackPermission(scope)) === "granted") {
    const second = await attempt(scope, port, openTimeout, signal);
    if (second.socket) {
      return second.socket;
    }
  }
  throw reason;
}

/** Finds out why a connection failed. */
async function explain(scope: Scope, port: number, byPerson: boolean, signal: AbortSignal | undefined): Promise<CardeaError> {
  const refusal = await refusedByBrowser(scope, byPerson);
  if (refusal) {
    return refusal;
  }
  if (asksForRequestsAlone(scope) && !userIsActive(scope)) {
    return new CardeaError("notRunning", {}); // most likely; the probe would make it ask out of the blue
  }
  const start = Date.now();
  if (await probe(scope, port, signal)) {
    return new CardeaError("originRefused", {});
  }
  if (signal?.aborted) {
    return cancelled(signal);
  }
  // Where the permission is not given, the probe may have made the browser ask.
  return (await refusedByBrowser(scope, tookAPerson(scope, start))) ?? new CardeaError("notRunning", {});
}

/** What the browser's permission says to a failure; undefined when it is not the reason. */
async function refusedByBrowser(scope: Scope, byPerson: boolean): Promise<CardeaError | undefined> {
  const permission = await loopbackPermission(scope);
  if (permission && blockedByPolicy(scope)) {
    return new CardeaError("loopbackBlockedInFrame", {});
  }
  if (permission === "denied") {
    return new CardeaError("loopbackDenied", {});
  }
  return permission === "prompt" && byPerson ? new CardeaError("loopbackDismissed", {}) : undefined;
}

function tookAPerson(scope: Scope, start: number): boolean {
  const limit = scope.navigator?.platform?.startsWith("Win") ? personTimeOnWindows : personTime;
  return Date.now() - start > limit;
}

/** Whether anything answers on the port. The answer itself cannot be read. */
async function probe(scope: Scope, port: number, signal: AbortSignal | undefined): Promise<boolean> {
  const limits = [AbortSignal.timeout(probeTimeout)];
  if (signal) {
    limits.push(signal);
  }
  try {
    await scope.fetch(`http://${host}:${port}${healthPath}`, { mode: "no-cors", cache: "no-store", signal: anyOf(limits) });
    return true;
  } catch {
    return false;
  }
}

/** AbortSignal.any, which browsers have had for a shorter time than the rest. */
function anyOf(signals: AbortSignal[]): AbortSignal {
  const either = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) {
      either.abort(signal.reason);
    }
    signal.addEventListener("abort", () => either.abort(signal.reason), { once: true, signal: either.signal });
  }
  return either.signal;
}

interface Attempt {
  /** Undefined when it failed. */
  readonly socket?: Socket;
  /** Whether it failed as it does when a person closes the browser's question. */
  readonly byPerson: boolean;
}

/**
 * One try. It settles on open, error, close or its time-out, whichever is first:
 * browsers differ in which they send, and some throw in the constructor.
 */
function attempt(scope: Scope, port: number, timeout: number, signal: AbortSignal | undefined): Promise<Attempt> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(cancelled(signal));
      return;
    }
    const start = Date.now();
    let blurred = false;
    const onBlur = () => { blurred = true; };
    let socket: Socket | undefined;
    const settle = (result: Attempt | CardeaError) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      scope.removeEventListener?.("blur", onBlur);
      if (socket) {
        socket.onopen = socket.onclose = null;
        socket.onerror = ignore; // closing one that never opened is an error too
      }
      if (result instanceof CardeaError) {
        socket?.close();
        reject(result);
      } else {
        if (!result.socket) {
          socket?.close();
        }
        resolve(result);
      }
    };
    const fail = () => settle({ byPerson: blurred || tookAPerson(scope, start) });
    const onAbort = () => settle(cancelled(signal as AbortSignal));
    const timer = setTimeout(fail, timeout);
    signal?.addEventListener("abort", onAbort);
    scope.addEventListener?.("blur", onBlur);
    try {
      socket = new scope.WebSocket(`ws://${host}:${port}${path}`, subprotocol);
    } catch {
      fail();
      return;
    }
    const opened = socket;
    opened.onerror = fail;
    opened.onclose = fail;
    opened.onopen = () => (opened.protocol === subprotocol ? settle({ socket: opened, byPerson: false }) : fail());
  });
}

function ignore(): void {}
