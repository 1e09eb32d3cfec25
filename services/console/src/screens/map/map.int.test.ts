/** The map of a console over three databases in which there is something of every kind to see. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { openScene, type WholeScene } from '../../fixture/whole-scene.ts';
import type { MapView } from '../../map/read-map.ts';

let shown: WholeScene;
beforeAll(async () => {
  shown = await openScene(inject('stack').databaseUrl);
});
afterAll(() => shown.stop());

const ask = (path: string): Promise<Response> => fetch(new URL(path, shown.url));
const get = async <T>(path: string): Promise<T> => (await (await ask(path)).json()) as T;

// Planted fault: states that the map finds for itself. Home is red, and the map is green.
it('the map has every part of three databases with what flowed, and is red exactly where home needs an operator', async () => {
  const map = await get<MapView>('/api/map?view=parts');
  const names = map.nodes.map(({ kind, name, state }) => `${kind} ${name}: ${state}`);
  expect(names).toEqual(
    expect.arrayContaining([
      'topic shop.orders: ok',
      'consumer stock: needs',
      'saga test.order: needs',
      'reconciler stock-reserved: needs',
      'reconciler tax: off',
    ]),
  );
  const lines = map.edges.map(({ from, to }) => `${from} > ${to}`);
  expect(lines).toEqual(
    expect.arrayContaining([
      'source/orders > topic/shop.orders',
      'topic/shop.orders > consumer/inventory/stock',
      'source/orders > reconciler/inventory/stock-reserved',
    ]),
  );
  const { items } = await get<{
    readonly items: readonly { readonly database: string; readonly severity: string }[];
  }>('/api/attention');
  const services = await get<MapView>('/api/map?view=services');
  const red = services.nodes.flatMap(({ name, state }) => (state === 'needs' ? [name] : []));
  const needing = items.flatMap(({ database, severity }) => (severity === 'act' ? [database] : []));
  expect(red.toSorted()).toEqual([...new Set(needing)].toSorted());
});

it('home has the map above the list, and each box leads to a page that answers', async () => {
  const home = await (await ask('/')).text();
  expect(home.indexOf('aria-label="Map"')).toBeGreaterThan(0);
  const hrefs = [...home.matchAll(/class="node [^"]*"\s+href="([^"]+)"/g)].map(([, href = '']) =>
    href.replaceAll('&amp;', '&'),
  );
  expect(hrefs.length).toBeGreaterThan(5);
  const answers = await Promise.all(
    [...new Set(hrefs)].map(async (href) => `${(await ask(href)).status} ${href}`),
  );
  expect(answers.filter((answer) => !answer.startsWith('200'))).toEqual([]);
});
