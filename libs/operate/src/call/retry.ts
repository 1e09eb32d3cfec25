import { act } from '../registry/act.ts';
import { actOnEach, requireExpected } from '../registry/each.ts';
import { someIds } from '../registry/fields.ts';
import type { Reads } from '../registry/reads.ts';
import { counted } from '../text.ts';
import { actOnCall, type Call, concernedOf, lastActsOn, requireCall, tables } from './calls.ts';

const requireCalls = (reads: Pick<Reads, 'databases'>, ids: readonly string[]): Promise<readonly Call[]> =>
  Promise.all(ids.map((id) => requireCall(reads, id)));

const isOpen = ({ work }: Call): boolean => work.endedAt === null;

/** What waits keeps its state; what is stuck is called again, whatever became of the call before. */
export const retry = act({
  name: 'call.retry',
  title: 'Retry the call',
  summary: 'retry now what waits; call again what is stuck, although the call before may have taken effect',
  did: 'retried',
  tables,
  input: { ids: someIds('as `call list` shows them') },
  concerns: async (reads, { ids }) => concernedOf(await requireCalls(reads, ids)),
  preview: async (reads, { ids }) => {
    const calls = await requireCalls(reads, ids);
    const open = calls.filter(isOpen);
    const stuck = open.filter(({ work }) => work.state === 'stuck').length;
    return {
      eligible: open.length,
      unit: open.length === 1 ? 'call' : 'calls',
      others: [...Map.groupBy(calls, ({ work }) => work.state)].map(([state, own]) => ({
        count: own.filter((one) => !isOpen(one)).length,
        why: `it is ${state}, which nothing changes any more`,
      })),
      effect: `Each is due now.${stuck === 0 ? '' : ` ${stuck} may have taken effect already.`}`,
      refusal: 'WORK_NOT_RESOLVABLE',
      asks: stuck > 0,
      notes: await lastActsOn(calls),
      things: () =>
        Promise.resolve({
          rows: open.map(({ work: { id, state } }) => ({ id, state })),
          lines: open.map(({ work: { id, state } }) => `${id}: ${state}`),
        }),
    };
  },
  // What is refused of several is passed, so that a command that was broken off can be typed again.
  run: async (reads, { ids }, acting) => {
    const calls = await requireCalls(reads, ids);
    requireExpected(calls.filter(isOpen).length, 'calls are open', acting);
    const { by, reason } = acting;
    const { changed, refused } = await actOnEach(calls, acting, (call) => actOnCall(call, { by, reason }));
    if (changed.length === 0 && refused[0] !== undefined) throw refused[0];
    const retried = changed.map(({ work }) => work.id);
    return {
      text: `${counted(retried.length, 'call is', 'calls are')} due now`,
      changed: retried.length,
      refused: refused.map(({ message }) => message),
      lines: retried.map((id) => `${id}: due now`),
      value: { retried },
    };
  },
});
