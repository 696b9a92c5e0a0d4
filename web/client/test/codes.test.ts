// Makes every error code that is the library's own, once.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { connect } from "../src/client.ts";
import { CardeaError } from "../src/errors.ts";
import { help } from "../src/help.ts";
import { errors } from "../src/protocol.ts";
import type { Code } from "../src/protocol.ts";
import type { Scope } from "../src/scope.ts";
import { freePort, golden, scopeOf, startAgent } from "./agent.ts";

const refusedByBrowser: Pick<Scope, "WebSocket" | "fetch"> = {
  WebSocket: function () { throw new DOMException("blocked", "SecurityError"); } as unknown as Scope["WebSocket"],
  fetch: async () => { throw new TypeError("Failed to fetch"); },
};

/** What makes each code: with a real agent's end of a connection where there is one. */
const makes: { [C in Code]?: (t: TestContext) => Promise<unknown> } = {
  notRunning: async () => connect({ port: await freePort(), scope: scopeOf() }),
  originRefused: async (t) => {
    const agent = await startAgent(t);
    agent.refuse = 403;
    return connect({ port: agent.port, scope: scopeOf() });
  },
  loopbackDenied: async () => connect({ scope: scopeOf({ permission: "denied", ...refusedByBrowser }) }),
  loopbackDismissed: async (t) => {
    const agent = await startAgent(t);
    return connect({ port: agent.port, scope: scopeOf({ permission: "prompt", active: false }) });
  },
  loopbackBlockedInFrame: async () => {
    const policy = { features: ["loopback-network"], allowed: [] };
    return connect({ scope: scopeOf({ permission: "denied", policy, ...refusedByBrowser }) });
  },
  agentLost: async (t) => {
    const agent = await startAgent(t, { hello: (_, peer) => peer.socket.terminate() });
    return connect({ port: agent.port, scope: scopeOf() });
  },
  // The agent's own codes that the library makes as well.
  versionTooOld: async (t) => {
    const agent = await startAgent(t, { hello: () => ({ ...golden("hello.response").result, protocol: 0 }) });
    return connect({ port: agent.port, scope: scopeOf() });
  },
  cancelled: async () => connect({ port: await freePort(), scope: scopeOf(), signal: AbortSignal.abort() }),
};

for (const code of Object.keys(help) as Code[]) {
  if (help[code].by !== "client" && !makes[code]) {
    continue;
  }
  test(`${code} can be made`, async (t) => {
    const make = makes[code];
    assert.ok(make, "no test makes it");
    await assert.rejects(make(t), (error) => {
      assert.ok(error instanceof CardeaError, String(error));
      assert.equal(error.code, code);
      assert.equal(error.message, errors[code].message);
      return true;
    });
  });
}

test("every code says what it means and what to do", () => {
  assert.deepEqual(Object.keys(help), Object.keys(errors));
  for (const { means, fix } of Object.values(help)) {
    assert.ok(means.endsWith(".") && fix.endsWith("."));
  }
});
