import { explain } from '@convergekit/operate/host';
import { pauseConsumer, readOverview } from '@convergekit/inbox/operate';
import { z } from 'zod';
import type { Databases } from '../../databases.ts';
import { withQuery } from '../../layout/parts.ts';
import { actOnEach, type Preview } from '../../routes/action-definition.ts';
import type { ConsoleContext } from '../../screen.ts';

const inputSchema = z.object({
  /** All consumers of the system are never paused at once. */
  consumer: z.string().min(1, 'name the consumer'),
  database: z.string().optional(),
});

type Which = z.output<typeof inputSchema>;

/** Defines the pause of one consumer: all its partitions that run. */
export function pauseAction({ action, databases }: ConsoleContext): void {
  action({
    path: '/consumers/pause',
    title: 'Pause a consumer',
    summary: 'Pause one consumer: no handler is called until it is resumed',
    input: inputSchema,
    concerns: ({ database = '*', consumer }) => ({ database, consumer }),
    preview: async (which) => previewOf(await partitionsOf(databases, which)),
    run: async ({ consumer, database: only }, acting) => {
      const operator = { by: acting.user, reason: acting.reason };
      const rows = await partitionsOf(databases, { consumer, database: only });
      let changed = 0;
      const pause = async (name: string): Promise<undefined> => {
        const paused = await pauseConsumer(databases.get(name).database, { consumer }, operator);
        changed += paused.length;
      };
      const { refused } = await actOnEach([...new Set(rows.map((one) => one.database))], acting, (name) =>
        pause(name).catch((error: unknown) => `${name}: ${explain(error).message}`),
      );
      const others = refused.length === 0 ? '' : ` Not paused: ${refused.join('; ')}`;
      return {
        text: `${changed} partitions of ${consumer} paused.${others}`,
        changed,
        href: withQuery('/consumers', { consumer, database: only }),
      };
    },
  });
}

async function partitionsOf(databases: Databases, { consumer, database }: Which) {
  const { rows } = await databases.gather((executor) => readOverview(executor, consumer), database);
  return rows;
}

/** States what a pause would hold. Pure. */
export function previewOf(rows: readonly { readonly paused: boolean }[]): Preview {
  const paused = rows.filter((row) => row.paused).length;
  return {
    eligible: rows.length - paused,
    unit: 'partitions',
    others: [{ count: paused, why: 'paused already' }],
    effect:
      'Handlers that run now end. Then none is called, also for parked events, until the consumer is resumed; the log keeps the events, and the lag grows. What is halted already keeps its reason.',
  };
}
