/*! @cardea/client 1.0.0, Apache-2.0 */

// src/protocol.ts
var protocolVersion = 1;
var subprotocol = "cardea.v1";
var path = "/cardea";
var healthPath = "/health";
var defaultPort = 24747;
var errors = {
  agentLost: { who: "user", retry: true, message: "The connection to Cardea was lost." },
  busy: { who: "user", retry: true, message: "The card is in use by another request." },
  cancelled: { who: "user", retry: true, message: "The request was cancelled." },
  cardRemoved: { who: "user", retry: true, message: "The card was taken out." },
  cardUnknown: { who: "user", retry: true, message: "Cardea does not know this kind of card." },
  cardUnreadable: { who: "user", retry: true, message: "The card cannot be read." },
  internal: { who: "admin", retry: true, message: "Cardea had a problem of its own." },
  invalidRequest: { who: "site", retry: false, message: "The page sent a request that is not right." },
  loopbackBlockedInFrame: { who: "site", retry: false, message: "The page that embeds this one does not let it reach Cardea." },
  loopbackDenied: { who: "user", retry: false, message: "The browser is set not to let this page reach Cardea." },
  loopbackDismissed: { who: "user", retry: true, message: "The browser has not been given leave yet to let this page reach Cardea." },
  moduleFailed: { who: "admin", retry: true, message: "The software for this kind of card failed." },
  moduleMissing: { who: "admin", retry: false, message: "The software for this kind of card is not installed." },
  noCard: { who: "user", retry: true, message: "There is no card in the reader." },
  noPromptUI: { who: "admin", retry: true, message: "Cardea could not show its PIN window." },
  noReader: { who: "user", retry: true, message: "No card reader is connected." },
  noService: { who: "user", retry: true, message: "The smartcard service of this computer does not answer." },
  noUsableCertificate: { who: "card-issuer", retry: false, message: "The card holds no certificate that may be used for this." },
  notPermitted: { who: "site", retry: false, message: "This site may not do that." },
  notRunning: { who: "user", retry: true, message: "Cardea does not answer on this computer." },
  originRefused: { who: "admin", retry: true, message: "Cardea does not accept this site." },
  pinBlocked: { who: "card-issuer", retry: false, message: "The card's PIN is blocked." },
  pinNotSet: { who: "card-issuer", retry: false, message: "The card has no PIN of its user's yet." },
  pinWrong: { who: "user", retry: true, message: "The PIN was wrong." },
  sessionLocked: { who: "user", retry: true, message: "The desktop is locked, so nobody can be asked for a PIN." },
  sessionUnknown: { who: "site", retry: false, message: "Cardea does not know this session." },
  timedOut: { who: "user", retry: true, message: "Nobody answered in time." },
  unsupported: { who: "site", retry: false, message: "This Cardea cannot do that." },
  versionTooOld: { who: "site", retry: false, message: "The page and Cardea are of versions that do not fit together." }
};

// src/errors.ts
var CardeaError = class _CardeaError extends Error {
  name = "CardeaError";
  code;
  /** The first who can act. */
  who;
  /** Whether trying again can help. */
  retry;
  params;
  /** Whom the person may ask, in their organisation's words; undefined where nobody is named. */
  contact;
  constructor(code, params, options2 = {}) {
    super(options2.message ?? errors[code]?.message ?? code, options2.cause === void 0 ? {} : { cause: options2.cause });
    this.code = code;
    this.who = options2.who ?? errors[code].who;
    this.retry = options2.retry ?? errors[code].retry;
    this.params = params;
    this.contact = options2.contact;
  }
  /** Tells whether an error is one of this library with the given code. */
  static is(error, code) {
    return error instanceof _CardeaError && error.code === code;
  }
};
function fromWire(error) {
  const { message, data } = error ?? {};
  if (typeof message !== "string" || typeof data?.code !== "string" || typeof data.who !== "string" || typeof data.retry !== "boolean") {
    return new CardeaError("internal", { incident: "" });
  }
  return new CardeaError(data.code, data.params ?? {}, {
    who: data.who,
    retry: data.retry,
    message,
    ...typeof data.contact === "string" ? { contact: data.contact } : {}
  });
}
function cancelled(signal) {
  return new CardeaError("cancelled", {}, { cause: signal.reason });
}

