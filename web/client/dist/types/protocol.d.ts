export declare const protocolVersion = 1;
export declare const subprotocol = "cardea.v1";
export declare const path = "/cardea";
export declare const healthPath = "/health";
export declare const defaultPort = 24747;
export type RemovalAction = "none" | "lock" | "signOut";
export type State = "serviceDown" | "noReader" | "noCard" | "cardUnreadable" | "cardUnknown" | "noUsableCertificate" | "pinBlocked" | "ready" | "busy";
export type PINState = "ok" | "low" | "final" | "blocked";
export type SessionState = "present" | "removed" | "locked" | "ended";
export type EndedWhy = "endSession" | "timeLimit" | "cardRemoved";
export type Phase = "waitingForReader" | "waitingForCard" | "choosing" | "waitingForPIN" | "wrongPIN" | "signing";
export type SessionEventKind = "cardRemoved" | "locked" | "cardReturned" | "differentCard" | "resumed" | "ended";
export interface HelloParams {
    client: string;
    protocol: number;
}
export interface HelloResult {
    agent: string;
    protocol: number;
    capabilities: string[];
    origin: string;
    removal: Removal;
}
export interface Removal {
    action: RemovalAction;
    graceSeconds: number;
}
export interface Snapshot {
    revision: number;
    state: State;
    readers: Reader[];
    warnings: string[];
}
export interface Reader {
    name: string;
    keypad: boolean;
    card: Card | null;
}
export interface Card {
    known: boolean;
    pin?: PINState;
    expiresInDays?: number;
}
export interface AuthenticateParams {
    nonce: string;
    lang?: string;
    timeoutSeconds?: number;
}
export interface AuthenticateResult {
    token: Token;
    session: string;
}
export interface Token {
    unverifiedCertificate: string;
    algorithm: string;
    signature: string;
    format: string;
    appVersion: string;
}
export interface AttachParams {
    session: string;
}
export interface AttachResult {
    state: SessionState;
    graceLeft?: number;
    why?: EndedWhy;
}
export interface ResumeParams {
    session: string;
    nonce: string;
    lang?: string;
    timeoutSeconds?: number;
}
export interface ResumeResult {
    token: Token;
}
export interface CancelParams {
    id: string | number;
}
export interface EndSessionParams {
    session: string;
}
export interface GetSigningCertificateParams {
    lang?: string;
    timeoutSeconds?: number;
}
export interface GetSigningCertificateResult {
    certificate: string;
    algorithms: string[];
}
export interface SignParams {
    certificate: string;
    hash: string;
    items: SignItem[];
    lang?: string;
    timeoutSeconds?: number;
}
export interface SignItem {
    id: string;
    digest: string;
}
export interface SignResult {
    certificate: string;
    algorithm: string;
    signatures: ItemSignature[];
    failures: ItemFailure[];
}
export interface ItemSignature {
    id: string;
    signature: string;
}
export interface ItemFailure {
    id: string;
    code: string;
}
export interface ProgressParams {
    id: string | number;
    phase: Phase;
    triesLeft?: number;
    done?: number;
    total?: number;
}
export interface SessionParams {
    session: string;
    event: SessionEventKind;
    action?: RemovalAction;
    graceSeconds?: number;
    why?: EndedWhy;
}
export interface Health {
    agent: string;
    protocol: number;
    state: State;
}
export interface RPCError {
    code: number;
    message: string;
    data: ErrorData;
}
export interface ErrorData {
    code: string;
    who: string;
    retry: boolean;
    params?: Record<string, unknown>;
    contact?: string;
}
/** The methods, page to agent. */
export interface Methods {
    hello: {
        params: HelloParams;
        result: HelloResult;
    };
    watch: {
        params: Record<string, never>;
        result: Snapshot;
    };
    authenticate: {
        params: AuthenticateParams;
        result: AuthenticateResult;
    };
    attach: {
        params: AttachParams;
        result: AttachResult;
    };
    resume: {
        params: ResumeParams;
        result: ResumeResult;
    };
    cancel: {
        params: CancelParams;
        result: Record<string, never>;
    };
    endSession: {
        params: EndSessionParams;
        result: Record<string, never>;
    };
    getSigningCertificate: {
        params: GetSigningCertificateParams;
        result: GetSigningCertificateResult;
    };
    sign: {
        params: SignParams;
        result: SignResult;
    };
}
/** The notifications, agent to page. */
export interface Notifications {
    status: Snapshot;
    progress: ProgressParams;
    session: SessionParams;
}
/** The first who can act on an error. */
export type Who = "user" | "admin" | "card-issuer" | "site";
/** The parameters of each error code. */
export interface ErrorParams {
    agentLost: {};
    busy: {};
    cancelled: {};
    cardRemoved: {};
    cardUnknown: {
        atr?: string;
    };
    cardUnreadable: {};
    internal: {
        incident: string;
    };
    invalidRequest: {
        field?: string;
        problem: "syntax" | "batch" | "notObject" | "unknown" | "missing" | "duplicate" | "wrongType" | "badValue" | "order";
    };
    loopbackBlockedInFrame: {};
    loopbackDenied: {};
    loopbackDismissed: {};
    moduleFailed: {
        how: "crashed" | "hung" | "refused";
    };
    moduleMissing: {};
    noCard: {};
    noPromptUI: {};
    noReader: {};
    noService: {};
    noUsableCertificate: {
        why: "none" | "expired" | "notYetValid" | "wrongUsage" | "bothUsages" | "wrongIssuer";
    };
    notPermitted: {
        right: "authenticate" | "sign" | "managePIN";
    };
    notRunning: {};
    originRefused: {};
    pinBlocked: {};
    pinNotSet: {};
    pinWrong: {
        triesLeft?: number;
    };
    sessionLocked: {};
    sessionUnknown: {};
    timedOut: {};
    unsupported: {};
    versionTooOld: {
        side: "page" | "agent";
    };
}
/** The stable name of an error. */
export type Code = keyof ErrorParams;
export declare const errors: {
    readonly [C in Code]: {
        readonly who: Who;
        readonly retry: boolean;
        readonly message: string;
    };
};
