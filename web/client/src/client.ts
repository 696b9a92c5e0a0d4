import { Connection } from "./connection.ts";
import type { CallOptions } from "./connection.ts";
import { CardeaError, cancelled } from "./errors.ts";
import { Listeners } from "./listeners.ts";
import { openSocket } from "./open.ts";
import { defaultPort, protocolVersion } from "./protocol.ts";
import type { AttachResult, AuthenticateResult, GetSigningCertificateResult, HelloResult, ProgressParams, RemovalAction, ResumeResult, SessionParams, SignItem, SignResult, Snapshot } from "./protocol.ts";
import { browser, loopbackPermission } from "./scope.ts";
import type { Scope } from "./scope.ts";

/** Name and version of this library, as `hello` carries them. */
export const library = "@cardea/client 1.0.0";

export interface ConnectOptions {
  /** The agent's port; 24747 unless an administrator changed it. */
  port?: number;
  signal?: AbortSignal;
  /** Milliseconds to wait before the n-th try to come back, n from 0. False: never come back. */
  reconnect?: ((attempt: number) => number) | false;
  /** Stands in for the browser's global object, outside browsers. */
  scope?: Scope;
}

export interface RequestOptions {
  signal?: AbortSignal;
}

export interface AskOptions extends RequestOptions {
  /** Language of the agent's windows (BCP 47). The system's when absent. */
  lang?: string;
  /** How long the person has, 1 to 600 seconds; 120 when absent. */
  timeoutSeconds?: number;
  /** Called whenever the request waits for something else. */
  onProgress?: (progress: Progress) => void;
}

/** What a request waits for. `triesLeft` comes with `wrongPIN`, where the card tells. */
export type Progress = Omit<ProgressParams, "id">;

/**
 * What happened to a session: the agent's own events, and two of this library's.
 * `agentLost`: the page must now do what `action` says, as for a card that was
 * taken out. `agentReturned`: `state` says how the session stands.
 */
export type SessionEvent =
  | SessionParams
  | { session: string; event: "agentLost"; action: RemovalAction; graceSeconds: number }
  | ({ session: string; event: "agentReturned" } & AttachResult);

/** The events of a client. `back`: the connection that was lost is there again. */
export interface Events {
  session: SessionEvent;
  lost: CardeaError<"agentLost">;
  back: HelloResult;
}

const defaultSeconds = 120;
const mostRefusals = 3; // one may be of an agent that stops
const graceForAnswer = 15_000; // the agent's own time limit comes first

/** Waits half a second at first, then longer, up to half a minute; never two pages alike. */
export function backOff(attempt: number): number {
  return Math.min(30_000, 500 * 2 ** Math.min(attempt, 10)) * (0.75 + Math.random() / 2);
}

/** Connects to the agent. It rejects with the CardeaError that says why it cannot. */
export async function connect(options: ConnectOptions = {}): Promise<Cardea> {
  const client = new Cardea(options);
  await client.open(options.signal);
  return client;
}

/** A connection to the agent that comes back by itself when it is lost. */
export class Cardea {
  private readonly scope: Scope;
  private readonly port: number;
  private readonly delay: ((attempt: number) => number) | false;
  private readonly listeners = new Listeners<Events & { status: Snapshot }>((error) => this.scope.reportError?.(error));
  private readonly sessions = new Set<string>();
  private connection: Connection | undefined;
  private opening: Promise<Connection> | undefined;
  private greeting: HelloResult | undefined;
  private watching: Promise<Snapshot> | undefined;
  private snapshot: Snapshot | undefined;
  private closed = false;
  private comingBack = false;
  private wake: (() => void) | undefined;

  /** Use connect. */
  constructor(options: ConnectOptions) {
    this.scope = options.scope ?? browser;
    this.port = options.port ?? defaultPort;
    this.delay = options.reconnect ?? backOff;
  }

  /** What the agent said of itself: version, capabilities, this page's origin, what removal means. */
  get agent(): HelloResult {
    return this.greeting as HelloResult;
  }

  /** Signs the person in: card, PIN, token. The nonce is the server's, in base64. */
  async authenticate(nonce: string, options: AskOptions = {}): Promise<AuthenticateResult> {
    const connection = await this.open(options.signal);
    const result = await connection.call("authenticate", { nonce, ...ask(options) }, asking(options));
    this.sessions.add(result.session);
    return result;
  }

