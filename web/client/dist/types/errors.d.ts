import type { Code, ErrorParams, Who } from "./protocol.ts";
/**
 * The one class of errors of this library. `code` says what happened and never
 * changes its meaning; docs/errors.md lists all codes. `message` is for people.
 */
export declare class CardeaError<C extends Code = Code> extends Error {
    readonly name = "CardeaError";
    readonly code: C;
    /** The first who can act. */
    readonly who: Who;
    /** Whether trying again can help. */
    readonly retry: boolean;
    readonly params: ErrorParams[C];
    /** Whom the person may ask, in their organisation's words; undefined where nobody is named. */
    readonly contact: string | undefined;
    constructor(code: C, params: ErrorParams[C], options?: {
        who?: Who;
        retry?: boolean;
        contact?: string;
        message?: string;
        cause?: unknown;
    });
    /** Tells whether an error is one of this library with the given code. */
    static is<C extends Code>(error: unknown, code: C): error is CardeaError<C>;
}
/**
 * The error of an agent's answer. A code that this version does not know is kept
 * as it is: who and retry come from the agent, so a page can still act on it.
 */
export declare function fromWire(error: unknown): CardeaError;
/** The error of a page that ended its own request by a signal. */
export declare function cancelled(signal: AbortSignal): CardeaError<"cancelled">;
