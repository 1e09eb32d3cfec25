import { explain } from '@convergekit/cli/operate';
import { pauseConsumer, readOverview } from '@convergekit/inbox/operate';
import { z } from 'zod';
import type { Databases } from '../../databases.ts';
import { withQuery } from '../../layout/parts.ts';
import type { Preview } from '../../routes/action-definition.ts';
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
    preview: async (which) => previewOf(await partitionsOf(databases, which)),
    run: async ({ consumer, database: only }, { user, reason, report }) => {
      const places = [
        ...new Set((await partitionsOf(databases, { consumer, database: only })).map((one) => one.database)),
      ];
      let changed = 0;
      const failed: string[] = [];
      for (const [index, name] of places.entries()) {
        report(index, places.length);
        await pauseConsumer(databases.get(name).database, { consumer }, { by: user, reason }).then(
          (paused) => (changed += paused.length),
          (error: unknown) => failed.push(`${name}: ${explain(error).message}`),
        );
      }
      const others = failed.length === 0 ? '' : ` Not paused: ${failed.join('; ')}`;
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
