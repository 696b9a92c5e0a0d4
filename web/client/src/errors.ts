import { errors } from "./protocol.ts";
import type { Code, ErrorData, ErrorParams, Who } from "./protocol.ts";

/**
 * The one class of errors of this library. `code` says what happened and never
 * changes its meaning; docs/errors.md lists all codes. `message` is for people.
 */
export class CardeaError<C extends Code = Code> extends Error {
  override readonly name = "CardeaError";
  readonly code: C;
  /** The first who can act. */
  readonly who: Who;
  /** Whether trying again can help. */
  readonly retry: boolean;
  readonly params: ErrorParams[C];
  /** Whom the person may ask, in their organisation's words; undefined where nobody is named. */
  readonly contact: string | undefined;

  constructor(code: C, params: ErrorParams[C], options: { who?: Who; retry?: boolean; contact?: string; message?: string; cause?: unknown } = {}) {
    super(options.message ?? errors[code]?.message ?? code, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.who = options.who ?? errors[code].who;
    this.retry = options.retry ?? errors[code].retry;
    this.params = params;
    this.contact = options.contact;
  }

  /** Tells whether an error is one of this library with the given code. */
  static is<C extends Code>(error: unknown, code: C): error is CardeaError<C> {
    return error instanceof CardeaError && error.code === code;
  }
}

/**
 * The error of an agent's answer. A code that this version does not know is kept
 * as it is: who and retry come from the agent, so a page can still act on it.
 */
export function fromWire(error: unknown): CardeaError {
  const { message, data } = (error ?? {}) as { message?: unknown; data?: Partial<ErrorData> };
  if (typeof message !== "string" || typeof data?.code !== "string" || typeof data.who !== "string" || typeof data.retry !== "boolean") {
    return new CardeaError("internal", { incident: "" });
  }
  return new CardeaError(data.code as Code, (data.params ?? {}) as ErrorParams[Code], {
    who: data.who as Who,
    retry: data.retry,
    message,
    ...(typeof data.contact === "string" ? { contact: data.contact } : {}),
  });
}

/** The error of a page that ended its own request by a signal. */
export function cancelled(signal: AbortSignal): CardeaError<"cancelled"> {
  return new CardeaError("cancelled", {}, { cause: signal.reason });
}