// src/connection.ts
var answerTimeout = 15e3;
var Connection = class {
  constructor(socket, handlers) {
    this.socket = socket;
    this.handlers = handlers;
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = socket.onerror = () => this.end(new CardeaError("agentLost", {}));
  }
  socket;
  handlers;
  pending = /* @__PURE__ */ new Map();
  lastID = 0;
  ended;
  /** Calls a method of the protocol. */
  call(method, params, options2) {
    return this.request(method, params, options2);
  }
  /** Calls any method, also one that this version of the protocol does not name. */
  request(method, params, options2 = {}) {
    const { signal } = options2;
    return new Promise((resolve, reject) => {
      if (this.ended) {
        reject(this.ended);
        return;
      }
      if (signal?.aborted) {
        reject(cancelled(signal));
        return;
      }
      const id = ++this.lastID;
      const giveUp = (error) => {
        settle(error);
        this.cancel(id);
      };
      const onAbort = () => {
        const error = cancelled(signal);
        if (!options2.answerCounts) {
          giveUp(error);
          return;
        }
        this.cancel(id);
        clearTimeout(timer);
        timer = setTimeout(() => settle(error), answerTimeout);
      };
      let timer = setTimeout(() => giveUp(new CardeaError("timedOut", {})), options2.timeout ?? answerTimeout);
      const settle = (error, result) => {
        this.pending.delete(id);
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        if (error) {
          reject(signal?.aborted && error.code === "cancelled" ? cancelled(signal) : error);
        } else {
          resolve(result);
        }
      };
      signal?.addEventListener("abort", onAbort);
      this.pending.set(id, { settle, onProgress: options2.onProgress });
      this.send(id, method, params);
    });
  }
  /** Closes the socket. Requests that wait end with the error. */
  end(error) {
    if (this.ended) {
      return;
    }
    this.ended = error;
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.onerror = () => {
    };
    this.socket.close();
    for (const request of [...this.pending.values()]) {
      request.settle(error);
    }
    this.handlers.closed(error);
  }
  /** Tells the agent that nobody waits for an answer any more. */
  cancel(id) {
    if (!this.ended) {
      this.send(++this.lastID, "cancel", { id });
    }
  }
  send(id, method, params) {
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
  }
  receive(data) {
    const message = parse(data);
    if (!message) {
      this.end(new CardeaError("agentLost", {}));
      return;
    }
    if (message.method === void 0) {
      const { error } = message;
      this.pending.get(message.id)?.settle(error === void 0 ? void 0 : fromWire(error), message.result);
      return;
    }
    switch (message.method) {
      case "status":
        this.handlers.status(message.params);
        break;
      case "session":
        this.handlers.session(message.params);
        break;
      case "progress": {
        const progress = message.params;
        this.pending.get(progress.id)?.onProgress?.(progress);
        break;
      }
    }
  }
};
function parse(data) {
  try {
    const message = JSON.parse(data);
    return typeof message === "object" && message !== null ? message : void 0;
  } catch {
    return void 0;
  }
}

// src/listeners.ts
var Listeners = class {
  constructor(report) {
    this.report = report;
  }
  report;
  byName = /* @__PURE__ */ new Map();
  /** Adds a listener and returns what removes it. */
  add(name, listener) {
    const own = (value) => listener(value);
    const all = this.byName.get(name) ?? /* @__PURE__ */ new Set();
    this.byName.set(name, all.add(own));
    return () => {
      all.delete(own);
    };
  }
  has(name) {
    return (this.byName.get(name)?.size ?? 0) > 0;
  }
  emit(name, value) {
    for (const listener of [...this.byName.get(name) ?? []]) {
      try {
        listener(value);
      } catch (error) {
        this.report(error);
      }
    }
  }
};

