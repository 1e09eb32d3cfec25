import { z } from 'zod';
import { type AttentionItem, conditionOf, oneCause, readAttention } from '@convergekit/operate';
import type { ConsoleContext, Screen } from '../../screen.ts';
import { alarmPage, alarmSchema, attentionPage, attentionSchema } from './page.ts';
import { gatherGroups } from './gather-groups.ts';
import { type Gathered, unreadOf } from '../../databases.ts';
import { notFound } from '../../errors.ts';
import { gatherFacts, mapFrom } from '../../map/read-map.ts';

/** The home page: what needs an operator, in all databases, the worst first. */
export const attention: Screen = {
  name: 'attention',
  title: 'Needs attention',
  path: '/',
  summary: 'stuck sagas, dead letters, halted partitions, gaps, held reconcilers and alarms, the worst first',
  routes: [homeView, alarmView],
};

function homeView(context: ConsoleContext): void {
  context.view({
    path: '/',
    summary: 'What needs an operator in all databases, the worst first',
    input: z.object({ database: z.string().optional() }),
    answer: attentionSchema,
    read: async ({ database }, { now }) => {
      const [{ rows, unread }, facts] = await Promise.all([
        gatherAttention(context, database),
        gatherFacts(context, database),
      ]);
      return {
        map: await mapFrom(context, facts.rows, rows),
        items: worstFirst(rows),
        checkedAt: new Date(now),
        databases: [...context.databases.names],
        unread: unreadOf({ unread }, facts),
      };
    },
    page: (answer, { now }) => attentionPage(answer, now),
  });
}

function alarmView({ view }: ConsoleContext): void {
  view({
    path: '/alarms/:name',
    summary: 'What an alarm means, and what to do about it',
    input: z.object({ name: z.string() }),
    answer: alarmSchema,
    read: ({ name }) => {
      const found = conditionOf(name);
      if (found === undefined)
        throw notFound(`the kit has no alarm ${name}: docs/guides/alarms.md lists all`);
      const { means, next } = found;
      return Promise.resolve({ name, means, next });
    },
    page: alarmPage,
  });
}

/** Reads what needs an operator, or is late, in each database. */
export async function gatherAttention(
  context: ConsoleContext,
  only?: string,
): Promise<Gathered<AttentionItem>> {
  const { databases, settings } = context;
  const { overdueMs, stalledMs, ignoredConsumers } = settings.reconcile.scans;
  const bounds = { overdueMs, stalledMs, ignoredConsumers };
  const [found, groups] = await Promise.all([
    databases.gather(
      async (executor, name) => [await readAttention({ name, executor }, databases.all, bounds)],
      only,
    ),
    gatherGroups(context, only, bounds),
  ]);
  const rows = found.rows.flatMap(({ items, database }) => items.map((item) => ({ ...item, database })));
  return {
    rows: [...oneCause([...rows, ...groups.rows])],
    unread: [...found.unread, ...found.rows.flatMap(uncheckedOf), ...groups.unread],
  };
}

/** Names the checks that the console's login may not read: nothing that is wrong there would be shown. Pure. */
function uncheckedOf({
  database,
  unchecked,
}: {
  readonly database: string;
  readonly unchecked: readonly string[];
}) {
  if (unchecked.length === 0) return [];
  const reason = `(${unchecked.join(', ')}): the console's login may not read its tables; \`converge roles read\` prints the grants`;
  return [{ database: `a part of ${database}`, reason }];
}

/** Orders items: what needs an operator first, then the oldest first. Pure. */
export function worstFirst<Item extends Pick<AttentionItem, 'severity' | 'since'>>(
  items: readonly Item[],
): Item[] {
  const rank = { act: 0, watch: 1 } as const;
  const age = ({ since }: Item): number => since?.getTime() ?? Number.MAX_SAFE_INTEGER;
  return items.toSorted((a, b) => rank[a.severity] - rank[b.severity] || age(a) - age(b));
}
