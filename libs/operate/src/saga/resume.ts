import { heldText, resumeSaga, type SagaPause } from '@convergekit/saga/operate';
import { refused } from '../host/errors.ts';
import { act } from '../registry/act.ts';
import { actOnEach, requireExpected } from '../registry/each.ts';
import { asked, wholeOf } from '../registry/fields.ts';
import { counted } from '../text.ts';
import { databasesWord, lastActsOn, nameOf, runningIt, tables, target, thingsOf } from './targets.ts';

/** A resume that breaks off leaves its saga paused. */
export const resume = act({
  name: 'saga.resume',
  title: 'Resume the saga',
  summary: 'resume a paused saga, or one instance: what waited is due at a rate, the oldest first',
  did: 'resumed',
  tables,
  input: {
    ...target,
    rate: asked(wholeOf('calls/s', 'so many calls, queries and undos become due in a second', 50, 10_000)),
  },
  asks: () => false,
  concerns: (_, { saga }) => Promise.resolve({ saga }),
  preview: async (reads, of) => {
    const here = await runningIt(reads, of);
    const paused = here.filter((one) => one.pause !== undefined);
    return {
      eligible: paused.length,
      unit: `${databasesWord(paused.length)} in which ${nameOf(of)} is paused`,
      others: [
        {
          count: here.length - paused.length,
          why: `${nameOf(of)} is not paused there; \`converge doctor\` shows what is`,
        },
      ],
      effect: `${paused
        .flatMap(({ pause }) => pause ?? [])
        .map(pauseText)
        .join(' ')} What waits is due at the rate in each database, the oldest first.`,
      refusal: 'SAGA_NOT_PAUSED',
      notes: await lastActsOn(here, of),
      things: () => thingsOf(paused),
    };
  },
  run: async (reads, of, acting) => {
    const here = (await runningIt(reads, of)).filter((one) => one.pause !== undefined);
    requireExpected(here.length, 'databases have it paused', acting);
    const { by, reason, report: onProgress, signal } = acting;
    const { saga, instance, rate } = of;
    const resumed: { database: string; work: number }[] = [];
    const { refused: failed } = await actOnEach(here, acting, async ({ database }) => {
      const how = { rate, signal, onProgress };
      const done = await resumeSaga(database.database, { saga, instance }, { by, reason }, how);
      if (done.kind === 'stopped')
        throw refused(
          'SAGA_PAUSED',
          `stopped: ${nameOf(of)} is still paused in ${database.name}; resume it again`,
        );
      if (done.kind === 'resumed') resumed.push({ database: database.name, work: done.work });
    });
    const [first] = failed;
    if (resumed.length === 0)
      throw first ?? refused('SAGA_NOT_PAUSED', `${nameOf(of)} is not paused: nothing was changed`);
    const due = (work: number): string => `${counted(work, 'call is', 'calls are')} due, ${rate} a second`;
    const all = resumed.reduce((sum, { work }) => sum + work, 0);
    return {
      text: `${nameOf(of)} is resumed in ${counted(resumed.length, 'database', 'databases')}: ${due(all)}`,
      changed: resumed.length,
      refused: failed.map(({ message }) => message),
      lines: resumed.map(({ database, work }) => `${database}: ${due(work)}`),
      value: { saga, instance, resumed, rate },
    };
  },
});

function pauseText(pause: SagaPause): string {
  const { by, at, reason } = pause;
  return `Paused by ${by} at ${at.toISOString()} (${reason}): ${heldText(pause)}.`;
}
