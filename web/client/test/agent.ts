// A fake agent: a real WebSocket server on loopback that answers as a test says.
import { createServer } from "node:http";
import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import WebSocket, { WebSocketServer } from "ws";
import type { Scope } from "../src/scope.ts";
import { connect } from "../src/client.ts";
import type { Cardea, ConnectOptions } from "../src/client.ts";

interface Message {
  jsonrpc: "2.0";
  id?: number;
  method?: string;
  params?: any;
  result?: any;
  error?: any;
}

export type Answer = (message: Message, peer: Peer) => unknown;

/** The messages of testdata/protocol, which the agent's own tests hold to its types. */
export function golden(name: string): Message {
  return JSON.parse(readFileSync(new URL(`../../../testdata/protocol/${name}.json`, import.meta.url), "utf8"));
}

export const session = golden("authenticate.response").result.session as string;
export const nonce = golden("authenticate.request").params.nonce as string;

/** An error that an answer can throw. */
export class Refusal extends Error {
  readonly wire: unknown;
  constructor(name: string) {
    super(name);
    this.wire = golden(name).error;
  }
}

/** One page's connection, seen by the agent. */
export class Peer {
  constructor(readonly socket: WebSocket) {}
  notify(method: string, params: unknown): void {
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", method, params }));
  }
}

/** Never answers. */
export const silence = new Promise<never>(() => {});

export class Agent {
  readonly seen: Message[] = [];
  readonly peers: Peer[] = [];
  upgrades = 0;
  /** Status of the handshake's refusal; 0 accepts. */
  refuse = 0;
  /** The protocol that the handshake agrees on. */
  subprotocol = "cardea.v1";
  private server: Server | undefined;
  private waiting: (() => void)[] = [];
  port = 0;

  constructor(private readonly answers: Record<string, Answer> = {}) {}

  async start(port = 0): Promise<this> {
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => this.subprotocol });
    this.server = createServer((_, response) => { response.writeHead(403).end(); });
    this.server.on("upgrade", (request: IncomingMessage, socket, head) => {
      this.upgrades++;
      if (this.refuse) {
        socket.end(`HTTP/1.1 ${this.refuse} Refused\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      sockets.handleUpgrade(request, socket, head, (opened) => this.serve(opened));
    });
    this.server.listen(port, "127.0.0.1");
    await once(this.server, "listening");
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  /** Ends every connection without a good-bye and stops listening. */
  async stop(): Promise<void> {
    if (!this.server?.listening) {
      return;
    }
    const closed = once(this.server, "close");
    this.server.close();
    this.drop();
    this.server.closeAllConnections();
    await closed;
  }

  /** Ends every connection: the page sees 1006. */
  drop(): void {
    for (const peer of this.peers.splice(0)) {
      peer.socket.terminate();
    }
  }

  /** Resolves with the n-th request of a method, counted from 1. */
  async saw(method: string, n = 1): Promise<Message> {
    for (;;) {
      const message = this.seen.filter((seen) => seen.method === method)[n - 1];
      if (message) {
        return message;
      }
      await new Promise<void>((resolve) => { this.waiting.push(resolve); });
    }
  }

  private serve(socket: WebSocket): void {
    const peer = new Peer(socket);
    this.peers.push(peer);
    socket.on("message", async (data) => {
      const message = JSON.parse(String(data)) as Message;
      this.seen.push(message);
      for (const resolve of this.waiting.splice(0)) {
        resolve();
      }
      const { id } = message;
      try {
        const result = await this.answer(message, peer);
        socket.send(JSON.stringify({ jsonrpc: "2.0", id, result }));
      } catch (error) {
        socket.send(JSON.stringify({ jsonrpc: "2.0", id, error: (error as Refusal).wire }));
      }
    });
  }

  private answer(message: Message, peer: Peer): unknown {
    const method = message.method as string;
    return this.answers[method] ? this.answers[method](message, peer) : golden(`${method}.response`).result;
  }
}

/** What a browser says of its permission, and of its user. */
export interface World {
  permission?: PermissionState;
  permissionName?: string;
  active?: boolean;
  policy?: { features: string[]; allowed: string[] };
  hostname?: string;
  platform?: string;
  userAgent?: string;
  WebSocket?: Scope["WebSocket"];
  fetch?: Scope["fetch"];
}

/** A browser's global object, which changes with the world it is made of. */
export function scopeOf(world: World = {}): Scope {
  return {
    get WebSocket() {
      return world.WebSocket ?? (WebSocket as unknown as Scope["WebSocket"]);
    },
    fetch: (url, init) => (world.fetch ?? (fetch as Scope["fetch"]))(url, init),
    navigator: {
      platform: world.platform ?? "Linux x86_64",
      userAgent: world.userAgent ?? "Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0.0.0",
      permissions: {
        async query({ name }) {
          if (world.permission === undefined || name !== (world.permissionName ?? "loopback-network")) {
            throw new TypeError("unknown permission");
          }
          return { state: world.permission };
        },
      },
      get userActivation() {
        return { isActive: world.active ?? true };
      },
    },
    document: {
      get featurePolicy() {
        return {
          features: () => world.policy?.features ?? [],
          allowsFeature: (name: string) => world.policy?.allowed.includes(name) ?? false,
        };
      },
    },
    location: { hostname: world.hostname ?? "signin.example.test" },
  };
}

type Cleanup = { after(fn: () => unknown): void };

export async function startAgent(t: Cleanup, answers?: Record<string, Answer>): Promise<Agent> {
  const agent = await new Agent(answers).start();
  t.after(() => agent.stop());
  return agent;
}

/** A port on which nothing listens. */
export async function freePort(): Promise<number> {
  const agent = await new Agent().start();
  await agent.stop();
  return agent.port;
}

export async function connectTo(t: Cleanup, agent: Agent, options: ConnectOptions = {}): Promise<Cardea> {
  const cardea = await connect({ port: agent.port, scope: scopeOf(), reconnect: () => 5, ...options });
  t.after(() => cardea.close());
  return cardea;
}
