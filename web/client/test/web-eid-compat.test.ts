import assert from "node:assert/strict";
import { test } from "node:test";
import { CardeaError } from "../src/errors.ts";
import * as webeid from "../src/web-eid-compat.ts";
import { freePort, golden, nonce, Refusal, scopeOf, startAgent } from "./agent.ts";
import type { Agent, Answer } from "./agent.ts";

type Context = { after(fn: () => unknown): void };

async function start(t: Context, answers?: Record<string, Answer>): Promise<Agent> {
  const agent = await startAgent(t, answers);
  webeid.configure({ port: agent.port, scope: scopeOf(), reconnect: false });
  t.after(() => webeid.configure({}));
  return agent;
}

function unsupported(): never {
  throw Object.assign(new Error(), { wire: { code: -32601, message: "This Cardea cannot do that.", data: { code: "unsupported", who: "site", retry: false } } });
}

test("status gives three versions", async (t) => {
  await start(t);
  assert.deepEqual(await webeid.status(), { library: "1.0.0", extension: "1.0.0", nativeApp: "1.0.0" });
});

test("authenticate gives the token alone", async (t) => {
  const agent = await start(t);
  assert.deepEqual(await webeid.authenticate(nonce), golden("authenticate.response").result.token);
  assert.deepEqual((await agent.saw("authenticate")).params, { nonce, timeoutSeconds: 120 });
  await webeid.authenticate(nonce, { lang: "et", userInteractionTimeout: 1500 });
  assert.deepEqual((await agent.saw("authenticate", 2)).params, { nonce, lang: "et", timeoutSeconds: 2 });
  await webeid.authenticate(nonce, { userInteractionTimeout: 86_400_000 });
  assert.equal((await agent.saw("authenticate", 3)).params.timeoutSeconds, 600);
  assert.equal(agent.upgrades, 1, "one connection serves all calls");
});

test("a missing parameter is told in that library's code", async () => {
  await assert.rejects(webeid.authenticate(""), { code: "ERR_WEBEID_MISSING_PARAMETER" });
  await assert.rejects(webeid.sign("certificate", "hash", ""), { code: "ERR_WEBEID_MISSING_PARAMETER" });
});

test("an agent that cannot sign says so itself", async (t) => {
  const agent = await start(t, { getSigningCertificate: unsupported, sign: unsupported });
  await assert.rejects(webeid.getSigningCertificate({ lang: "en" }), { code: "unsupported" });
  await assert.rejects(webeid.sign("Y2VydA==", "aGFzaA==", "SHA-256"), { code: "unsupported" });
  assert.deepEqual((await agent.saw("getSigningCertificate")).params, { lang: "en", timeoutSeconds: 120 });
  assert.deepEqual((await agent.saw("sign")).params, { certificate: "Y2VydA==", hash: "SHA-256", items: [{ id: "1", digest: "aGFzaA==" }], timeoutSeconds: 120 });
});

test("an agent that can sign is understood", async (t) => {
  await start(t, {
    getSigningCertificate: () => ({ certificate: "Y2VydA==", algorithms: ["ES384", "RS256", "PS512"] }),
    sign: (message) => ({ certificate: "Y2VydA==", algorithm: "ES384", signatures: [{ id: message.params.items[0].id, signature: "c2ln" }], failures: [] }),
  });
  assert.deepEqual(await webeid.getSigningCertificate(), {
    certificate: "Y2VydA==",
    supportedSignatureAlgorithms: [
      { cryptoAlgorithm: "ECC", hashFunction: "SHA-384", paddingScheme: "NONE" },
      { cryptoAlgorithm: "RSA", hashFunction: "SHA-256", paddingScheme: "PKCS1.5" },
      { cryptoAlgorithm: "RSA", hashFunction: "SHA-512", paddingScheme: "PSS" },
    ],
  });
  assert.deepEqual(await webeid.sign("Y2VydA==", "aGFzaA==", "SHA-384"), {
    signature: "c2ln",
    signatureAlgorithm: { cryptoAlgorithm: "ECC", hashFunction: "SHA-384", paddingScheme: "NONE" },
  });
});

test("an item that could not be signed rejects with its code", async (t) => {
  await start(t, { sign: () => ({ certificate: "", algorithm: "ES384", signatures: [], failures: [{ id: "1", code: "cardRemoved" }] }) });
  await assert.rejects(webeid.sign("Y2VydA==", "aGFzaA==", "SHA-384"), { code: "cardRemoved" });
});

test("errors have that library's code where it has one, and Cardea's error as cause", async (t) => {
  await start(t, {
    authenticate: () => { throw new Refusal("authenticate.response.cancelled"); },
    hello: () => golden("hello.response").result,
  });
  const cancelled = await webeid.authenticate(nonce).catch((e) => e);
  assert.equal(cancelled.code, webeid.ErrorCode.ERR_WEBEID_USER_CANCELLED);
  assert.ok(CardeaError.is(cancelled.cause, "cancelled"));
});

test("no agent is told in that library's code, and the next call tries anew", async (t) => {
  const port = await freePort();
  webeid.configure({ port, scope: scopeOf(), reconnect: false });
  t.after(() => webeid.configure({}));
  await assert.rejects(webeid.status(), { code: "ERR_WEBEID_NATIVE_UNAVAILABLE" });
  const agent = await startAgent(t);
  await agent.stop();
  await agent.start(port);
  assert.equal((await webeid.status()).nativeApp, "1.0.0");
});
