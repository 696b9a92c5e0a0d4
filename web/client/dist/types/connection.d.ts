import { CardeaError } from "./errors.ts";
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
/** JSON-RPC 2.0 over one open WebSocket. It never opens another one. */
export declare class Connection {
    private readonly socket;
    private readonly handlers;
    private readonly pending;
    private lastID;
    private ended;
    constructor(socket: Socket, handlers: Handlers);
    /** Calls a method of the protocol. */
    call<M extends keyof Methods>(method: M, params: Methods[M]["params"], options?: CallOptions): Promise<Methods[M]["result"]>;
    /** Calls any method, also one that this version of the protocol does not name. */
    request(method: string, params: object, options?: CallOptions): Promise<unknown>;
    /** Closes the socket. Requests that wait end with the error. */
    end(error: CardeaError): void;
    /** Tells the agent that nobody waits for an answer any more. */
    private cancel;
    private send;
    private receive;
}