// src/scope.ts
var browser = globalThis;
var permissionNames = ["loopback-network", "local-network-access"];
async function loopbackPermission(scope) {
  if (/^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(scope.location?.hostname ?? "")) {
    return void 0;
  }
  for (const name of permissionNames) {
    try {
      const status2 = await scope.navigator?.permissions?.query({ name });
      if (status2) {
        return status2.state === "prompt" && asksForRequestsAlone(scope) ? void 0 : status2.state;
      }
    } catch {
    }
  }
  return void 0;
}
function asksForRequestsAlone(scope) {
  return /\bFirefox\//.test(scope.navigator?.userAgent ?? "");
}
function blockedByPolicy(scope) {
  const policy = scope.document?.featurePolicy;
  const known = permissionNames.filter((name) => policy?.features().includes(name));
  return known.length > 0 && !known.some((name) => policy?.allowsFeature(name));
}
function userIsActive(scope) {
  return scope.navigator?.userActivation?.isActive ?? true;
}

// src/open.ts
var host = "127.0.0.1";
var askedTimeout = 12e4;
var openTimeout = 2e4;
var probeTimeout = 1e4;
var personTime = 500;
var personTimeOnWindows = 3e3;
async function openSocket(scope, port, signal) {
  const before = await loopbackPermission(scope);
  if (before === "prompt" && !userIsActive(scope)) {
    throw new CardeaError("loopbackDismissed", {});
  }
  const first = await attempt(scope, port, before === "prompt" ? askedTimeout : openTimeout, signal);
  if (first.socket) {
    return first.socket;
  }
  const reason = await explain(scope, port, first.byPerson, signal);
  if (before === "prompt" && await loopbackPermission(scope) === "granted") {
    const second = await attempt(scope, port, openTimeout, signal);
    if (second.socket) {
      return second.socket;
    }
  }
  throw reason;
}
async function explain(scope, port, byPerson, signal) {
  const refusal = await refusedByBrowser(scope, byPerson);
  if (refusal) {
    return refusal;
  }
  if (asksForRequestsAlone(scope) && !userIsActive(scope)) {
    return new CardeaError("notRunning", {});
  }
  const start = Date.now();
  if (await probe(scope, port, signal)) {
    return new CardeaError("originRefused", {});
  }
  if (signal?.aborted) {
    return cancelled(signal);
  }
  return await refusedByBrowser(scope, tookAPerson(scope, start)) ?? new CardeaError("notRunning", {});
}
async function refusedByBrowser(scope, byPerson) {
  const permission = await loopbackPermission(scope);
  if (permission && blockedByPolicy(scope)) {
    return new CardeaError("loopbackBlockedInFrame", {});
  }
  if (permission === "denied") {
    return new CardeaError("loopbackDenied", {});
  }
  return permission === "prompt" && byPerson ? new CardeaError("loopbackDismissed", {}) : void 0;
}
function tookAPerson(scope, start) {
  const limit = scope.navigator?.platform?.startsWith("Win") ? personTimeOnWindows : personTime;
  return Date.now() - start > limit;
}
async function probe(scope, port, signal) {
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
function anyOf(signals) {
  const either = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) {
      either.abort(signal.reason);
    }
    signal.addEventListener("abort", () => either.abort(signal.reason), { once: true, signal: either.signal });
  }
  return either.signal;
}
function attempt(scope, port, timeout, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(cancelled(signal));
      return;
    }
    const start = Date.now();
    let blurred = false;
    const onBlur = () => {
      blurred = true;
    };
    let socket;
    const settle = (result) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      scope.removeEventListener?.("blur", onBlur);
      if (socket) {
        socket.onopen = socket.onclose = null;
        socket.onerror = ignore;
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
    const onAbort = () => settle(cancelled(signal));
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
    opened.onopen = () => opened.protocol === subprotocol ? settle({ socket: opened, byPerson: false }) : fail();
  });
}
function ignore() {
}

