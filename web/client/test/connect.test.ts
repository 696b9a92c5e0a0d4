import assert from "node:assert/strict";
import { test } from "node:test";
import type { Code } from "../src/protocol.ts";
import { connect } from "../src/client.ts";
import { CardeaError } from "../src/errors.ts";
import type { Scope, Socket } from "../src/scope.ts";
import { connectTo, freePort, golden, Refusal, scopeOf, startAgent } from "./agent.ts";
import type { World } from "./agent.ts";

/** Resolves with the error of a promise that must fail. */
async function failure(promise: Promise<unknown>, code: Code): Promise<CardeaError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof CardeaError, String(error));
    assert.equal(error.code, code);
    return error;
  }
  assert.fail(`it succeeded; want ${code}`);
}

/** A WebSocket that does as a browser does, and nothing of its own. */
function socketThat(acts: (socket: Socket) => void): Scope["WebSocket"] {
  return class implements Socket {
    readonly protocol = "cardea.v1";
    onopen = null;
    onmessage = null;
    onerror = null;
    onclose = null;
    constructor() {
      queueMicrotask(() => acts(this));
    }
    send(): void {}
    close(): void {}
  };
}

const fails = socketThat((socket) => socket.onerror?.({} as never));
const answersNothing: Scope["fetch"] = async () => { throw new TypeError("Failed to fetch"); };

test("a page learns whom it reached", async (t) => {
  const agent = await startAgent(t);
  const cardea = await connectTo(t, agent);
  assert.deepEqual(cardea.agent, golden("hello.response").result);
  const hello = await agent.saw("hello");
  assert.deepEqual(hello.params, golden("hello.request").params);
  assert.equal(hello.jsonrpc, "2.0");
});

test("no agent is notRunning", async () => {
  const error = await failure(connect({ port: await freePort(), scope: scopeOf() }), "notRunning");
  assert.equal(error.who, "user");
  assert.equal(error.retry, true);
});

test("no agent is notRunning also while the browser would ask", async () => {
  await failure(connect({ port: await freePort(), scope: scopeOf({ permission: "prompt" }) }), "notRunning");
});

test("an agent that refuses the origin is originRefused", async (t) => {
  const agent = await startAgent(t);
  agent.refuse = 403;
  for (const permission of [undefined, "granted"] as const) {
    const error = await failure(connect({ port: agent.port, scope: scopeOf(permission ? { permission } : {}) }), "originRefused");
    assert.equal(error.who, "admin");
  }
});

test("a site that its person let in meanwhile is connected to at the next click", async (t) => {
  const agent = await startAgent(t);
  agent.refuse = 403;
  await failure(connect({ port: agent.port, scope: scopeOf() }), "originRefused");
  assert.equal(agent.upgrades, 1, "it tried again without a click");
  agent.refuse = 0;
  const cardea = await connect({ port: agent.port, scope: scopeOf() });
  t.after(() => cardea.close());
  assert.equal(cardea.agent.protocol, 1);
});

test("a port that speaks something else is originRefused", async (t) => {
  const agent = await startAgent(t);
  agent.subprotocol = "";
  await failure(connect({ port: agent.port, scope: scopeOf() }), "originRefused");
});

test("a denied permission is loopbackDenied, by either name", async () => {
  for (const permissionName of ["loopback-network", "local-network-access"]) {
    const scope = scopeOf({ permission: "denied", permissionName, WebSocket: fails, fetch: answersNothing });
    await failure(connect({ scope }), "loopbackDenied");
  }
});

test("a question that was answered with No is loopbackDenied", async () => {
  const world: World = { permission: "prompt", fetch: answersNothing };
  world.WebSocket = socketThat((socket) => {
    world.permission = "denied";
    socket.onclose?.({} as never);
  });
  await failure(connect({ scope: scopeOf(world) }), "loopbackDenied");
});

test("a question that was closed is loopbackDismissed, and is not asked again by a probe", async () => {
  let probes = 0;
  let blur = () => {};
  const scope: Scope = {
    ...scopeOf({ permission: "prompt" }),
    addEventListener: (_, listener) => { blur = listener; },
    removeEventListener: () => {},
    WebSocket: socketThat((socket) => {
      blur(); // the person went to the browser's own question
      socket.onerror?.({} as never);
    }),
    fetch: async () => { probes++; },
  };
  await failure(connect({ scope }), "loopbackDismissed");
  assert.equal(probes, 0);
});

test("a failure that took as long as a person needs is loopbackDismissed, which Windows alone takes for a closed port", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const WebSocket = socketThat((socket) => {
    t.mock.timers.tick(2_500);
    socket.onerror?.({} as never);
  });
  const world: World = { permission: "prompt", WebSocket, fetch: answersNothing };
  await failure(connect({ scope: scopeOf(world) }), "loopbackDismissed");
  world.platform = "Win32";
  await failure(connect({ scope: scopeOf(world) }), "notRunning");
});

