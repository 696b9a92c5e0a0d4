import { CardeaError, cancelled, fromWire } from "./errors.ts";
import type { Methods, Notifications, ProgressParams } from "./protocol.ts";
import type { Socket } from "./scope.ts";

/** How one request is made. */
export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** How long to wait for the answer, in milliseconds. */
  timeout?: number;
  onProgress?: ((progress: ProgressParams) => void) | undefined;
  /** After an abort the answer is still waited for: it says what was done until then. */
  answerCounts?: boolean;
}

/** What a Connection tells its owner. */
export interface Handlers {
  status(snapshot: Notifications["status"]): void;
  session(event: Notifications["session"]): void;
  closed(error: CardeaError): void;
}

const answerTimeout = 15_000;

interface Pending {
  settle(error: CardeaError | undefined, result?: unknown): void;
  onProgress: CallOptions["onProgress"];
}

/** JSON-RPC 2.0 over one open WebSocket. It never opens another one. */
export class Connection {
  private readonly pending = new Map<number, Pending>();
  private lastID = 0;
  private ended: CardeaError | undefined;

  constructor(private readonly socket: Socket, private readonly handlers: Handlers) {
    socket.onmessage = (event: { data: unknown }) => this.receive(event.data);
    // Which of them comes, and with which number, differs between browsers.
    socket.onclose = socket.onerror = () => this.end(new CardeaError("agentLost", {}));
  }

  /** Calls a method of the protocol. */
  call<M extends keyof Methods>(method: M, params: Methods[M]["params"], options?: CallOptions): Promise<Methods[M]["result"]> {
    return this.request(method, params, options) as Promise<Methods[M]["result"]>;
  }

  /** Calls any method, also one that this version of the protocol does not name. */
  request(method: string, params: object, options: CallOptions = {}): Promise<unknown> {
    const { signal } = options;
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
      const giveUp = (error: CardeaError) => {
        settle(error);
        this.cancel(id);
      };
      const onAbort = () => {
        const error = cancelled(signal as AbortSignal);
        if (!options.answerCounts) {
          giveUp(error);
          return;
        }
        this.cancel(id);
        clearTimeout(timer);
        timer = setTimeout(() => settle(error), answerTimeout);
      };
      let timer = setTimeout(() => giveUp(new CardeaError("timedOut", {})), options.timeout ?? answerTimeout);
      const settle: Pending["settle"] = (error, result) => {
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
      this.pending.set(id, { settle, onProgress: options.onProgress });
      this.send(id, method, params);
    });
  }

  /** Closes the socket. Requests that wait end with the error. */
  end(error: CardeaError): void {
    if (this.ended) {
      return;
    }
    this.ended = error;
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.onerror = () => {};
    this.socket.close();
    for (const request of [...this.pending.values()]) {
      request.settle(error);
    }
    this.handlers.closed(error);
  }

  /** Tells the agent that nobody waits for an answer any more. */
  private cancel(id: number): void {
    if (!this.ended) {
      this.send(++this.lastID, "cancel", { id });
    }
  }

  private send(id: number, method: string, params: object): void {
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
  }

  private receive(data: unknown): void {
    const message = parse(data);
    if (!message) {
      this.end(new CardeaError("agentLost", {}));
      return;
    }
    if (message.method === undefined) {
      const { error } = message;
      this.pending.get(message.id as number)?.settle(error === undefined ? undefined : fromWire(error), message.result);
      return;
    }
    switch (message.method) {
      case "status":
        this.handlers.status(message.params as Notifications["status"]);
        break;
      case "session":
        this.handlers.session(message.params as Notifications["session"]);
        break;
      case "progress": {
        const progress = message.params as ProgressParams;
        this.pending.get(progress.id as number)?.onProgress?.(progress);
        break;
      }
    }
  }
}

interface Message {
  id?: unknown;
  method?: unknown;
  params?: unknown;
  result?: unknown;
  error?: unknown;
}

/** The object that a frame holds, undefined when something else than an agent spoke. */
function parse(data: unknown): Message | undefined {
  try {
    const message: unknown = JSON.parse(data as string);
    return typeof message === "object" && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}
