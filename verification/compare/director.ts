import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { Act, Fault } from './script.ts';

/** An effect at the provider: a call that it took, under its key. */
export interface Effect {
  readonly call: string;
  readonly id: string;
  readonly key: string;
  readonly receipt: string;
  undone: boolean;
}

interface Asked {
  readonly service: string;
  readonly moment: string;
  readonly call: string;
  readonly op: 'call' | 'query' | 'undo';
  readonly key: string;
  readonly id: string;
  readonly port: number;
}

/**
 * The director and the provider, in a process that no fault touches: it decides what happens at each moment, and keeps the
 * ledger of the calls. A key is called once, however often it comes.
 */
export class Director {
  readonly ledger: Effect[] = [];
  /** Undos of keys that were never called: a real provider would answer, and the effect would stay. */
  readonly strays: string[] = [];
  /** The ports of the services that listen. */
  readonly ports = new Map<string, number>();
  /** The number of requests so far: it stands still when all is quiet. */
  requests = 0;
  /** The moments at which something went wrong, each with its key. */
  readonly reached = new Set<string>();
  kills = 0;
  readonly #faults = new Map<string, { once: Act[]; always: Act | undefined }>();
  readonly #kill: (service: string) => void;
  readonly #server = createServer((request, response) => {
    this.#handle(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });

  constructor(kill: (service: string) => void) {
    this.#kill = kill;
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  plan(faults: readonly Fault[]): void {
    for (const { moment, key, once = [], always } of faults)
      this.#faults.set(`${moment} ${key}`, { once: [...once], always });
  }

  /** Ends what goes wrong at a moment of a key. */
  fix(moment: string, key: string): void {
    this.#faults.delete(`${moment} ${key}`);
  }

  #next(moment: string, key: string): Act | undefined {
    const place = `${moment} ${key}`;
    const fault = this.#faults.get(place);
    if (fault !== undefined) this.reached.add(place);
    return fault?.once.shift() ?? fault?.always;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const asked = (await json(request)) as Asked;
    if (request.url === '/ready') {
      this.ports.set(asked.service, asked.port);
      response.end('{}');
      return;
    }
    const act =
      request.url === '/moment' ? this.#next(asked.moment, asked.key) : this.#next(momentOf(asked), asked.id);
    const dies = act === 'kill' || act === 'kill-late';
    const reaches = act === undefined || act === 'lost' || act === 'kill-late';
    const answer = request.url === '/moment' ? (act ?? 'go on') : this.#provide(asked, act, reaches);
    if (dies) {
      this.kills += 1;
      this.#kill(asked.service);
    }
    if (dies || act === 'lost' || act === 'unreached') request.socket.destroy();
    else if (act === 'busy') response.writeHead(503).end();
    else response.end(JSON.stringify({ answer }));
  }

  #provide({ call, op, key, id }: Asked, act: Act | undefined, reaches: boolean): string {
    const known = this.ledger.find((one) => one.key === key);
    if (op === 'query') return known?.receipt ?? 'not_found';
    if (act === 'refuse') return 'refused';
    if (act === 'irreversible') return act;
    if (!reaches) return '';
    if (op === 'call') {
      if (known !== undefined) return known.receipt;
      const receipt = `receipt of ${call} ${id}`;
      this.ledger.push({ call, id, key, receipt, undone: false });
      return receipt;
    }
    if (known === undefined) this.strays.push(`${call} ${id}`);
    else known.undone = true;
    return 'done';
  }
}

/** A query has no moment of its own: what is asked for is answered. */
function momentOf({ call, op }: Asked): string {
  if (op === 'query') return '';
  return op === 'call' ? call : `${call}.undo`;
}
