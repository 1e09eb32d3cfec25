import { type Gap, findGaps } from '@convergekit/inbox/operate';
import { fillGap } from '@convergekit/operate';
import { explain } from '@convergekit/operate/host';
import { readSource } from '@convergekit/outbox/engine';
import type { Executor } from '@convergekit/postgres';
import { readMissing } from '@convergekit/relay/operate';
import { z } from 'zod';
import { askBroker } from '../../broker.ts';
import { GIVE_MORE } from '../../databases.ts';
import { withQuery } from '../../layout/parts.ts';
import { where } from '../../present-sql.ts';
import { actOnEach, type Preview } from '../../routes/action-definition.ts';
import type { ConsoleContext } from '../../screen.ts';

const inputSchema = z.object({
  database: z.string().min(1, 'name the database of the consumer'),
  consumer: z.string().min(1, 'name the consumer'),
});

type Which = z.output<typeof inputSchema>;

/** A gap, and the outbox of its source; undefined: no database of the console is that source. */
interface Found {
  readonly gap: Gap;
  readonly source: Executor | undefined;
}

/** Defines the fill of what a consumer misses, from the outboxes among the databases of the console. */
export function fillAction(context: ConsoleContext): void {
  context.action({
    path: '/consumers/fill',
    title: 'Fill the gaps of a consumer',
    summary: 'Put what a consumer misses into its inbox, read from the outbox of its source',
    concerns: ({ database, consumer }) => ({ database, consumer }),
    input: inputSchema,
    preview: async (which) => previewOf(await gapsOf(context, which)),
    run: async (which, acting) => {
      const { database } = context.databases.get(which.database);
      const operator = { by: acting.user, reason: acting.reason };
      let events = 0;
      const fill = async ({ gap, source }: Found & { readonly source: Executor }): Promise<undefined> => {
        events += await fillGap(database, { gap, events: await readMissing(source, gap) }, operator);
      };
      const known = (await gapsOf(context, which)).flatMap(({ gap, source }) =>
        source === undefined ? [] : [{ gap, source }],
      );
      const { changed, refused } = await actOnEach(known, acting, (one) =>
        fill(one).catch(
          (error: unknown) => `${one.gap.topic}/${one.gap.partition}: ${explain(error).message}`,
        ),
      );
      const others = refused.length === 0 ? '' : ` Not filled: ${refused.join('; ')}`;
      return {
        text: `${changed} gaps of ${which.consumer} filled with ${events} events.${others}`,
        changed,
        href: withQuery('/consumers', which),
      };
    },
  });
}

async function gapsOf(
  { databases, broker }: ConsoleContext,
  { database, consumer }: Which,
): Promise<readonly Found[]> {
  const { executor } = databases.get(database);
  const gaps = await askBroker(broker, (admin) => findGaps(executor, admin, consumer));
  const { rows } = await databases.gather(
    where('converge.relay_source', async (one) => [await readSource(one)]),
  );
  const nameOf = new Map(rows.map(({ id, database: name }) => [id, name]));
  return gaps.map((gap) => {
    const name = nameOf.get(gap.source.id);
    return { gap, source: name === undefined ? undefined : databases.get(name).executor };
  });
}

/** States which gaps can be filled, and why not the others. Pure. */
function previewOf(found: readonly Found[]): Preview {
  const unknown = found.filter(({ source }) => source === undefined);
  const names = [...new Set(unknown.map(({ gap }) => gap.source.name))].join(', ');
  return {
    eligible: found.length - unknown.length,
    unit: 'gaps',
    others: [{ count: unknown.length, why: `the console has no database of ${names}: ${GIVE_MORE}` }],
    effect:
      'The events are read whole from the outbox of their source, and handled in order. A gap whose events are not kept any more is named, and stays. A partition that is halted at its gap then needs a resume.',
  };
}
