import { z } from 'zod';
import { findWaitingSteps, retryStep, type WaitingStep } from '@convergekit/saga/operate';
import { conflict, invalidInput, isRefusal } from '../../errors.ts';
import { html, type Html, nothing } from '../../layout/html.ts';
import { actionLink, plural, withQuery } from '../../layout/parts.ts';
import { actOnEach, requireExpected } from '../../routes/action-definition.ts';
import type { ConsoleContext } from '../../screen.ts';
import type { Databases, Unread } from '../../databases.ts';
import { type SagaSearch, searchSchema } from './search.ts';
import { where } from '../../present-sql.ts';
import { findSagas } from './find-sagas.ts';

const input = searchSchema.omit({ after: true, reason: true }).extend({
  /** A part of the saga's reason: `reason` is that of the operator. */
  why: searchSchema.shape.reason,
  /** Steps a second, at most. */
  rate: z.coerce.number().int().min(1).max(1_000).default(10),
});
type Filter = Omit<z.output<typeof input>, 'rate'>;

/** Defines the attempt, now, of all waiting steps of all sagas that match the filter. */
export function attemptAllAction({ action, databases, clock }: ConsoleContext): void {
  action({
    path: '/sagas/attempt',
    title: 'Attempt waiting steps now',
    summary: 'Attempt the waiting steps of all sagas that match the filter, at a rate',
    input,
    concerns: ({ saga = '*' }) => ({ saga }),
    preview: async ({ rate, ...filter }) => {
      const { sagas, steps } = await findWaiting(databases, searchedBy(filter), clock.now());
      const waiting = new Set(steps.map(({ instance }) => instance)).size;
      const idle = sagas - waiting;
      const inDoubt = steps.filter((step) => step.inDoubt).length;
      return {
        eligible: steps.length,
        unit: `${plural(steps.length, 'step')} of ${waiting} ${plural(waiting, 'saga')}`,
        others: [
          { count: idle, why: 'sagas that are paused, or without a step that waits in these databases' },
        ],
        effect: `Each is due now: its call, its undo, or the event that it could not handle; ${rate} a second.${doubtText(inDoubt)}`,
      };
    },
    fields: ({ rate }) =>
      html`<label
        >Steps a second, at most <input name="rate" type="number" min="1" max="1000" value="${rate}"
      /></label>`,
    run: async ({ rate, ...filter }, acting) => {
      const search = searchedBy(filter);
      const { steps } = await findWaiting(databases, search, clock.now());
      requireExpected(steps.length, 'steps wait', acting);
      const by = { by: acting.user, reason: acting.reason };
      const { changed, refused } = await actOnEach(steps, acting, async (step) => {
        const refusal = await attemptStep(databases, step, by);
        await clock.sleep(1_000 / rate, acting.signal);
        return refusal;
      });
      return { text: textOf(steps.length, changed, refused), changed, href: withQuery('/sagas', search) };
    },
  });
}

function searchedBy({ why, ...filter }: Filter): SagaSearch {
  return { ...filter, reason: why };
}

function textOf(all: number, done: number, refused: readonly string[]): string {
  const left = all - done - refused.length;
  const parts = [
    `${done} of ${all} ${plural(all, 'step')} ${done === 1 ? 'is' : 'are'} due now.`,
    ...(left > 0 ? [`${left} were not reached.`] : []),
    ...(refused.length > 0 ? [`${refused.length} were left alone: ${refused[0] ?? ''}`] : []),
  ];
  return parts.join(' ');
}

function doubtText(inDoubt: number): string {
  if (inDoubt === 0) return '';
  return ` The outcome of ${inDoubt} is not known: they may have taken effect already, and a call is repeated under the same idempotency key.`;
}

/** The link under the list; nothing without a filter or rows. */
export function attemptLink(search: SagaSearch, rows: number): Html {
  const filter = { ...search, after: undefined, reason: undefined, why: search.reason };
  const path = withQuery('/sagas/attempt', filter);
  if (rows === 0 || path === '/sagas/attempt') return nothing;
  return html`<p>${actionLink(path, 'Attempt all that match now')}</p>`;
}

/** More matching sagas than this are refused: the filter is narrowed first. */
const MOST = 10_000;

type FoundStep = WaitingStep & { readonly database: string };

/** Finds the waiting steps of all sagas that match. Refuses a search without a condition, and what cannot be read. */
async function findWaiting(
  databases: Databases,
  search: SagaSearch,
  now: number,
): Promise<{ readonly sagas: number; readonly steps: readonly FoundStep[] }> {
  if (withQuery('', { ...search }) === '')
    throw invalidInput('choose which sagas: by state, saga, step, reason, age or key');
  const found = await findSagas(databases, search, { now, limit: MOST + 1 });
  refuseUnread(found.unread);
  if (found.rows.length > MOST)
    throw invalidInput(`more than ${MOST} sagas match: narrow the filter, for example by saga or reason`);
  const { rows, unread } = await databases.gather(
    where(['converge.saga_fence', 'converge.saga_work'], (executor) =>
      findWaitingSteps(executor, found.rows),
    ),
  );
  refuseUnread(unread);
  const steps = rows.filter(({ step }) => search.step === undefined || step === search.step);
  return { sagas: found.rows.length, steps };
}

/** Attempts one step. Returns why it was left alone; undefined = it is due. */
async function attemptStep(
  databases: Databases,
  { database, instance, step }: FoundStep,
  by: Parameters<typeof retryStep>[2],
): Promise<string | undefined> {
  try {
    await retryStep(databases.get(database).database, { instance, step }, by);
    return undefined;
  } catch (error) {
    if (isRefusal(error)) return error.message;
    throw error;
  }
}

function refuseUnread([first]: readonly Unread[]): void {
  if (first === undefined) return;
  throw conflict(`${first.database} cannot be read, so what matches is not known: ${first.reason}`);
}
