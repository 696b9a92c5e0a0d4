import assert from "node:assert/strict";
import { test } from "node:test";
import { CardeaError } from "../src/errors.ts";
import { errors } from "../src/protocol.ts";
import type { Code, Snapshot } from "../src/protocol.ts";
import type { Progress } from "../src/client.ts";
import { connectTo, golden, nonce, Refusal, session, silence, startAgent } from "./agent.ts";

test("a sign-in gives the token and the session", async (t) => {
  const agent = await startAgent(t);
  const cardea = await connectTo(t, agent);
  assert.deepEqual(await cardea.authenticate(nonce), golden("authenticate.response").result);
  assert.deepEqual((await agent.saw("authenticate")).params, golden("authenticate.request").params);
  await cardea.authenticate(nonce, { lang: "en-GB", timeoutSeconds: 60 });
  assert.deepEqual((await agent.saw("authenticate", 2)).params, golden("authenticate.request.full").params);
});

test("resume, attach and endSession carry the session", async (t) => {
  const agent = await startAgent(t);
  const cardea = await connectTo(t, agent);
  assert.deepEqual(await cardea.resume(session, nonce, { lang: "en", timeoutSeconds: 600 }), golden("resume.response").result);
  assert.deepEqual((await agent.saw("resume")).params, golden("resume.request").params);
  assert.deepEqual(await cardea.attach(session), { state: "present" });
  assert.deepEqual((await agent.saw("attach")).params, golden("attach.request").params);
  assert.equal(await cardea.endSession(session), undefined);
  assert.deepEqual((await agent.saw("endSession")).params, golden("endSession.request").params);
});

test("documents are signed with the certificate that the person showed", async (t) => {
  const agent = await startAgent(t);
  const cardea = await connectTo(t, agent);
  const { certificate, algorithms } = await cardea.getSigningCertificate({ lang: "cy", timeoutSeconds: 60 });
  assert.deepEqual({ certificate, algorithms }, golden("getSigningCertificate.response").result);
  assert.deepEqual((await agent.saw("getSigningCertificate")).params, golden("getSigningCertificate.request.full").params);
  const { hash, items } = golden("sign.request").params;
  assert.deepEqual(await cardea.sign(certificate, hash, items), golden("sign.response").result);
  assert.deepEqual((await agent.saw("sign")).params, golden("sign.request").params);
});

test("a signal ends a batch between two documents, and what was signed is not lost", async (t) => {
  const { certificate, hash, items } = golden("sign.request").params;
  let answer = (_: unknown): void => {};
  const agent = await startAgent(t, {
    sign: () => new Promise((resolve) => { answer = resolve; }),
    cancel: () => { answer(golden("sign.response").result); return {}; },
  });
  const cardea = await connectTo(t, agent);
  const controller = new AbortController();
  const asked = cardea.sign(certificate, hash, items, { signal: controller.signal });
  const request = await agent.saw("sign");
  controller.abort();
  assert.deepEqual(await asked, golden("sign.response").result);
  assert.deepEqual((await agent.saw("cancel")).params, { id: request.id });
});

test("a batch that a signal ends before its first document is cancelled for the page's own reason", async (t) => {
  const { certificate, hash, items } = golden("sign.request").params;
  let refuse = (_: unknown): void => {};
  const agent = await startAgent(t, {
    sign: () => new Promise((_, reject) => { refuse = reject; }),
    cancel: () => { refuse(new Refusal("cancelled")); return {}; },
  });
  const cardea = await connectTo(t, agent);
  const controller = new AbortController();
  const asked = cardea.sign(certificate, hash, items, { signal: controller.signal });
  await agent.saw("sign");
  controller.abort("changed my mind");
  const error = await asked.catch((e) => e);
  assert.ok(CardeaError.is(error, "cancelled"));
  assert.equal(error.cause, "changed my mind");
});

test("progress goes to its own request", async (t) => {
  const agent = await startAgent(t, {
    authenticate: (message, peer) => {
      peer.notify("progress", { ...golden("progress.notification").params, id: message.id });
      peer.notify("progress", { ...golden("progress.notification.wrongPIN").params, id: message.id });
      peer.notify("progress", { id: 9999, phase: "signing" });
      return golden("authenticate.response").result;
    },
  });
  const cardea = await connectTo(t, agent);
  const seen: Progress[] = [];
  await cardea.authenticate(nonce, { onProgress: (progress) => seen.push(progress) });
  assert.deepEqual(seen, [{ phase: "waitingForPIN" }, { phase: "wrongPIN", triesLeft: 2 }]);
});

test("every code of the table arrives as it was sent", async (t) => {
  let wire: unknown;
  const agent = await startAgent(t, { attach: () => { throw Object.assign(new Error(), { wire }); } });
  const cardea = await connectTo(t, agent);
  assert.ok(Object.keys(errors).length > 20);
  for (const code of Object.keys(errors) as Code[]) {
    const { who, retry, message } = errors[code];
    wire = { code: -32000, message, data: { code, who, retry, params: { n: 1 }, contact: "IT, 1234" } };
    const error = await cardea.attach(session).catch((e) => e);
    assert.ok(CardeaError.is(error, code));
    assert.deepEqual({ who: error.who, retry: error.retry, message: error.message, params: error.params }, { who, retry, message, params: { n: 1 } });
    assert.equal(error.name, "CardeaError");
    assert.equal(error.contact, "IT, 1234");
  }
});

