import type { Scope, Socket } from "./scope.ts";
/**
 * Opens the WebSocket to the agent. It rejects with the code that says why there
 * is none. It tries once more if the browser's permission was given meanwhile.
 */
export declare function openSocket(scope: Scope, port: number, signal: AbortSignal | undefined): Promise<Socket>;
