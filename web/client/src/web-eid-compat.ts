// The functions of the Web eID library for browsers over Cardea, with the same
// parameters and results: a page that was written for that library changes its
// import and nothing else. Errors carry the code of that library where it has
// one that means the same, else Cardea's own; `cause` is always the CardeaError.
import { connect, library } from "./client.ts";
import type { AskOptions, Cardea, ConnectOptions } from "./client.ts";
import { CardeaError } from "./errors.ts";
import type { Code, Token } from "./protocol.ts";

export interface ActionOptions {
  /** Milliseconds that the person has; two minutes when absent. */
  userInteractionTimeout?: number;
  /** Language of the agent's windows. */
  lang?: string;
}

export type LibraryAuthenticateResponse = Token;

export interface LibraryStatusResponse {
  library: string;
  extension: string;
  nativeApp: string;
}

export interface SignatureAlgorithm {
  cryptoAlgorithm: "ECC" | "RSA";
  hashFunction: string;
  paddingScheme: "NONE" | "PKCS1.5" | "PSS";
}

export interface LibraryGetSigningCertificateResponse {
  certificate: string;
  supportedSignatureAlgorithms: SignatureAlgorithm[];
}

export interface LibrarySignResponse {
  signature: string;
  signatureAlgorithm: SignatureAlgorithm;
}

/** Those codes of the Web eID library that Cardea has an equal for. */
export const ErrorCode = {
  ERR_WEBEID_ACTION_PENDING: "ERR_WEBEID_ACTION_PENDING",
  ERR_WEBEID_MISSING_PARAMETER: "ERR_WEBEID_MISSING_PARAMETER",
  ERR_WEBEID_NATIVE_INVALID_ARGUMENT: "ERR_WEBEID_NATIVE_INVALID_ARGUMENT",
  ERR_WEBEID_NATIVE_UNAVAILABLE: "ERR_WEBEID_NATIVE_UNAVAILABLE",
  ERR_WEBEID_UNKNOWN_ERROR: "ERR_WEBEID_UNKNOWN_ERROR",
  ERR_WEBEID_USER_CANCELLED: "ERR_WEBEID_USER_CANCELLED",
  ERR_WEBEID_USER_TIMEOUT: "ERR_WEBEID_USER_TIMEOUT",
  ERR_WEBEID_VERSION_MISMATCH: "ERR_WEBEID_VERSION_MISMATCH",
} as const;

const equals: Partial<Record<Code, keyof typeof ErrorCode>> = {
  busy: "ERR_WEBEID_ACTION_PENDING",
  invalidRequest: "ERR_WEBEID_NATIVE_INVALID_ARGUMENT",
  notRunning: "ERR_WEBEID_NATIVE_UNAVAILABLE",
  agentLost: "ERR_WEBEID_NATIVE_UNAVAILABLE",
  internal: "ERR_WEBEID_UNKNOWN_ERROR",
  cancelled: "ERR_WEBEID_USER_CANCELLED",
  timedOut: "ERR_WEBEID_USER_TIMEOUT",
  versionTooOld: "ERR_WEBEID_VERSION_MISMATCH",
};

export class WebEidError extends Error {
  constructor(readonly code: string, message: string, cause?: CardeaError) {
    super(message, cause === undefined ? {} : { cause });
    this.name = "WebEidError";
  }
}

let options: ConnectOptions = {};
let client: Promise<Cardea> | undefined;

/** Sets how to connect, where the default is not right. It closes a connection that is open. */
export function configure(connectOptions: ConnectOptions): void {
  client?.then((open) => open.close(), () => {});
  client = undefined;
  options = connectOptions;
}

/** The versions of what the page uses. The agent stands for extension and application. */
export function status(): Promise<LibraryStatusResponse> {
  return withClient(async (cardea) => {
    const { agent } = (await cardea.open(), cardea.agent);
    return { library: library.slice(library.lastIndexOf(" ") + 1), extension: agent, nativeApp: agent };
  });
}

/** Signs the person in and resolves with the token. */
export async function authenticate(challengeNonce: string, actionOptions?: ActionOptions): Promise<LibraryAuthenticateResponse> {
  required(challengeNonce, "authenticate", "challengeNonce");
  return withClient(async (cardea) => (await cardea.authenticate(challengeNonce, ask(actionOptions))).token);
}

/** The certificate that the person signs with. */
export function getSigningCertificate(actionOptions?: ActionOptions): Promise<LibraryGetSigningCertificateResponse> {
  return withClient(async (cardea) => {
    const { certificate, algorithms } = await cardea.getSigningCertificate(ask(actionOptions));
    return { certificate, supportedSignatureAlgorithms: algorithms.map(signatureAlgorithm) };
  });
}

/** Signs one hash. */
export async function sign(certificate: string, hash: string, hashFunction: string, actionOptions?: ActionOptions): Promise<LibrarySignResponse> {
  required(certificate, "sign", "certificate");
  required(hash, "sign", "hash");
  required(hashFunction, "sign", "hashFunction");
  return withClient(async (cardea) => {
    const { algorithm, signatures, failures } = await cardea.sign(certificate, hashFunction, [{ id: "1", digest: hash }], ask(actionOptions));
    const signature = signatures[0]?.signature;
    if (signature === undefined) {
      throw new CardeaError((failures[0]?.code ?? "internal") as Code, { incident: "" });
    }
    return { signature, signatureAlgorithm: signatureAlgorithm(algorithm) };
  });
}

async function withClient<T>(use: (cardea: Cardea) => Promise<T>): Promise<T> {
  try {
    client ??= connect(options);
    const mine = client;
    mine.catch(() => {
      if (client === mine) {
        client = undefined; // the next call tries anew
      }
    });
    return await use(await mine);
  } catch (error) {
    if (error instanceof CardeaError) {
      throw new WebEidError(equals[error.code as Code] ?? error.code, error.message, error);
    }
    throw error;
  }
}

function ask(options: ActionOptions = {}): AskOptions {
  const asked: AskOptions = { timeoutSeconds: seconds(options) };
  if (options.lang !== undefined) {
    asked.lang = options.lang;
  }
  return asked;
}

function seconds(options: ActionOptions): number {
  return Math.min(600, Math.max(1, Math.ceil((options.userInteractionTimeout ?? 120_000) / 1000)));
}

function required(value: string, name: string, parameter: string): void {
  if (!value) {
    throw new WebEidError(ErrorCode.ERR_WEBEID_MISSING_PARAMETER, `${name} function requires a ${parameter} as parameter`);
  }
}

/** The parts of a JWA name (RFC 7518, section 3.1). */
function signatureAlgorithm(name: string): SignatureAlgorithm {
  const hashFunction = `SHA-${name.slice(2)}`;
  switch (name.slice(0, 2)) {
    case "ES":
      return { cryptoAlgorithm: "ECC", hashFunction, paddingScheme: "NONE" };
    case "PS":
      return { cryptoAlgorithm: "RSA", hashFunction, paddingScheme: "PSS" };
    default:
      return { cryptoAlgorithm: "RSA", hashFunction, paddingScheme: "PKCS1.5" };
  }
}
