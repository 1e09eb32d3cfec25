/**
 * Every act of an operator is done through its public door, and read in the history that it belongs to. An act that is new has no
 * case here, and this file does not compile.
 */
import type { ActName } from '@convergekit/postgres/operate';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cases } from '../fixture/act-cases.ts';
import {
  closeActs,
  converge,
  env,
  instances,
  letter,
  letters,
  openActs,
  RECONCILER,
  shown,
  type Story,
  trips,
} from '../fixture/acts-world.ts';

beforeAll(openActs);
afterAll(closeActs);

const page = (path: string): Promise<string> => shown.page(path);
const narrative = async (at: number): Promise<readonly string[]> => [
  await converge('trips', 'saga', 'narrative', instances[at] ?? ''),
  await page(`sagas/${instances[at] ?? ''}`),
];

/** Every surface of a story: what the command prints, and the console's page. */
const stories: { readonly [Of in Story]: () => Promise<readonly string[]> } = {
  event: async () => {
    const all: string[][] = [[], []];
    for (const { eventId } of letters) {
      const more = ['--database', env.orders['DATABASE_URL'] ?? ''];
      all[0]?.push(await converge('inventory', 'event', 'history', eventId, ...more));
      all[1]?.push(await page(`events/${eventId}`));
    }
    return all.map((texts) => texts.join('\n'));
  },
  saga: () => narrative(0),
  'other saga': () => narrative(1),
  reconciler: async () => [
    await converge('reconcile', 'reconcile', 'history', RECONCILER),
    await page(`drift/inventory/${RECONCILER}/repairs`),
  ],
  workflow: async () => [
    (
      await Promise.all(
        ['g1', 'g2', 'g3'].map((id) => converge('workflows', 'workflow', 'show', 'guests.invite', id)),
      )
    ).join('\n'),
  ],
  policy: async () => [await converge('orders', 'policy', 'history'), await page('policies')],
};

it('every act of an operator is in the audit once, and in the history that it belongs to, in both surfaces', async () => {
  const names = Object.keys(cases) as ActName[];
  for (const name of names) await cases[name].act(`because of ${name}`);
  const texts = new Map<Story, readonly string[]>();
  const lacking: string[] = [];
  for (const name of names) {
    const { story, shows = `because of ${name}` } = cases[name];
    const surfaces = texts.get(story) ?? (await stories[story]());
    texts.set(story, surfaces);
    for (const [at, text] of surfaces.entries())
      if (!text.includes(shows)) lacking.push(`${name} in surface ${at} of ${story}`);
  }
  expect(lacking).toEqual([]);
  const databases = [...Object.values(shown.databases), trips.database];
  const acts = await Promise.all(
    databases.map(({ executor }) =>
      executor.query<{ act: string }>('select distinct act from converge.audit'),
    ),
  );
  const recorded = new Set(acts.flatMap(({ rows }) => rows.map(({ act }) => act)));
  expect(names.filter((name) => !recorded.has(name) && !name.startsWith('workflow '))).toEqual([]);
});

it('G8a: a story names the databases that it was read from, and those that it was not given, with the way to give them', async () => {
  const alone = await converge('inventory', 'event', 'history', letter(2).eventId);
  expect(alone).toMatch(
    /^read from \S+; not given: the database of source \S+; .*give them with --database/m,
  );
  const both = ['--database', env.orders['DATABASE_URL'] ?? ''];
  expect(await converge('inventory', 'event', 'history', letter(2).eventId, ...both)).not.toContain(
    'the database of source',
  );
});
