import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WIRE } from '@convergekit/contracts/engine';
import { waitUntil } from '@convergekit/testing';
import { sources } from '../process/specs.ts';
import type { World } from '../world.ts';
import { placeOne } from './one-order.ts';

/** What a process shows, by where it was found. */
export type Shown = ReadonlyMap<string, string>;

/**
 * Puts a secret wherever a stranger can: into an order, its headers and its query, and into records of a topic, among them
 * ones that no consumer can read, and whose messages would quote it. Waits until the consumers have given them up.
 */
export async function plant(world: World, secret: string): Promise<void> {
  const headers = {
    'idempotency-key': `key-of-${secret.length}`,
    authorization: `Bearer ${secret}`,
    baggage: `user=${secret}`,
  };
  const order = { lines: [{ sku: secret, quantity: 1, unitCents: 1 }], country: 'PT' };
  await placeOne(world, order, headers, `?token=${secret}`);
  const values = [`{"orderId":"${secret}"`, `{"orderId":1,"${secret}":"${secret}"}`, secret, secret];
  const records = values.map((value, index) => ({
    key: `${secret}-${index}`,
    value,
    headers: index === 3 ? ([['x-secret', secret]] as const) : strangersHeaders(secret, index),
    timestampMs: Date.now(),
  }));
  const producer = await world.broker.producer();
  try {
    const [sent] = await producer.send([{ topic: 'shop.orders', partition: 0, records }]);
    if (sent?.ok !== true) throw new Error('the records were not written');
  } finally {
    await producer.close();
  }
  const givenUp = `select 1 from converge.parked where topic = 'shop.orders' and state in ('dead', 'rejected')`;
  await waitUntil(
    async () => (await world.databases.inventory.executor.query(givenUp)).rowCount >= records.length,
    { what: 'the records to be dead letters', deadlineMs: 60_000 },
  );
}

function strangersHeaders(secret: string, index: number): readonly (readonly [string, string])[] {
  return [
    [WIRE.specVersion, '1.0'],
    [WIRE.id, `stranger-${index}`],
    [WIRE.type, 'shop.order.placed'],
    [WIRE.source, 'stranger'],
    ['x-secret', secret],
  ];
}

/** The reasons and attempts of what consumers gave up. Their rows keep the bytes, too, which are not looked at. */
async function reasonsIn({ databases }: World): Promise<readonly string[]> {
  const found = sources.map((name) =>
    databases[name].executor.query<{ text: string }>(
      `select concat_ws(' ', code, reason, attempts) as text from converge.parked where reason is not null
       union all select concat_ws(' ', code, message) from converge.inbox_attempt where code is not null`,
    ),
  );
  return (await Promise.all(found)).flatMap(({ rows }) => rows.map(({ text }) => text));
}

/** The logs, metrics and dead letters of all processes. */
export async function shownBy(world: World, logFolder: string): Promise<Shown> {
  const shown = new Map<string, string>();
  for (const file of readdirSync(logFolder))
    if (file.endsWith('.log')) shown.set(file, readFileSync(join(logFolder, file), 'utf8'));
  for (const { spec } of world.children) {
    const response = await fetch(`http://127.0.0.1:${spec.healthPort}/metrics`);
    shown.set(`metrics of ${spec.name}`, await response.text());
  }
  shown.set('dead letters', (await reasonsIn(world)).join('\n'));
  return shown;
}

/** The passwords in the URLs that the processes were given. */
export function passwordsOf({ children }: Pick<World, 'children'>): readonly string[] {
  const urls = children.flatMap(({ spec }) => Object.values(spec.env).filter((text) => text.includes('://')));
  return [...new Set(urls.map((text) => new URL(text).password).filter((password) => password !== ''))];
}

/** Pure: where one of the secrets is shown. */
export function leaksOf(shown: Shown, secrets: readonly string[]): readonly string[] {
  return [...shown].flatMap(([place, text]) => {
    const at = secrets.map((secret) => text.indexOf(secret)).find((found) => found >= 0);
    return at === undefined ? [] : [`${place}: …${text.slice(Math.max(0, at - 200), at + 60)}…`];
  });
}