test("without a click nothing is opened while the browser would ask", async (t) => {
  const agent = await startAgent(t);
  await failure(connect({ port: agent.port, scope: scopeOf({ permission: "prompt", active: false }) }), "loopbackDismissed");
  assert.equal(agent.upgrades, 0);
  await connectTo(t, agent, { scope: scopeOf({ permission: "granted", active: false }) });
  await connectTo(t, agent, { scope: scopeOf({ permission: "prompt", active: false, hostname: "localhost" }) });
});

test("a connection that failed while the permission was given is tried once more", async (t) => {
  const agent = await startAgent(t);
  const world: World = { permission: "prompt" };
  let opened = 0;
  const Real = scopeOf().WebSocket;
  world.WebSocket = function (url: string, protocol: string) {
    opened++;
    if (opened > 1) {
      return new Real(url, protocol);
    }
    return new (socketThat((socket) => {
      world.permission = "granted";
      socket.onerror?.({} as never);
    }))(url, protocol);
  } as unknown as Scope["WebSocket"];
  await connectTo(t, agent, { scope: scopeOf(world) });
  assert.equal(opened, 2);
  world.permission = "granted";
  world.WebSocket = fails;
  await failure(connect({ port: agent.port, scope: scopeOf(world) }), "originRefused");
});

test("a browser that asks for requests alone is connected to unasked, and not made to ask", async (t) => {
  const agent = await startAgent(t);
  const world: World = {
    permission: "prompt", active: false, userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
    fetch: async () => assert.fail("it asks"),
  };
  await connectTo(t, agent, { scope: scopeOf(world) });
  await failure(connect({ port: await freePort(), scope: scopeOf(world) }), "notRunning");

  // A click may make it ask, so that a refusal can be told.
  Object.assign(world, { active: true, fetch: async () => ({}) });
  await failure(connect({ port: await freePort(), scope: scopeOf(world) }), "originRefused");
});

test("a frame without leave is loopbackBlockedInFrame", async () => {
  const policy = { features: ["camera", "loopback-network", "local-network-access"], allowed: ["camera"] };
  const world: World = { permission: "denied", policy, WebSocket: fails, fetch: answersNothing };
  const error = await failure(connect({ scope: scopeOf(world) }), "loopbackBlockedInFrame");
  assert.equal(error.who, "site");
  policy.allowed.push("loopback-network");
  await failure(connect({ scope: scopeOf(world) }), "loopbackDenied");
});

test("a constructor that throws is an ordinary failure", async () => {
  const WebSocket = function () { throw new DOMException("blocked", "SecurityError"); } as unknown as Scope["WebSocket"];
  await failure(connect({ scope: scopeOf({ WebSocket, fetch: answersNothing }) }), "notRunning");
});

test("a handshake that never ends is given up", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const world: World = { permission: "granted", WebSocket: socketThat(() => t.mock.timers.tick(20_000)), fetch: answersNothing };
  await failure(connect({ scope: scopeOf(world) }), "notRunning");
});

test("a question that nobody answered is loopbackDismissed", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const world: World = { permission: "prompt", WebSocket: socketThat(() => t.mock.timers.tick(120_000)), fetch: answersNothing };
  await failure(connect({ scope: scopeOf(world) }), "loopbackDismissed");
});

test("a signal ends the wait for a handshake", async () => {
  const controller = new AbortController();
  const WebSocket = socketThat(() => controller.abort("enough"));
  const error = await failure(connect({ scope: scopeOf({ WebSocket }), signal: controller.signal }), "cancelled");
  assert.equal(error.cause, "enough");
  await failure(connect({ scope: scopeOf({ WebSocket: fails }), signal: AbortSignal.abort() }), "cancelled");
});

test("a page that is too old hears so from the agent", async (t) => {
  const agent = await startAgent(t, { hello: () => { throw new Refusal("hello.response.error"); } });
  const error = await failure(connect({ port: agent.port, scope: scopeOf() }), "versionTooOld");
  assert.equal(error.who, "site");
  assert.deepEqual(error.params, { side: "page" });
});

test("an agent that is too old is told apart from a page that is", async (t) => {
  const agent = await startAgent(t, { hello: () => ({ ...golden("hello.response").result, protocol: 0 }) });
  const error = await failure(connect({ port: agent.port, scope: scopeOf() }), "versionTooOld");
  assert.equal(error.who, "admin");
  assert.deepEqual(error.params, { side: "agent" });
});

test("an agent that goes before hello is agentLost", async (t) => {
  const agent = await startAgent(t, { hello: (_, peer) => peer.socket.terminate() });
  await failure(connect({ port: agent.port, scope: scopeOf() }), "agentLost");
});

test("a peer that sends no JSON object is left", async (t) => {
  for (const text of ["nonsense", "null", "7"]) {
    const agent = await startAgent(t, { hello: (_, peer) => peer.socket.send(text) });
    await failure(connect({ port: agent.port, scope: scopeOf() }), "agentLost");
  }
});
