import { Connection } from "./connection.ts";
import type { CallOptions } from "./connection.ts";
import { CardeaError } from "./errors.ts";
import type { AttachResult, AuthenticateResult, GetSigningCertificateResult, HelloResult, ProgressParams, RemovalAction, ResumeResult, SessionParams, SignItem, SignResult, Snapshot } from "./protocol.ts";
import type { Scope } from "./scope.ts";
/** Name and version of this library, as `hello` carries them. */
export declare const library = "@cardea/client 1.0.0";
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
export type SessionEvent = SessionParams | {
    session: string;
    event: "agentLost";
    action: RemovalAction;
    graceSeconds: number;
} | ({
    session: string;
    event: "agentReturned";
} & AttachResult);
/** The events of a client. `back`: the connection that was lost is there again. */
export interface Events {
    session: SessionEvent;
    lost: CardeaError<"agentLost">;
    back: HelloResult;
}
/** Waits half a second at first, then longer, up to half a minute; never two pages alike. */
export declare function backOff(attempt: number): number;
/** Connects to the agent. It rejects with the CardeaError that says why it cannot. */
export declare function connect(options?: ConnectOptions): Promise<Cardea>;
/** A connection to the agent that comes back by itself when it is lost. */
export declare class Cardea {
    private readonly scope;
    private readonly port;
    private readonly delay;
    private readonly listeners;
    private readonly sessions;
    private connection;
    private opening;
    private greeting;
    private watching;
    private snapshot;
    private closed;
    private comingBack;
    private wake;
    /** Use connect. */
    constructor(options: ConnectOptions);
    /** What the agent said of itself: version, capabilities, this page's origin, what removal means. */
    get agent(): HelloResult;
    /** Signs the person in: card, PIN, token. The nonce is the server's, in base64. */
    authenticate(nonce: string, options?: AskOptions): Promise<AuthenticateResult>;
    /** Goes on with a session whose card came back: a new PIN and a new token. */
    resume(session: string, nonce: string, options?: AskOptions): Promise<ResumeResult>;
    /** Joins a session that an earlier page began, and hears its events from now on. */
    attach(session: string, options?: RequestOptions): Promise<AttachResult>;
    /** Lets the person choose the certificate they sign documents with. No PIN is asked for. */
    getSigningCertificate(options?: AskOptions): Promise<GetSigningCertificateResult>;
    /**
     * Signs documents by their digests, all with one PIN. `certificate` is what
     * getSigningCertificate gave, `hash` the hash of one of its algorithms:
     * "SHA-256" for ES256. It resolves also when some were not signed, as when the
     * card was taken out; it rejects when none was. An abort ends it between two
     * documents: it then resolves with those that were signed before.
     */
    sign(certificate: string, hash: string, items: SignItem[], options?: AskOptions): Promise<SignResult>;
    /** Ends a session, as when the person signs out. */
    endSession(session: string, options?: RequestOptions): Promise<void>;
    /** What is known of readers and cards now. */
    status(options?: RequestOptions): Promise<Snapshot>;
    /** Calls back with a whole snapshot now and at each change, until the signal or the returned function ends it. */
    watch(callback: (snapshot: Snapshot) => void, options?: RequestOptions): Promise<() => void>;
    /** Calls a listener for each event, until the returned function is called. */
    on<E extends keyof Events>(event: E, listener: (value: Events[E]) => void): () => void;
    /** Calls a method by its name. For methods that this version does not know. */
    request(method: string, params: object, options?: CallOptions): Promise<unknown>;
    /** Closes the connection for good. Sessions go on in the agent. */
    close(): void;
    /** The open connection, or a new one. Several callers share one try. */
    open(signal?: AbortSignal): Promise<Connection>;
    private greet;
    private onStatus;
    private onSession;
    private onClosed;
    /**
     * Tries until there is a connection. A call of the page's may bring it first.
     * An agent that refuses the site again and again is left alone until then: it
     * may ask its person about the site, and only their click should make it.
     */
    private comeBack;
    private restore;
    /**
     * How a session stands after a loss. An agent that was started anew does not
     * know it any more, and what the agent refuses is as good as ended.
     */
    private reattach;
    private startWatch;
}
