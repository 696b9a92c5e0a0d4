import assert from "node:assert/strict";
import { once, EventEmitter } from "node:events";
import { test } from "node:test";
import type { Cardea, SessionEvent } from "../src/client.ts";
import { backOff } from "../src/client.ts";
import type { Snapshot } from "../src/protocol.ts";
import { connectTo, golden, nonce, Refusal, scopeOf, session, silence, startAgent } from "./agent.ts";
import type { World } from "./agent.ts";

/** The session events of a client, one by one. */
function eventsOf(cardea: Cardea) {
  const seen: SessionEvent[] = [];
  const arrivals = new EventEmitter();
  cardea.on("session", (event) => {
    seen.push(event);
    arrivals.emit("one");
  });
  return async (): Promise<SessionEvent> => {
    if (seen.length === 0) {
      await once(arrivals, "one");
    }
    return seen.shift() as SessionEvent;
  };
}

test("session events arrive as the agent sent them", async (t) => {
  const agent = await startAgent(t);
  const cardea = await connectTo(t, agent);
  await cardea.authenticate(nonce);
  const next = eventsOf(cardea);
  for (const variant of ["", ".locked", ".cardReturned", ".differentCard", ".resumed", ".ended"]) {
    const { params } = golden(`session.notification${variant}`);
    agent.peers[0]?.notify("session", params);
    assert.deepEqual(await next(), params);
  }
});

test("a lost agent is reported, comes back, and tells how the session stands", async (t) => {
  let standing: string = "removed";
  const agent = await startAgent(t, { attach: () => golden(`attach.response.${standing}`).result });
  const cardea = await connectTo(t, agent);
  await cardea.authenticate(nonce);
  const next = eventsOf(cardea);
  const lost: unknown[] = [];
  const back: unknown[] = [];
  cardea.on("lost", (error) => lost.push(error.code));
  cardea.on("back", (hello) => back.push(hello));

  agent.drop();
  assert.deepEqual(await next(), { session, event: "agentLost", action: "lock", graceSeconds: 300 });
  assert.deepEqual(await next(), { session, event: "agentReturned", state: "removed", graceLeft: 0 });
  assert.deepEqual([lost, back], [["agentLost"], [golden("hello.response").result]]);

  standing = "ended";
  agent.drop();
  assert.equal((await next()).event, "agentLost");
  assert.deepEqual(await next(), { session, event: "agentReturned", state: "ended", why: "timeLimit" });

  agent.drop();
  await agent.saw("hello", 4);
  await cardea.status();
  assert.equal(agent.seen.filter((message) => message.method === "attach").length, 2, "an ended session is left alone");
});

test("an agent that was started anew has ended the session", async (t) => {
  const agent = await startAgent(t, { attach: () => { throw Object.assign(new Refusal("hello.response.error"), { wire: { code: -32000, message: "?", data: { code: "sessionUnknown", who: "site", retry: false } } }); } });
  const cardea = await connectTo(t, agent);
  await cardea.authenticate(nonce);
  const next = eventsOf(cardea);
  const { port } = agent;
  await agent.stop();
  assert.equal((await next()).event, "agentLost");
  await agent.start(port);
  assert.deepEqual(await next(), { session, event: "agentReturned", state: "ended" });
});

test("a connection that is lost again while it comes back is tried on", async (t) => {
  let attached = 0;
  const agent = await startAgent(t, {
    attach: (_, peer) => {
      attached++;
      if (attached < 3) {
        peer.socket.terminate();
      }
      return { state: "present" };
    },
  });
  const cardea = await connectTo(t, agent);
  await cardea.authenticate(nonce);
  const next = eventsOf(cardea);
  agent.drop();
  const seen = [];
  do {
    seen.push((await next()).event);
  } while (seen.at(-1) !== "agentReturned");
  assert.deepEqual(seen, ["agentLost", "agentLost", "agentLost", "agentReturned"]);
  assert.equal(attached, 3);
});

test("requests that wait end with agentLost", async (t) => {
  const agent = await startAgent(t, { authenticate: () => silence });
  const cardea = await connectTo(t, agent);
  const asked = cardea.authenticate(nonce);
  await agent.saw("authenticate");
  agent.drop();
  assert.equal((await asked.catch((e) => e)).code, "agentLost");
});

test("1006 and 1015 and a good-bye are the same to a page", async (t) => {
  const agent = await startAgent(t);
  const cardea = await connectTo(t, agent);
  const lost = new EventEmitter();
  cardea.on("lost", (error) => lost.emit("lost", error.code));
  for (const close of ["terminate", "close"] as const) {
    const event = once(lost, "lost");
    await cardea.status();
    agent.peers.at(-1)?.socket[close]();
    assert.deepEqual(await event, ["agentLost"]);
  }
});