  /** Goes on with a session whose card came back: a new PIN and a new token. */
  async resume(session: string, nonce: string, options: AskOptions = {}): Promise<ResumeResult> {
    const connection = await this.open(options.signal);
    const result = await connection.call("resume", { session, nonce, ...ask(options) }, asking(options));
    this.sessions.add(session);
    return result;
  }

  /** Joins a session that an earlier page began, and hears its events from now on. */
  async attach(session: string, options: RequestOptions = {}): Promise<AttachResult> {
    const connection = await this.open(options.signal);
    const result = await connection.call("attach", { session }, options);
    if (result.state !== "ended") {
      this.sessions.add(session);
    }
    return result;
  }

  /** Lets the person choose the certificate they sign documents with. No PIN is asked for. */
  async getSigningCertificate(options: AskOptions = {}): Promise<GetSigningCertificateResult> {
    const connection = await this.open(options.signal);
    return connection.call("getSigningCertificate", ask(options), asking(options));
  }

  /**
   * Signs documents by their digests, all with one PIN. `certificate` is what
   * getSigningCertificate gave, `hash` the hash of one of its algorithms:
   * "SHA-256" for ES256. It resolves also when some were not signed, as when the
   * card was taken out; it rejects when none was. An abort ends it between two
   * documents: it then resolves with those that were signed before.
   */
  async sign(certificate: string, hash: string, items: SignItem[], options: AskOptions = {}): Promise<SignResult> {
    const connection = await this.open(options.signal);
    const longest = Math.min(600, defaultSeconds + 2 * items.length);
    return connection.call("sign", { certificate, hash, items, ...ask(options) }, { ...asking(options, longest), answerCounts: true });
  }

  /** Ends a session, as when the person signs out. */
  async endSession(session: string, options: RequestOptions = {}): Promise<void> {
    const connection = await this.open(options.signal);
    await connection.call("endSession", { session }, options);
    this.sessions.delete(session);
  }

  /** What is known of readers and cards now. */
  async status(options: RequestOptions = {}): Promise<Snapshot> {
    const connection = await this.open(options.signal);
    this.watching ??= this.startWatch(connection);
    const first = await unlessAborted(this.watching, options.signal);
    return this.snapshot ?? first;
  }

  /** Calls back with a whole snapshot now and at each change, until the signal or the returned function ends it. */
  async watch(callback: (snapshot: Snapshot) => void, options: RequestOptions = {}): Promise<() => void> {
    const now = await this.status(options);
    const stop = this.listeners.add("status", callback);
    options.signal?.addEventListener("abort", stop, { once: true });
    try {
      callback(now);
    } catch (error) {
      stop(); // the caller gets nothing to stop it with
      throw error;
    }
    return stop;
  }

  /** Calls a listener for each event, until the returned function is called. */
  on<E extends keyof Events>(event: E, listener: (value: Events[E]) => void): () => void {
    return this.listeners.add(event, listener as never);
  }

  /** Calls a method by its name. For methods that this version does not know. */
  async request(method: string, params: object, options: CallOptions = {}): Promise<unknown> {
    const connection = await this.open(options.signal);
    return connection.request(method, params, options);
  }

  /** Closes the connection for good. Sessions go on in the agent. */
  close(): void {
    this.closed = true;
    this.wake?.();
    this.connection?.end(new CardeaError("cancelled", {}));
  }

  /** The open connection, or a new one. Several callers share one try. */
  async open(signal?: AbortSignal): Promise<Connection> {
    if (this.closed) {
      throw new CardeaError("agentLost", {});
    }
    if (signal?.aborted) {
      throw cancelled(signal);
    }
    if (this.connection) {
      return this.connection;
    }
    if (!this.opening) {
      this.opening = this.greet(this.greeting ? undefined : signal);
      this.opening.then(ignore, ignore).then(() => { this.opening = undefined; });
    }
    return unlessAborted(this.opening, signal);
  }

  private async greet(signal: AbortSignal | undefined): Promise<Connection> {
    const connection: Connection = new Connection(await openSocket(this.scope, this.port, signal), {
      status: (snapshot) => this.onStatus(snapshot),
      session: (event) => this.onSession(event),
      closed: (error) => this.onClosed(connection, error),
    });
    try {
      const hello = await connection.call("hello", { client: library, protocol: protocolVersion }, { signal });
      if (!(hello?.protocol >= protocolVersion)) {
        throw new CardeaError("versionTooOld", { side: "agent" }, { who: "admin" });
      }
      if (this.closed) {
        throw new CardeaError("agentLost", {});
      }
      this.greeting = hello;
    } catch (error) {
      connection.end(error as CardeaError);
      throw error;
    }
    this.connection = connection;
    this.wake?.();
    return connection;
  }

