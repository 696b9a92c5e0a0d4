/** The part of a WebSocket that this library uses. */
export interface Socket {
    readonly protocol: string;
    onopen: ((event: never) => void) | null;
    onmessage: ((event: never) => void) | null;
    onerror: ((event: never) => void) | null;
    onclose: ((event: never) => void) | null;
    send(data: string): void;
    close(): void;
}
interface FeaturePolicy {
    features(): string[];
    allowsFeature(name: string): boolean;
}
/**
 * The part of the browser's global object that this library uses. A page never
 * names it; tests and programs outside browsers do.
 */
export interface Scope {
    readonly WebSocket: new (url: string, protocol: string) => Socket;
    fetch(url: string, init: {
        mode: "no-cors";
        cache: "no-store";
        signal: AbortSignal;
    }): Promise<unknown>;
    readonly navigator?: {
        readonly platform?: string;
        readonly userAgent?: string;
        readonly permissions?: {
            query(descriptor: {
                name: never;
            }): Promise<{
                readonly state: PermissionState;
            }>;
        };
        readonly userActivation?: {
            readonly isActive: boolean;
        };
    };
    readonly document?: {
        readonly featurePolicy?: FeaturePolicy;
    };
    readonly location?: {
        readonly hostname: string;
    };
    /** Where the mistakes of a page's own listeners go. */
    reportError?(error: unknown): void;
    addEventListener?(type: "blur", listener: () => void): void;
    removeEventListener?(type: "blur", listener: () => void): void;
}
/** The browser's own. */
export declare const browser: Scope;
/**
 * The browser's permission for this page to open a WebSocket to a loopback
 * address; undefined where the browser does not ask for it, or this page does not
 * need it because it comes from a loopback address itself.
 */
export declare function loopbackPermission(scope: Scope): Promise<PermissionState | undefined>;
/**
 * Whether the browser asks before a request to a loopback address, but not before
 * a WebSocket. Firefox 153 does so, and its permission tells of the requests: it
 * stays "prompt" while a WebSocket is open.
 */
export declare function asksForRequestsAlone(scope: Scope): boolean;
/** Whether a Permissions-Policy or a missing allow on an iframe stands in the way. */
export declare function blockedByPolicy(scope: Scope): boolean;
/** Whether the page runs within a click or a key press of its user's. */
export declare function userIsActive(scope: Scope): boolean;
export {};
