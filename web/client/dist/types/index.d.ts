export { Cardea, backOff, connect, library } from "./client.ts";
export type { AskOptions, ConnectOptions, Events, Progress, RequestOptions, SessionEvent } from "./client.ts";
export { CardeaError } from "./errors.ts";
export { errors, protocolVersion } from "./protocol.ts";
export type * from "./protocol.ts";
export type { Scope, Socket } from "./scope.ts";
