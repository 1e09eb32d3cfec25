import { heldText, pauseSaga } from '@convergekit/saga/operate';
import { refused } from '../host/errors.ts';
import { act } from '../registry/act.ts';
import { actOnEach, requireExpected } from '../registry/each.ts';
import { counted } from '../text.ts';
import { databasesWord, lastActsOn, nameOf, runningIt, tables, target, thingsOf } from './targets.ts';

/** Takes effect with the commit in each database. What a worker has begun ends, and its outcome is recorded. */
export const pause = act({
  name: 'saga.pause',
  title: 'Pause the saga',
  summary:
    'pause the calls, queries and undos of a saga, or of one instance, until it is resumed; events and timers go on',
  did: 'paused',
  tables,
  input: target,
  asks: () => false,
  concerns: (_, { saga }) => Promise.resolve({ saga }),
  preview: async (reads, of) => {
    const here = await runningIt(reads, of);
    const open = here.filter((one) => one.pause === undefined);
    return {
      eligible: open.length,
      unit: `${databasesWord(open.length)} that run ${nameOf(of)}`,
      others: [
        {
          count: here.length - open.length,
          why: 'paused already; `converge doctor` says since when and by whom',
        },
      ],
      effect:
        'No worker takes up a call, a query or an undo of it, until it is resumed. What is in flight ends, and its outcome is recorded. Events are consumed, local steps run, and deadlines and cancellations fire: what they undo waits, too.',
      refusal: 'SAGA_PAUSED',
      notes: await lastActsOn(here, of),
      things: () => thingsOf(open),
    };
  },
  run: async (reads, of, acting) => {
    const open = (await runningIt(reads, of)).filter((one) => one.pause === undefined);
    requireExpected(open.length, 'databases run it', acting);
    const { by, reason } = acting;
    const { saga, instance } = of;
    const paused: { database: string; held: number; inFlight: number; undecided: number }[] = [];
    await actOnEach(open, acting, async ({ database }) => {
      const made = await pauseSaga(database.database, { saga, instance }, { by, reason });
      if (made === undefined) return;
      const { held, inFlight, undecided } = made;
      paused.push({ database: database.name, held, inFlight, undecided });
    });
    if (paused.length === 0)
      throw refused('SAGA_PAUSED', `${nameOf(of)} is paused already: nothing was changed`);
    const again = `converge saga resume ${saga}${instance === undefined ? '' : ` --instance ${instance}`}`;
    return {
      text: `${nameOf(of)} is paused in ${counted(paused.length, 'database', 'databases')}. ${paused.map((one) => `${one.database}: ${heldText(one)}`).join('. ')}. \`${again} --reason "…"\`, over the same databases, continues it`,
      changed: paused.length,
      value: { saga, instance, paused },
    };
  },
});