test("an error's numbers are there, and a newer agent's codes are kept", async (t) => {
  const agent = await startAgent(t, {
    authenticate: () => { throw new Refusal("authenticate.response.pinWrong"); },
    attach: () => { throw Object.assign(new Error(), { wire: { code: 1, message: "New.", data: { code: "newer", who: "admin", retry: true } } }); },
    endSession: () => { throw Object.assign(new Error(), { wire: { code: 1, message: "Bare." } }); },
  });
  const cardea = await connectTo(t, agent);
  const wrong = await cardea.authenticate(nonce).catch((e) => e);
  assert.ok(CardeaError.is(wrong, "pinWrong"));
  assert.equal(wrong.params.triesLeft, 2);
  assert.equal(wrong.contact, undefined);
  const newer = await cardea.attach(session).catch((e) => e);
  assert.deepEqual([newer.code, newer.who, newer.retry, newer.message, newer.params], ["newer", "admin", true, "New.", {}]);
  assert.equal((await cardea.endSession(session).catch((e) => e)).code, "internal");
});

test("a signal cancels the request at the agent and at once here", async (t) => {
  const agent = await startAgent(t, { authenticate: () => silence });
  const cardea = await connectTo(t, agent);
  const controller = new AbortController();
  const asked = cardea.authenticate(nonce, { signal: controller.signal });
  const request = await agent.saw("authenticate");
  controller.abort("changed my mind");
  const error = await asked.catch((e) => e);
  assert.ok(CardeaError.is(error, "cancelled"));
  assert.equal(error.cause, "changed my mind");
  assert.deepEqual((await agent.saw("cancel")).params, { id: request.id });
  assert.deepEqual(await cardea.attach(session), { state: "present" }, "the connection goes on");
  await assert.rejects(cardea.attach(session, { signal: controller.signal }), { code: "cancelled" });
  assert.equal(agent.seen.filter((message) => message.method === "attach").length, 1, "nothing is sent for an aborted signal");
});

test("an agent that does not answer in time is cancelled", async (t) => {
  const agent = await startAgent(t, { authenticate: () => silence });
  const cardea = await connectTo(t, agent);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const asked = cardea.authenticate(nonce, { timeoutSeconds: 5 });
  const request = await agent.saw("authenticate");
  t.mock.timers.tick(19_999);
  assert.equal(agent.seen.some((message) => message.method === "cancel"), false);
  t.mock.timers.tick(1);
  assert.equal((await asked.catch((e) => e)).code, "timedOut");
  assert.deepEqual((await agent.saw("cancel")).params, { id: request.id });
});

test("watch gives a snapshot first and then every change", async (t) => {
  const agent = await startAgent(t);
  const cardea = await connectTo(t, agent);
  const seen: Snapshot[] = [];
  const next = queue(seen);
  const stop = await cardea.watch(next.push);
  assert.deepEqual(seen, [golden("watch.response").result]);
  const changed = { ...golden("status.notification").params, revision: 8, state: "noCard" };
  agent.peers[0]?.notify("status", changed);
  await next.arrived(2);
  assert.deepEqual(seen[1], changed);
  assert.deepEqual(await cardea.status(), changed, "status knows it too");
  stop();
  agent.peers[0]?.notify("status", { ...changed, revision: 9 });
  await cardea.attach(session); // what was sent before has arrived
  assert.equal(seen.length, 2);
  assert.equal(agent.seen.filter((message) => message.method === "watch").length, 1);
});

test("a watch that failed can be tried again", async (t) => {
  let broken = true;
  const agent = await startAgent(t, {
    watch: () => {
      if (broken) {
        throw new Refusal("authenticate.response.internal");
      }
      return golden("watch.response").result;
    },
  });
  const cardea = await connectTo(t, agent);
  assert.equal((await cardea.status().catch((e) => e)).code, "internal");
  broken = false;
  assert.equal((await cardea.status()).state, "ready");
});

test("a watch whose callback throws at once is not kept", async (t) => {
  const agent = await startAgent(t);
  const cardea = await connectTo(t, agent);
  let calls = 0;
  const broken = () => {
    calls++;
    throw new Error("the page's own");
  };
  await assert.rejects(cardea.watch(broken), /the page's own/);
  agent.peers[0]?.notify("status", golden("status.notification").params);
  await cardea.attach(session); // what was sent before has arrived
  assert.equal(calls, 1);
});

test("a signal ends a watch", async (t) => {
  const agent = await startAgent(t);
  const cardea = await connectTo(t, agent);
  const controller = new AbortController();
  let calls = 0;
  await cardea.watch(() => { calls++; }, { signal: controller.signal });
  controller.abort();
  agent.peers[0]?.notify("status", golden("status.notification").params);
  await cardea.attach(session);
  assert.equal(calls, 1);
});

/** Values that a listener gets, to be awaited by their number. */
function queue<T>(values: T[]) {
  let wake = () => {};
  return {
    push: (value: T) => { values.push(value); wake(); },
    async arrived(n: number) {
      while (values.length < n) {
        await new Promise<void>((resolve) => { wake = resolve; });
      }
    },
  };
}
