import type { Code } from "./protocol.ts";
/** What an error means, and what to do about it, for people. `by` is who makes it. */
export interface Help {
    readonly by: "agent" | "client";
    readonly means: string;
    readonly fix: string;
}
/** The help for every code. */
export declare const help: {
    readonly [C in Code]: Help;
};
