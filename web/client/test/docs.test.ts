// Runs the pages of docs/integrate.md as they are printed there.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import WebSocket from "ws";
import { golden, Refusal, session, startAgent } from "./agent.ts";
import type { Agent } from "./agent.ts";

const guide = readFileSync(new URL("../../../docs/integrate.md", import.meta.url), "utf8");

/** An element that tells of every change. */
class Element {
  textContent = "";
  disabled = false;
  open = false;
  closed = 0;
  private readonly events = new EventEmitter();
  addEventListener(name: string, listener: () => Promise<void>): void {
    this.events.on(name, listener);
  }
  /** Clicks, and resolves when all that the click began is done. */
  async click(): Promise<void> {
    for (const listener of this.events.listeners("click")) {
      await listener();
    }
  }
  showModal(): void {
    this.open = true;
  }
  close(): void {
    this.open = false;
    this.closed++;
  }
}

/** The browser around one page: its elements, its server, and where it went. */
class Page {
  /** What happens before the server answers. */
  during: ((url: string) => Promise<void>) | undefined;
  readonly elements = new Map<string, Element>();
  readonly requests: [string, string | undefined][] = [];
  readonly storage = new Map<string, string>();
  readonly went = new EventEmitter();
  private readonly changes = new EventEmitter();
  place = "";

  element(selector: string): Element {
    let element = this.elements.get(selector);
    if (!element) {
      element = new Proxy(new Element(), {
        set: (target, name, value) => {
          const done = Reflect.set(target, name, value);
          this.changes.emit("change");
          return done;
        },
      });
      this.elements.set(selector, element);
    }
    return element;
  }

  /** Resolves when something reads as wanted. */
  async becomes(read: () => unknown, want: unknown): Promise<void> {
    while (read() !== want) {
      await once(this.changes, "change");
    }
  }

  /** Loads a page of the guide, with the agent where the library looks for it. */
  async load(t: { after(fn: () => unknown): void }, agent: Agent, name: string): Promise<void> {
    const block = guide.match(new RegExp(`\`\`\`js\n(// file: ${name}\n[^]*?)\n\`\`\``))?.[1];
    assert.ok(block, `${name} is not in the guide`);
    this.replace(t, {
      document: { documentElement: { lang: "en-GB" }, querySelector: (selector: string) => this.element(selector) },
      sessionStorage: {
        getItem: (key: string) => this.storage.get(key) ?? null,
        setItem: (key: string, value: string) => this.storage.set(key, value),
        removeItem: (key: string) => this.storage.delete(key),
      },
      location: {
        hostname: "signin.example",
        assign: (place: string) => {
          this.place = place;
          this.went.emit("away", place);
        },
      },
      fetch: async (url: string, init?: { body?: string }) => {
        this.requests.push([url, init?.body]);
        await this.during?.(url);
        return { ok: true, json: async () => ({ nonce: golden("authenticate.request").params.nonce }), text: async () => "", arrayBuffer: async () => new TextEncoder().encode(url).buffer };
      },
      WebSocket: class extends WebSocket {
        constructor(url: string, protocol: string) {
          assert.equal(url, "ws://127.0.0.1:24747/cardea");
          super(url.replace("24747", String(agent.port)), protocol);
        }
      },
    });
    // The page's clients are closed with the test, else they would try to come back for ever.
    const imported = 'import { connect, CardeaError } from "/js/cardea.js";';
    assert.ok(block.includes(imported));
    const library = await import(new URL("../dist/cardea.js", import.meta.url).href) as typeof import("../src/index.ts");
    const connect = async () => {
      const cardea = await library.connect();
      t.after(() => cardea.close());
      return cardea;
    };
    this.replace(t, { pageLibrary: { ...library, connect } });
    const source = block.replace(imported, `const { connect, CardeaError } = pageLibrary; // ${Math.random()}`);
    await import(`data:text/javascript,${encodeURIComponent(source)}`);
  }

  private replace(t: { after(fn: () => unknown): void }, globals: Record<string, unknown>): void {
    for (const [name, value] of Object.entries(globals)) {
      const before = Object.getOwnPropertyDescriptor(globalThis, name);
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
      t.after(() => (before ? Object.defineProperty(globalThis, name, before) : Reflect.deleteProperty(globalThis, name)));
    }
  }
}

test("the guide's sign-in page signs in", { timeout: 60_000 }, async (t) => {
  const agent = await startAgent(t, {
    authenticate: (message, peer) => {
      peer.notify("progress", { id: message.id, phase: "wrongPIN", triesLeft: 2 });
      return golden("authenticate.response").result;
    },
  });
  const page = new Page();
  await page.load(t, agent, "sign-in.js");
  await page.element("#sign-in").click();
  assert.equal(page.place, "/");
  assert.equal(page.storage.get("cardea-session"), session);
  assert.equal(page.element("#message").textContent, "The PIN was wrong. Tries left: 2.");
  assert.deepEqual(page.requests, [["/challenge", undefined], ["/sign-in", JSON.stringify(golden("authenticate.response").result.token)]]);
  assert.equal((await agent.saw("authenticate")).params.lang, "en-GB");
});

