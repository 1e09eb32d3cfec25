import { expect, it } from 'vitest';
import { around, byService } from './collapse.ts';
import type { ServiceFacts } from './facts.ts';
import { graphOf, type MapGraph, type MapParts } from './graph.ts';
import { BOX, placeMap } from './layout.ts';
import { mapOf } from './map-svg.ts';
import { compact, lineOf, rateText } from './map-text.ts';
import { chosenMap } from './read-map.ts';
import type { Concern } from './state.ts';

const facts = (database: string, more: Partial<ServiceFacts> = {}): ServiceFacts => ({
  database,
  source: undefined,
  consumers: [],
  sagas: [],
  reconcilers: [],
  rates: [],
  lags: [],
  ...more,
});
const consumer = (name: string, topics: readonly string[], handlers: readonly string[] = []) => ({
  name,
  topics,
  handlers,
  parkedKeys: 0,
  halted: 0,
  paused: 0,
  waits: 0,
});
const concern = (
  database: string,
  alarm: string,
  about: Concern['about'],
  severity: Concern['severity'] = 'act',
): Concern => ({
  database,
  alarm,
  about,
  severity,
  ...(alarm.endsWith('_paused') && { state: 'paused' }),
});

const shop: readonly ServiceFacts[] = [
  facts('orders', {
    source: { leads: true, topics: ['shop.orders'] },
    rates: [
      { part: 'relay', name: 'relay', topic: null, perSecond: 12 },
      { part: 'relay', name: 'relay', topic: 'shop.orders', perSecond: 12 },
    ],
    sagas: [{ name: 'order', open: 4, stuck: 1 }],
  }),
  facts('inventory', {
    consumers: [
      { ...consumer('stock', ['shop.orders', 'stock.failures'], ['order.reserve']), parkedKeys: 2 },
      consumer('mail', ['shop.orders']),
    ],
    rates: [{ part: 'consumer', name: 'stock', topic: 'shop.orders', perSecond: 9 }],
    lags: [{ part: 'consumer', name: 'stock', lag: 1_500 }],
    reconcilers: [{ name: 'stock-reserved', held: true, paused: false, unresolved: 0 }],
  }),
];
const parts: MapParts = {
  services: shop,
  concerns: [
    concern('inventory', 'bug', { consumer: 'stock' }, 'watch'),
    concern('inventory', 'reconciler', { reconciler: 'stock-reserved' }),
    concern('orders', 'step_stuck', { name: 'order.charge', id: 'x' }),
  ],
  sagas: ['order'],
  reconcilers: [{ name: 'stock-reserved', desired: 'orders', actual: 'inventory' }],
};

const lines = ({ edges }: MapGraph): readonly string[] =>
  edges.map(({ from, to, perSecond }) => `${from} > ${to}${perSecond > 0 ? ` ${perSecond}` : ''}`);
const states = ({ nodes }: MapGraph): Record<string, string> =>
  Object.fromEntries(nodes.map(({ id, state }) => [id, state]));

it('the map joins sources over topics to consumers, sagas and reconcilers, each with its state by the list of home', () => {
  const graph = graphOf(parts);
  expect(lines(graph)).toEqual([
    'source/orders > topic/shop.orders 12',
    'topic/shop.orders > consumer/inventory/stock 9',
    'topic/shop.orders > consumer/inventory/mail',
    'consumer/inventory/stock > saga/order',
    'source/orders > reconciler/inventory/stock-reserved',
  ]);
  expect(states(graph)).toEqual({
    'source/orders': 'ok',
    'topic/shop.orders': 'ok',
    'consumer/inventory/stock': 'waits',
    'consumer/inventory/mail': 'ok',
    'saga/order': 'needs',
    'reconciler/inventory/stock-reserved': 'needs',
  });
  expect(graph.nodes.find(({ name }) => name === 'stock')).toMatchObject({
    note: '2 keys parked',
    lag: 1_500,
    parkedKeys: 2,
    href: '/consumers?database=inventory&consumer=stock',
  });
});

it('what is paused is neither green nor red, and a held topic is red itself, not its source', () => {
  const graph = graphOf({
    ...parts,
    services: [
      shop[0]!,
      facts('inventory', { consumers: [{ ...consumer('stock', ['shop.orders']), paused: 2 }] }),
      facts('ledger', { source: { leads: false, topics: [] } }),
    ],
    concerns: [
      concern('inventory', 'consumer_paused', { consumer: 'stock' }, 'watch'),
      concern('orders', 'topic_recreated', { topic: 'shop.orders' }),
    ],
  });
  expect(states(graph)).toMatchObject({
    'consumer/inventory/stock': 'off',
    'topic/shop.orders': 'needs',
    'source/orders': 'ok',
    'source/ledger': 'off',
  });
});

