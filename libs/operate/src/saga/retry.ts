import { findWaitingSteps, pageInstances, retryStep, type WaitingStep } from '@convergekit/saga/operate';
import { lastActs } from '../audit/last-acts.ts';
import type { NamedDatabase } from '../doctor/examine-database.ts';
import { UsageError } from '../host/errors.ts';
import { act, type Preview } from '../registry/act.ts';
import { actOnEach, requireExpected } from '../registry/each.ts';
import { asked, type InputOf, oneOf, text, whole, wholeOf } from '../registry/fields.ts';
import type { Reads } from '../registry/reads.ts';
import { counted } from '../text.ts';
import { openInstancesIn, STATE_CHOICES, whereOf } from './search.ts';
import { concernedOf, isInDoubt, isOpen, requireStep, waitsFor } from './steps.ts';
import { tables } from './targets.ts';

const input = {
  instance: { ...text('id', 'the id of the event that started it; or choose by options'), isArgument: true },
  step: { ...text('name', 'a step, in DATABASE_URL, of the service that runs it'), isArgument: true },
  state: oneOf('state', STATE_CHOICES, 'steps of sagas in this state'),
  saga: text('name', 'only of this saga'),
  key: text('key', 'only of sagas with this key'),
  why: text('text', 'only of sagas whose reason has this text'),
  older: text('span', 'only of sagas open for longer, as 30m, 2h or 1d'),
  attempts: whole('attempts', 'only of sagas with a step of so many attempts, at least', { most: 1_000_000 }),
  trace: text('id', 'only of the sagas of this trace'),
  rate: asked(wholeOf('steps/s', 'so many steps become due in a second, at most', 10, 1_000)),
};
type Given = InputOf<typeof input>;

/** Returns the one step that the input names, if it does. */
const oneStep = ({ instance, step }: Pick<Given, 'instance' | 'step'>) =>
  instance === undefined || step === undefined ? undefined : { instance, step };

interface Found extends WaitingStep {
  readonly database: NamedDatabase;
}

interface Chosen extends Pick<Preview, 'seen' | 'asks' | 'notes'> {
  readonly steps: readonly Found[];
  readonly left: { readonly count: number; readonly why: string };
  readonly now?: string;
}

async function chosenBy(reads: Reads, given: Given): Promise<Chosen> {
  const one = oneStep(given);
  if (one === undefined) return searched(reads, given);
  const { database, now } = await requireStep(reads, one);
  const why = waitsFor(now);
  const steps = isOpen(now) ? [{ ...one, database, inDoubt: isInDoubt(now) }] : [];
  return {
    steps,
    left: { count: 1 - steps.length, why },
    now: `Now ${why}. `,
    seen: now.mark,
    asks: isInDoubt(now),
    notes: await lastActs(database.executor, [one.instance]),
  };
}

/** More matching sagas than this are refused: the filter is narrowed first. */
const MOST = 10_000;

/** Finds the waiting steps of all sagas that match. Refuses a search without a condition. */
async function searched({ databases, clock }: Reads, given: Given): Promise<Chosen> {
  const { state, saga, step: only, attempts, older, why: reason, key, instance: id, trace } = given;
  const filter = { state, saga, step: only, attempts, older, reason, key, id, trace };
  if (!Object.values(filter).some((one) => one !== undefined))
    throw new UsageError('NOTHING_NAMED', 'choose which sagas: by id, state, saga, step, reason, age or key');
  const open = await Promise.all(databases.map(({ executor }) => openInstancesIn(executor, filter)));
  const ids = open.includes(undefined) ? undefined : [...new Set(open.flatMap((some) => some ?? []))];
  const search = { ...whereOf(filter, ids, clock.now()), after: undefined, limit: MOST + 1 };
  const sagas = (await Promise.all(databases.map(({ executor }) => pageInstances(executor, search)))).flat();
  if (sagas.length > MOST)
    throw new UsageError(
      'TOO_MANY',
      `more than ${MOST} sagas match: narrow the filter, for example by saga or reason`,
    );
  const found = await Promise.all(
    databases.map(async (database) =>
      (await findWaitingSteps(database.executor, sagas)).map((step) => ({ ...step, database })),
    ),
  );
  const steps = found.flat().filter(({ step }) => (only ?? step) === step);
  const idle = sagas.length - sagasOf(steps);
  const idleWhy = 'sagas that are paused, or without a step that waits in these databases';
  return { steps, left: { count: idle, why: idleWhy } };
}

const sagasOf = (steps: readonly Found[]): number => new Set(steps.map(({ instance }) => instance)).size;

const nameOf = ({ instance, step }: Found): string => `${step} of ${instance}`;

/** Retries a step's call, its undo, or an event that the step could not handle. */
export const retry = act({
  name: 'saga.retry',
  title: 'Retry the step',
  summary: 'retry a step, or all that match, now: its call, its undo, or the event that it could not handle',
  did: 'retried',
  tables: {
    ...tables,
    table: 'converge.saga_fence',
    isEverywhere: ({ instance, step, database }) =>
      instance === undefined || step === undefined || [database ?? []].flat().length > 0,
  },
  input,
  concerns: (reads, given) => {
    const one = oneStep(given);
    return one === undefined ? Promise.resolve({ saga: given.saga ?? '*' }) : concernedOf(reads, one);
  },
  preview: async (reads, given) => {
    const { steps, left, now = '', ...ofOne } = await chosenBy(reads, given);
    const inDoubt = steps.filter((step) => step.inDoubt).length;
    const doubt =
      inDoubt === 0
        ? ''
        : ` The outcome of ${inDoubt} is not known: they may have taken effect already, and a call is repeated under the same idempotency key.`;
    return {
      eligible: steps.length,
      unit: `${steps.length === 1 ? 'step' : 'steps'} of ${counted(sagasOf(steps), 'saga', 'sagas')}`,
      others: [left],
      effect: `${now}Each is due now: its call, its undo, or the event that it could not handle.${doubt}`,
      refusal: 'STEP_NOT_WAITING',
      ...ofOne,
      things: () =>
        Promise.resolve({
          rows: steps.map(({ database, ...step }) => ({ ...step, database: database.name })),
          lines: steps.map(nameOf),
        }),
    };
  },
  run: async (reads, given, acting) => {
    const { steps } = await chosenBy(reads, given);
    requireExpected(steps.length, 'steps wait', acting);
    const { by, reason, seen, signal } = acting;
    const one = oneStep(given);
    const all = one === undefined || steps.length > 0 ? steps : [];
    const { changed, refused } = await actOnEach(all, acting, async ({ database, instance, step }) => {
      await retryStep(database.database, { instance, step }, { by, reason }, { seen });
      if (all.length > 1) await reads.clock.sleep(1_000 / given.rate, signal);
    });
    if (changed.length === 0 && refused[0] !== undefined) throw refused[0];
    const unreached = steps.length - changed.length - refused.length;
    return {
      text: `${changed.length} of ${counted(steps.length, 'step', 'steps')} ${changed.length === 1 ? 'is' : 'are'} due now.${unreached > 0 ? ` ${unreached} were not reached.` : ''}`,
      changed: changed.length,
      refused: refused.map(({ message }) => message),
      lines: changed.map((step) => `${nameOf(step)}: due now`),
      value: { retried: changed.map(({ instance, step }) => ({ instance, step })) },
    };
  },
});