test("a watch goes on after a loss", async (t) => {
  let revision = 0;
  const agent = await startAgent(t, { watch: () => ({ ...golden("watch.response").result, revision: ++revision }) });
  const cardea = await connectTo(t, agent);
  const arrivals = new EventEmitter();
  const seen: number[] = [];
  await cardea.watch((snapshot: Snapshot) => {
    seen.push(snapshot.revision);
    arrivals.emit("one");
  });
  agent.drop();
  await once(arrivals, "one");
  assert.deepEqual(seen, [1, 2]);
});

test("a call of the page's brings the connection back before its time", async (t) => {
  const agent = await startAgent(t);
  const cardea = await connectTo(t, agent, { reconnect: () => 3_600_000 });
  await cardea.authenticate(nonce);
  const next = eventsOf(cardea);
  agent.drop();
  assert.equal((await next()).event, "agentLost");
  const [a, b] = await Promise.all([cardea.status(), cardea.status()]);
  assert.deepEqual(a, b);
  assert.equal((await next()).event, "agentReturned", "the sessions come back with it");
  assert.equal(agent.upgrades, 2, "calls share one try");
});

test("an agent that refuses the site is left alone until the page calls", async (t) => {
  const agent = await startAgent(t);
  let delays = 0;
  const cardea = await connectTo(t, agent, { reconnect: () => { delays++; return 1; } });
  await cardea.authenticate(nonce);
  const next = eventsOf(cardea);
  agent.refuse = 403;
  agent.drop();
  assert.equal((await next()).event, "agentLost");
  while (agent.upgrades < 4) { // the one that was let in, and three tries
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await cardea.status().catch(() => {}); // it may share the last try
  const before = agent.upgrades;
  assert.equal((await cardea.status().catch((e) => e)).code, "originRefused");
  assert.deepEqual([agent.upgrades - before, delays], [1, 3], "a call tries once, and nothing else does");
  agent.refuse = 0;
  await cardea.status();
  assert.equal((await next()).event, "agentReturned", "the sessions come back with it");
});

test("a call while the agent is away tells why", async (t) => {
  const agent = await startAgent(t);
  const cardea = await connectTo(t, agent, { reconnect: false });
  const lost = new EventEmitter();
  cardea.on("lost", () => lost.emit("lost"));
  const gone = once(lost, "lost");
  await agent.stop();
  await gone;
  assert.equal((await cardea.status().catch((e) => e)).code, "notRunning");
});

test("the browser is not made to ask out of the blue", async (t) => {
  const agent = await startAgent(t);
  const world: World = { permission: "granted" };
  let tries = 0;
  const tried = new EventEmitter();
  const cardea = await connectTo(t, agent, {
    scope: scopeOf(world),
    reconnect: () => {
      tries++;
      tried.emit("try");
      return 1;
    },
  });
  world.permission = "prompt";
  agent.drop();
  while (tries < 4) {
    await once(tried, "try");
  }
  assert.equal(agent.upgrades, 1);
  await cardea.status(); // a click's
  assert.equal(agent.upgrades, 2);
});

test("a closed client stays closed", async (t) => {
  const agent = await startAgent(t, { authenticate: () => silence });
  const cardea = await connectTo(t, agent, { reconnect: () => 0 });
  const heard: string[] = [];
  cardea.on("lost", () => heard.push("lost"));
  const asked = cardea.authenticate(nonce);
  await agent.saw("authenticate");
  const peer = agent.peers[0];
  assert.ok(peer);
  const gone = once(peer.socket, "close");
  cardea.close();
  assert.equal((await asked.catch((e) => e)).code, "cancelled");
  await gone;
  assert.equal((await cardea.status().catch((e) => e)).code, "agentLost");
  assert.deepEqual([heard, agent.upgrades], [[], 1]);
});

test("a listener that throws does not silence the others", async (t) => {
  const agent = await startAgent(t);
  const thrown: unknown[] = [];
  const cardea = await connectTo(t, agent, { scope: { ...scopeOf(), reportError: (error) => { thrown.push(error); } } });
  cardea.on("session", () => { throw "the page's own mistake"; });
  const next = eventsOf(cardea);
  agent.peers[0]?.notify("session", golden("session.notification.locked").params);
  assert.equal((await next()).event, "locked");
  assert.deepEqual(thrown, ["the page's own mistake"]);
});

test("back-off grows to half a minute and never stops", () => {
  for (const [attempt, least, most] of [[0, 375, 625], [3, 3000, 5000], [20, 22_500, 37_500], [10_000, 22_500, 37_500]] as const) {
    const delay = backOff(attempt);
    assert.ok(delay >= least && delay <= most, `${attempt}: ${delay}`);
  }
});