it('collapsed by service, each service is red exactly where its part of the list is, whatever it is about', () => {
  const about = concern('orders', 'calls_waiting', { name: 'a.call' });
  const { nodes, edges } = byService(graphOf(parts), [parts.concerns[0]!, about]);
  expect(nodes.map(({ name, state, note }) => [name, state, note])).toEqual([
    ['orders', 'needs', '1 needs you'],
    ['inventory', 'waits', '1 late'],
  ]);
  expect(edges).toEqual([
    { from: 'service/orders', to: 'service/inventory', perSecond: 9, topics: ['shop.orders'] },
  ]);
});

it('around a service are its parts and what they are joined to over a topic, and no more', () => {
  const services = [...shop, facts('other', { consumers: [consumer('far', ['other.topic'])] })];
  const graph = graphOf({ ...parts, services });
  const near = around(graph, ({ database }) => database === 'orders');
  expect(near.nodes.map(({ name }) => name)).not.toContain('far');
  expect(near.nodes.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['orders', 'shop.orders', 'stock', 'mail', 'stock-reserved']),
  );
});

/** Services in a row, each of which reads what the one before it writes. */
const chain = (count: number): readonly ServiceFacts[] =>
  Array.from({ length: count }, (_, n) =>
    facts(`service-${n}`, {
      source: { leads: true, topics: [`topic-${n}`] },
      consumers: [consumer(`reads-${n}`, [`topic-${n % 7}`])],
    }),
  );

it('a map of sixty services is shown by service, one is found by its name, and no box covers another', () => {
  const graph = graphOf({ services: chain(60), concerns: [], sagas: [], reconcilers: [] });
  const { graph: whole, shown } = chosenMap(graph, [], {});
  expect([shown, whole.nodes.length]).toEqual(['services', 60]);
  const found = chosenMap(graph, [], { q: 'READS-42' });
  expect(found.shown).toBe('parts');
  expect(found.graph.nodes.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['service-0', 'topic-0', 'reads-42']),
  );
  expect(found.graph.nodes.length).toBeLessThan(15);
  for (const drawn of [whole, graph]) {
    const { nodes, width, height } = placeMap(drawn);
    const places = new Set(nodes.map(({ x, y }) => `${x} ${y}`));
    expect(places.size).toBe(drawn.nodes.length);
    for (const { x, y } of nodes) {
      expect(x >= 0 && x + BOX.width <= width && y >= 0 && y + BOX.height <= height).toBe(true);
      const near = nodes.filter((one) => Math.abs(one.x - x) < BOX.width && Math.abs(one.y - y) < BOX.height);
      expect(near.length).toBe(1);
    }
  }
});

it('every box of the drawn map is a link that says what it is and how it is, with hostile names escaped', async () => {
  const hostile = '"><img src=x>';
  const graph = graphOf({
    ...parts,
    services: [facts(hostile, { consumers: [consumer(hostile, [hostile])] })],
  });
  const view = {
    nodes: [...graph.nodes],
    edges: [...graph.edges],
    shown: 'parts' as const,
    service: null,
    q: hostile,
  };
  const page = String(await mapOf(view));
  expect(page).not.toContain('<img');
  const whole = graphOf(parts);
  const drawn = String(
    await mapOf({ nodes: [...whole.nodes], edges: [...whole.edges], shown: 'parts', service: null, q: null }),
  );
  expect(drawn.match(/<a\s+class="node/g)).toHaveLength(whole.nodes.length);
  expect(drawn).toContain('<title>consumer stock in inventory: 2 keys parked · 1.5k wait</title>');
});

it('a map without a part says what will appear there', async () => {
  const empty = { nodes: [], edges: [], shown: 'parts', service: null, q: null } as const;
  expect(String(await mapOf({ ...empty, nodes: [], edges: [] }))).toMatch(/appear here as soon as/);
});

it('numbers, rates and lines of boxes are in plain units', () => {
  expect([0, 0.44, 9.96, 12.4, 999.6, 1_249, 999_499, 3_200_000].map(compact)).toEqual(
    '0 0.4 10 12 1k 1.2k 999k 3.2M'.split(' '),
  );
  expect([12, 1, 0.5, 0].map(rateText)).toEqual(['12/s', '1/s', '30/min', '0/min']);
  const node = {
    kind: 'consumer',
    name: 'a',
    database: 'b',
    note: '',
    perSecond: 0,
    lag: 0,
    parkedKeys: 0,
  } as const;
  expect(lineOf({ ...node, state: 'ok' })).toBe('quiet');
  expect(lineOf({ ...node, state: 'needs', perSecond: 2 })).toBe('needs you · 2/s');
});
