import type { ConnectOptions } from "./client.ts";
import { CardeaError } from "./errors.ts";
import type { Token } from "./protocol.ts";
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
export declare const ErrorCode: {
    readonly ERR_WEBEID_ACTION_PENDING: "ERR_WEBEID_ACTION_PENDING";
    readonly ERR_WEBEID_MISSING_PARAMETER: "ERR_WEBEID_MISSING_PARAMETER";
    readonly ERR_WEBEID_NATIVE_INVALID_ARGUMENT: "ERR_WEBEID_NATIVE_INVALID_ARGUMENT";
    readonly ERR_WEBEID_NATIVE_UNAVAILABLE: "ERR_WEBEID_NATIVE_UNAVAILABLE";
    readonly ERR_WEBEID_UNKNOWN_ERROR: "ERR_WEBEID_UNKNOWN_ERROR";
    readonly ERR_WEBEID_USER_CANCELLED: "ERR_WEBEID_USER_CANCELLED";
    readonly ERR_WEBEID_USER_TIMEOUT: "ERR_WEBEID_USER_TIMEOUT";
    readonly ERR_WEBEID_VERSION_MISMATCH: "ERR_WEBEID_VERSION_MISMATCH";
};
export declare class WebEidError extends Error {
    readonly code: string;
    constructor(code: string, message: string, cause?: CardeaError);
}
/** Sets how to connect, where the default is not right. It closes a connection that is open. */
export declare function configure(connectOptions: ConnectOptions): void;
/** The versions of what the page uses. The agent stands for extension and application. */
export declare function status(): Promise<LibraryStatusResponse>;
/** Signs the person in and resolves with the token. */
export declare function authenticate(challengeNonce: string, actionOptions?: ActionOptions): Promise<LibraryAuthenticateResponse>;
/** The certificate that the person signs with. */
export declare function getSigningCertificate(actionOptions?: ActionOptions): Promise<LibraryGetSigningCertificateResponse>;
/** Signs one hash. */
export declare function sign(certificate: string, hash: string, hashFunction: string, actionOptions?: ActionOptions): Promise<LibrarySignResponse>;