test("the guide's sign-in page explains an error", { timeout: 60_000 }, async (t) => {
  const agent = await startAgent(t, { authenticate: () => { throw new Refusal("authenticate.response.invalid"); } });
  const page = new Page();
  await page.load(t, agent, "sign-in.js");
  await page.element("#sign-in").click();
  assert.equal(page.element("#message").textContent, "The page sent a request that is not right.");
  assert.equal(page.element("#sign-in").disabled, false);
});

test("the guide's page has documents signed and sends what was signed", { timeout: 60_000 }, async (t) => {
  const agent = await startAgent(t, {
    sign: (message, peer) => {
      peer.notify("progress", { ...golden("progress.notification.signing").params, id: message.id });
      return golden("sign.response").result;
    },
  });
  const page = new Page();
  await page.load(t, agent, "sign.js");
  await page.element("#sign").click();
  const { certificate, hash, items } = (await agent.saw("sign")).params as { certificate: string; hash: string; items: { id: string; digest: string }[] };
  assert.equal(certificate, golden("getSigningCertificate.response").result.certificate);
  assert.equal(hash, "SHA-256");
  assert.deepEqual(items, ["letter", "prescription"].map((id) => ({ id, digest: createHash("sha256").update(`/documents/${id}.pdf`).digest("base64") })));
  assert.deepEqual(page.requests.at(-1), ["/signatures", JSON.stringify(golden("sign.response").result)]);
  assert.equal(page.element("#message").textContent, "Signed: 1. Not signed: prescription-2 (cardRemoved).");
  assert.equal(page.element("#sign").disabled, false);
});

test("the guide's page stops a batch and keeps what was signed", { timeout: 60_000 }, async (t) => {
  let answer = (_: unknown): void => {};
  const agent = await startAgent(t, {
    sign: () => new Promise((resolve) => { answer = resolve; }),
    cancel: () => { answer(golden("sign.response").result); return {}; },
  });
  const page = new Page();
  await page.load(t, agent, "sign.js");
  const done = page.element("#sign").click();
  await agent.saw("sign");
  await page.element("#stop").click();
  await done;
  assert.deepEqual(page.requests.at(-1), ["/signatures", JSON.stringify(golden("sign.response").result)]);
});

test("the guide's session page locks, resumes and signs out", { timeout: 60_000 }, async (t) => {
  const agent = await startAgent(t);
  const page = new Page();
  page.storage.set("cardea-session", session);
  const [cover, reason] = [page.element("#cover"), page.element("#reason")];
  await page.load(t, agent, "session.js");
  await page.becomes(() => cover.closed, 1); // the session is present
  const tell = (variant: string) => agent.peers.at(-1)?.notify("session", golden(`session.notification${variant}`).params);

  tell("");
  tell(".locked");
  await page.becomes(() => cover.open, true);
  assert.deepEqual(page.requests, [["/lock", undefined]]);
  tell(".differentCard");
  await page.becomes(() => reason.textContent, "This is another card. Put yours in.");
  tell(".cardReturned");
  await page.becomes(() => reason.textContent, "Enter your PIN to go on.");
  await page.element("#proceed").click();
  assert.equal(cover.open, false);
  assert.deepEqual((await agent.saw("resume")).params.session, session);
  assert.deepEqual(page.requests.slice(1), [["/challenge", undefined], ["/resume", JSON.stringify(golden("resume.response").result.token)]]);

  agent.drop();
  await page.becomes(() => cover.open, true);
  assert.match(reason.textContent, /^Cardea is away/);
  await page.becomes(() => cover.open, false); // back, and the card was there

  const away = once(page.went, "away");
  tell(".ended");
  assert.deepEqual(await away, ["/sign-out"]);
  assert.equal(page.storage.size, 0);
});

test("the guide's session page locks again when the card goes before the server has unlocked", { timeout: 60_000 }, async (t) => {
  const agent = await startAgent(t);
  const page = new Page();
  page.storage.set("cardea-session", session);
  const cover = page.element("#cover");
  await page.load(t, agent, "session.js");
  await page.becomes(() => cover.closed, 1);
  const tell = () => agent.peers.at(-1)?.notify("session", golden("session.notification.locked").params);
  tell();
  await page.becomes(() => cover.open, true);
  page.during = async (url) => {
    if (url === "/resume") {
      tell();
      await page.becomes(() => page.requests.filter(([path]) => path === "/lock").length, 2);
    }
  };
  await page.element("#proceed").click();
  assert.equal(cover.open, true);
  assert.deepEqual(page.requests.at(-1), ["/lock", undefined], "the server was told after it had unlocked");
});