// src/client.ts
var library = "@cardea/client 1.0.0";
var defaultSeconds = 120;
var mostRefusals = 3;
var graceForAnswer = 15e3;
function backOff(attempt2) {
  return Math.min(3e4, 500 * 2 ** Math.min(attempt2, 10)) * (0.75 + Math.random() / 2);
}
async function connect(options2 = {}) {
  const client2 = new Cardea(options2);
  await client2.open(options2.signal);
  return client2;
}
var Cardea = class {
  scope;
  port;
  delay;
  listeners = new Listeners((error) => this.scope.reportError?.(error));
  sessions = /* @__PURE__ */ new Set();
  connection;
  opening;
  greeting;
  watching;
  snapshot;
  closed = false;
  comingBack = false;
  wake;
  /** Use connect. */
  constructor(options2) {
    this.scope = options2.scope ?? browser;
    this.port = options2.port ?? defaultPort;
    this.delay = options2.reconnect ?? backOff;
  }
  /** What the agent said of itself: version, capabilities, this page's origin, what removal means. */
  get agent() {
    return this.greeting;
  }
  /** Signs the person in: card, PIN, token. The nonce is the server's, in base64. */
  async authenticate(nonce, options2 = {}) {
    const connection = await this.open(options2.signal);
    const result = await connection.call("authenticate", { nonce, ...ask(options2) }, asking(options2));
    this.sessions.add(result.session);
    return result;
  }
  /** Goes on with a session whose card came back: a new PIN and a new token. */
  async resume(session, nonce, options2 = {}) {
    const connection = await this.open(options2.signal);
    const result = await connection.call("resume", { session, nonce, ...ask(options2) }, asking(options2));
    this.sessions.add(session);
    return result;
  }
  /** Joins a session that an earlier page began, and hears its events from now on. */
  async attach(session, options2 = {}) {
    const connection = await this.open(options2.signal);
    const result = await connection.call("attach", { session }, options2);
    if (result.state !== "ended") {
      this.sessions.add(session);
    }
    return result;
  }
  /** Lets the person choose the certificate they sign documents with. No PIN is asked for. */
  async getSigningCertificate(options2 = {}) {
    const connection = await this.open(options2.signal);
    return connection.call("getSigningCertificate", ask(options2), asking(options2));
  }
  /**
   * Signs documents by their digests, all with one PIN. `certificate` is what
   * getSigningCertificate gave, `hash` the hash of one of its algorithms:
   * "SHA-256" for ES256. It resolves also when some were not signed, as when the
   * card was taken out; it rejects when none was. An abort ends it between two
   * documents: it then resolves with those that were signed before.
   */
  async sign(certificate, hash, items, options2 = {}) {
    const connection = await this.open(options2.signal);
    const longest = Math.min(600, defaultSeconds + 2 * items.length);
    return connection.call("sign", { certificate, hash, items, ...ask(options2) }, { ...asking(options2, longest), answerCounts: true });
  }
  /** Ends a session, as when the person signs out. */
  async endSession(session, options2 = {}) {
    const connection = await this.open(options2.signal);
    await connection.call("endSession", { session }, options2);
    this.sessions.delete(session);
  }
  /** What is known of readers and cards now. */
  async status(options2 = {}) {
    const connection = await this.open(options2.signal);
    this.watching ??= this.startWatch(connection);
    const first = await unlessAborted(this.watching, options2.signal);
    return this.snapshot ?? first;
  }
  /** Calls back with a whole snapshot now and at each change, until the signal or the returned function ends it. */
  async watch(callback, options2 = {}) {
    const now = await this.status(options2);
    const stop = this.listeners.add("status", callback);
    options2.signal?.addEventListener("abort", stop, { once: true });
    try {
      callback(now);
    } catch (error) {
      stop();
      throw error;
    }
    return stop;
  }
  /** Calls a listener for each event, until the returned function is called. */
  on(event, listener) {
    return this.listeners.add(event, listener);
  }
  /** Calls a method by its name. For methods that this version does not know. */
  async request(method, params, options2 = {}) {
    const connection = await this.open(options2.signal);
    return connection.request(method, params, options2);
  }
  /** Closes the connection for good. Sessions go on in the agent. */
  close() {
    this.closed = true;
    this.wake?.();
    this.connection?.end(new CardeaError("cancelled", {}));
  }
  /** The open connection, or a new one. Several callers share one try. */
  async open(signal) {
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
      this.opening = this.greet(this.greeting ? void 0 : signal);
      this.opening.then(ignore2, ignore2).then(() => {
        this.opening = void 0;
      });
    }
    return unlessAborted(this.opening, signal);
  }
  async greet(signal) {
    const connection = new Connection(await openSocket(this.scope, this.port, signal), {
      status: (snapshot) => this.onStatus(snapshot),
      session: (event) => this.onSession(event),
      closed: (error) => this.onClosed(connection, error)
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
      connection.end(error);
      throw error;
    }
    this.connection = connection;
    this.wake?.();
    return connection;
  }
  onStatus(snapshot) {
    this.snapshot = snapshot;
    this.listeners.emit("status", snapshot);
  }
  onSession(event) {
    if (event.event === "ended") {
      this.sessions.delete(event.session);
    }
    this.listeners.emit("session", event);
  }
  onClosed(connection, error) {
    if (this.connection !== connection) {
      return;
    }
    this.connection = void 0;
    this.watching = void 0;
    this.snapshot = void 0;
    if (this.closed) {
      return;
    }
    this.listeners.emit("lost", error);
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
  async comeBack(delay) {
    let refusals = 0;
    for (let attempt2 = 0; !this.closed; attempt2++) {
      await new Promise((resolve) => {
        const timer = refusals < mostRefusals ? setTimeout(resolve, delay(attempt2)) : void 0;
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (this.closed) {
        return;
      }
      try {
        if (!this.connection && await loopbackPermission(this.scope) === "prompt") {
          continue;
        }
        const connection = await this.open();
        await this.restore(connection);
        if (this.connection === connection) {
          this.comingBack = false;
          return;
        }
        refusals = 0;
      } catch (error) {
        refusals = CardeaError.is(error, "originRefused") ? refusals + 1 : 0;
      }
    }
  }
  async restore(connection) {
    if (this.listeners.has("status")) {
      this.watching ??= this.startWatch(connection);
      await this.watching;
    }
    this.listeners.emit("back", this.agent);
    for (const session of [...this.sessions]) {
      this.listeners.emit("session", { session, event: "agentReturned", ...await this.reattach(connection, session) });
    }
  }
  /**
   * How a session stands after a loss. An agent that was started anew does not
   * know it any more, and what the agent refuses is as good as ended.
   */
  async reattach(connection, session) {
    let standing = { state: "ended" };
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
  async startWatch(connection) {
    try {
      const snapshot = await connection.call("watch", {});
      this.onStatus(snapshot);
      return snapshot;
    } catch (error) {
      this.watching = void 0;
      throw error;
    }
  }
};
function ask(options2) {
  return {
    ...options2.lang === void 0 ? {} : { lang: options2.lang },
    ...options2.timeoutSeconds === void 0 ? {} : { timeoutSeconds: options2.timeoutSeconds }
  };
}
function asking(options2, longest = defaultSeconds) {
  const { onProgress, signal, timeoutSeconds } = options2;
  return {
    signal,
    timeout: (timeoutSeconds ?? longest) * 1e3 + graceForAnswer,
    onProgress: onProgress && (({ id: _, ...progress }) => onProgress(progress))
  };
}
function unlessAborted(promise, signal) {
  if (!signal) {
    return promise;
  }
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(cancelled(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
function ignore2() {
}

// src/web-eid-compat.ts
var ErrorCode = {
  ERR_WEBEID_ACTION_PENDING: "ERR_WEBEID_ACTION_PENDING",
  ERR_WEBEID_MISSING_PARAMETER: "ERR_WEBEID_MISSING_PARAMETER",
  ERR_WEBEID_NATIVE_INVALID_ARGUMENT: "ERR_WEBEID_NATIVE_INVALID_ARGUMENT",
  ERR_WEBEID_NATIVE_UNAVAILABLE: "ERR_WEBEID_NATIVE_UNAVAILABLE",
  ERR_WEBEID_UNKNOWN_ERROR: "ERR_WEBEID_UNKNOWN_ERROR",
  ERR_WEBEID_USER_CANCELLED: "ERR_WEBEID_USER_CANCELLED",
  ERR_WEBEID_USER_TIMEOUT: "ERR_WEBEID_USER_TIMEOUT",
  ERR_WEBEID_VERSION_MISMATCH: "ERR_WEBEID_VERSION_MISMATCH"
};
var equals = {
  busy: "ERR_WEBEID_ACTION_PENDING",
  invalidRequest: "ERR_WEBEID_NATIVE_INVALID_ARGUMENT",
  notRunning: "ERR_WEBEID_NATIVE_UNAVAILABLE",
  agentLost: "ERR_WEBEID_NATIVE_UNAVAILABLE",
  internal: "ERR_WEBEID_UNKNOWN_ERROR",
  cancelled: "ERR_WEBEID_USER_CANCELLED",
  timedOut: "ERR_WEBEID_USER_TIMEOUT",
  versionTooOld: "ERR_WEBEID_VERSION_MISMATCH"
};
var WebEidError = class extends Error {
  constructor(code, message, cause) {
    super(message, cause === void 0 ? {} : { cause });
    this.code = code;
    this.name = "WebEidError";
  }
  code;
};
var options = {};
var client;
function configure(connectOptions) {
  client?.then((open) => open.close(), () => {
  });
  client = void 0;
  options = connectOptions;
}
function status() {
  return withClient(async (cardea) => {
    const { agent } = (await cardea.open(), cardea.agent);
    return { library: library.slice(library.lastIndexOf(" ") + 1), extension: agent, nativeApp: agent };
  });
}
async function authenticate(challengeNonce, actionOptions) {
  required(challengeNonce, "authenticate", "challengeNonce");
  return withClient(async (cardea) => (await cardea.authenticate(challengeNonce, ask2(actionOptions))).token);
}
function getSigningCertificate(actionOptions) {
  return withClient(async (cardea) => {
    const { certificate, algorithms } = await cardea.getSigningCertificate(ask2(actionOptions));
    return { certificate, supportedSignatureAlgorithms: algorithms.map(signatureAlgorithm) };
  });
}
async function sign(certificate, hash, hashFunction, actionOptions) {
  required(certificate, "sign", "certificate");
  required(hash, "sign", "hash");
  required(hashFunction, "sign", "hashFunction");
  return withClient(async (cardea) => {
    const { algorithm, signatures, failures } = await cardea.sign(certificate, hashFunction, [{ id: "1", digest: hash }], ask2(actionOptions));
    const signature = signatures[0]?.signature;
    if (signature === void 0) {
      throw new CardeaError(failures[0]?.code ?? "internal", { incident: "" });
    }
    return { signature, signatureAlgorithm: signatureAlgorithm(algorithm) };
  });
}
async function withClient(use) {
  try {
    client ??= connect(options);
    const mine = client;
    mine.catch(() => {
      if (client === mine) {
        client = void 0;
      }
    });
    return await use(await mine);
  } catch (error) {
    if (error instanceof CardeaError) {
      throw new WebEidError(equals[error.code] ?? error.code, error.message, error);
    }
    throw error;
  }
}
function ask2(options2 = {}) {
  const asked = { timeoutSeconds: seconds(options2) };
  if (options2.lang !== void 0) {
    asked.lang = options2.lang;
  }
  return asked;
}
function seconds(options2) {
  return Math.min(600, Math.max(1, Math.ceil((options2.userInteractionTimeout ?? 12e4) / 1e3)));
}
function required(value, name, parameter) {
  if (!value) {
    throw new WebEidError(ErrorCode.ERR_WEBEID_MISSING_PARAMETER, `${name} function requires a ${parameter} as parameter`);
  }
}
function signatureAlgorithm(name) {
  const hashFunction = `SHA-${name.slice(2)}`;
  switch (name.slice(0, 2)) {
    case "ES":
      return { cryptoAlgorithm: "ECC", hashFunction, paddingScheme: "NONE" };
    case "PS":
      return { cryptoAlgorithm: "RSA", hashFunction, paddingScheme: "PSS" };
    default:
      return { cryptoAlgorithm: "RSA", hashFunction, paddingScheme: "PKCS1.5" };
  }
}
export {
  ErrorCode,
  WebEidError,
  authenticate,
  configure,
  getSigningCertificate,
  sign,
  status
};