  private onStatus(snapshot: Snapshot): void {
    this.snapshot = snapshot;
    this.listeners.emit("status", snapshot);
  }

  private onSession(event: SessionParams): void {
    if (event.event === "ended") {
      this.sessions.delete(event.session);
    }
    this.listeners.emit("session", event);
  }

  private onClosed(connection: Connection, error: CardeaError): void {
    if (this.connection !== connection) {
      return; // it never came as far as hello
    }
    this.connection = undefined;
    this.watching = undefined;
    this.snapshot = undefined;
    if (this.closed) {
      return;
    }
    this.listeners.emit("lost", error as CardeaError<"agentLost">);
    for (const session of this.sessions) {
      this.listeners.emit("session", { session, event: "agentLost", ...this.agent.removal });
    }
    if (this.delay && !this.comingBack) {
      this.comingBack = true;
      void this.comeBack(this.delay);
    }
  }

  /**
   * Tries until there is a connection. A call of the page's may bring it first.
   * An agent that refuses the site again and again is left alone until then: it
   * may ask its person about the site, and only their click should make it.
   */
  private async comeBack(delay: (attempt: number) => number): Promise<void> {
    let refusals = 0; // in a row
    for (let attempt = 0; !this.closed; attempt++) {
      await new Promise<void>((resolve) => {
        const timer = refusals < mostRefusals ? setTimeout(resolve, delay(attempt)) : undefined;
        this.wake = () => { clearTimeout(timer); resolve(); };
      });
      if (this.closed) {
        return;
      }
      try {
        if (!this.connection && (await loopbackPermission(this.scope)) === "prompt") {
          continue; // the browser would ask out of the blue: wait for a click
        }
        const connection = await this.open();
        await this.restore(connection);
        if (this.connection === connection) {
          this.comingBack = false;
          return;
        }
        refusals = 0;
      } catch (error) {
        // Nobody asked for this try: the next one will do, or a call will tell.
        refusals = CardeaError.is(error, "originRefused") ? refusals + 1 : 0;
      }
    }
  }

  private async restore(connection: Connection): Promise<void> {
    if (this.listeners.has("status")) {
      this.watching ??= this.startWatch(connection);
      await this.watching;
    }
    this.listeners.emit("back", this.agent);
    for (const session of [...this.sessions]) {
      this.listeners.emit("session", { session, event: "agentReturned", ...(await this.reattach(connection, session)) });
    }
  }

  /**
   * How a session stands after a loss. An agent that was started anew does not
   * know it any more, and what the agent refuses is as good as ended.
   */
  private async reattach(connection: Connection, session: string): Promise<AttachResult> {
    let standing: AttachResult = { state: "ended" };
    try {
      standing = await connection.call("attach", { session });
    } catch (error) {
      if (CardeaError.is(error, "agentLost") || CardeaError.is(error, "timedOut")) {
        throw error;
      }
    }
    if (standing.state === "ended") {
      this.sessions.delete(session);
    }
    return standing;
  }

  private async startWatch(connection: Connection): Promise<Snapshot> {
    try {
      const snapshot = await connection.call("watch", {});
      this.onStatus(snapshot);
      return snapshot;
    } catch (error) {
      this.watching = undefined;
      throw error;
    }
  }
}

function ask(options: AskOptions): { lang?: string; timeoutSeconds?: number } {
  return {
    ...(options.lang === undefined ? {} : { lang: options.lang }),
    ...(options.timeoutSeconds === undefined ? {} : { timeoutSeconds: options.timeoutSeconds }),
  };
}

function asking(options: AskOptions, longest = defaultSeconds): CallOptions {
  const { onProgress, signal, timeoutSeconds } = options;
  return {
    signal,
    timeout: (timeoutSeconds ?? longest) * 1000 + graceForAnswer,
    onProgress: onProgress && (({ id: _, ...progress }) => onProgress(progress)),
  };
}

/** Waits for a promise that others wait for too, until the signal ends the waiting. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) {
    return promise;
  }
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(cancelled(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function ignore(): void {}
