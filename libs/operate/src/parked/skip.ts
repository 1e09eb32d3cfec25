import { type ParkedSummary, skipParked, UNREPORTED } from '@convergekit/inbox/operate';
import { lastActs } from '../audit/last-acts.ts';
import { act } from '../registry/act.ts';
import { actOnEach, requireExpected } from '../registry/each.ts';
import { someIds, toggle } from '../registry/fields.ts';
import { concernedOf, tables } from './filter.ts';
import { linesOf } from './lines.ts';
import { type Placed, requireSomeParked } from './named.ts';

const isHolding = ({ event: { state } }: Placed<ParkedSummary>): boolean =>
  state === 'waiting' || state === 'dead';
const isSilent = ({ event: { failureEvent } }: Placed<ParkedSummary>): boolean => failureEvent === null;

const eligibleOf = (found: readonly Placed<ParkedSummary>[], unreported: boolean): number =>
  found.filter((one) => isHolding(one) && (unreported || !isSilent(one))).length;

/** The events of a line from its end: where its first one is skipped, the consumer applies the next one at once. Pure. */
const lastFirst = (found: readonly Placed<ParkedSummary>[]): readonly Placed<ParkedSummary>[] =>
  found.toSorted((left, right) => Number(right.event.seq ?? 0) - Number(left.event.seq ?? 0));

export const skip = act({
  name: 'parked.skip',
  title: 'Skip',
  summary: 'skip events for good: they are kept on record, and their keys continue',
  did: 'skipped',
  needs: 'administrator',
  tables,
  input: {
    ids: someIds('as `parked list` shows them'),
    unreported: toggle(
      'skips events too that were not given up: no failure event says to other services that they never take effect',
    ),
  },
  concerns: concernedOf,
  preview: async (reads, { ids, unreported }) => {
    const { found, gone } = await requireSomeParked(reads, ids);
    const holding = found.filter(isHolding);
    const silent = holding.filter(isSilent).length;
    const eligible = eligibleOf(found, unreported);
    const left = holding.length - eligible;
    const ended = Map.groupBy(
      found.filter((one) => !isHolding(one)),
      ({ event }) => event.state,
    );
    const notes = await Promise.all(reads.databases.map(({ executor }) => lastActs(executor, ids)));
    return {
      eligible,
      unit: eligible === 1 ? 'event' : 'events',
      others: [
        { count: left, why: UNREPORTED },
        ...[...ended].map(([state, own]) => ({
          count: own.length,
          why: `it is ${state} and does not hold its key, so there is nothing to skip`,
        })),
      ],
      effect: 'Each never takes effect. It stays on record, and the events behind it in its key continue.',
      refusal: 'PARKED_REFUSED',
      consent: left === 0 ? undefined : { field: 'unreported', label: 'Skip it all the same' },
      notes: [
        ...notes.flat(),
        ...gone.map(({ message }) => message),
        ...(unreported && silent > 0 ? [`${silent} of ${found.length}: ${UNREPORTED}`] : []),
      ],
      things: () => {
        const rows = found.map(({ event }) => event);
        return Promise.resolve({ rows, lines: linesOf(rows) });
      },
    };
  },
  // What was skipped before does not keep the others from it: a command that was broken off is typed again.
  run: async (reads, { ids, unreported }, acting) => {
    const { found, gone } = await requireSomeParked(reads, ids);
    requireExpected(eligibleOf(found, unreported), 'can be skipped', acting);
    const { by, reason } = acting;
    const { changed, refused } = await actOnEach(lastFirst(found), acting, ({ database, event }) =>
      skipParked(database.database, event.id, { by, reason }, { unreported }),
    );
    const failed = [...gone, ...refused];
    if (changed.length === 0 && failed[0] !== undefined) throw failed[0];
    const skipped = changed.map(({ event }) => event.id);
    return {
      text: `${skipped.length} skipped: ${skipped.length === 1 ? 'its key continues' : 'their keys continue'}`,
      changed: skipped.length,
      refused: failed.map(({ message }) => message),
      lines: skipped.map((id) => `${id}: skipped`),
      value: { skipped },
    };
  },
});
