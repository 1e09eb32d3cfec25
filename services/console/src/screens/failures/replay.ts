import { planRetry, retryAll, type RetryCounts, type RetryPlan } from '@convergekit/inbox/operate';
import { hasTables } from '@convergekit/postgres/engine';
import { z } from 'zod';
import { conflict } from '../../errors.ts';
import { html } from '../../layout/html.ts';
import { plural } from '../../layout/parts.ts';
import { requireExpected } from '../../routes/action-definition.ts';
import type { ConsoleContext } from '../../screen.ts';
import type { ConsoleDatabase } from '../../databases.ts';
import {
  afterCompensationField,
  type AfterCompensationField,
  chosenOf,
  consentOf,
} from './after-compensation.ts';
import { concernedOf } from './event.ts';
import { type FailureFilter, filtered, filterFields, parkedFilterOf, requireCondition } from './filter.ts';

const input = z.object({
  ...filterFields,
  ...afterCompensationField,
  /** Events a second, at most. */
  rate: z.coerce.number().int().min(1).max(10_000).default(50),
  /** Ends when more than so many percent of the outcomes are failures again; 100 = never. */
  stopAt: z.coerce.number().int().min(1).max(100).default(20),
});

/** Defines the retry of all parked events that match: one, a group, or what an outage broke. */
export function replayAction({ action, databases, clock }: ConsoleContext): void {
  action({
    path: '/failures/replay',
    title: 'Retry',
    summary: 'Retry all parked events that match, at a rate, and stop when too many fail again',
    input,
    concerns: (given) => concernedOf(databases, given),
    preview: async (given) => {
      requireCondition(given);
      return previewOf(await Promise.all((await chosen(given)).map((one) => planOf(one, given))), given);
    },
    fields: ({ rate, stopAt }) =>
      html`<label
          >Events a second, at most <input name="rate" type="number" min="1" max="10000" value="${rate}"
        /></label>
        <label
          >Stop when more than so many percent fail again (100 = never)
          <input name="stopAt" type="number" min="1" max="100" value="${stopAt}"
        /></label>`,
    run: async ({ rate, stopAt, ...given }, acting) => {
      const { user, reason, report, signal } = acting;
      requireCondition(given);
      const found = await chosen(given);
      const total = (await Promise.all(found.map((one) => planOf(one, given)))).reduce(
        (sum, one) => sum + one.eligible,
        0,
      );
      requireExpected(total, 'match', acting);
      let sum = NONE;
      for (const { database } of found) {
        const before = sum;
        const { stopped, ...counts } = await retryAll(database, {
          filter: parkedFilterOf(given),
          ...chosenOf(given),
          operator: { by: user, reason },
          rate,
          stopAtPercent: stopAt === 100 ? undefined : stopAt,
          clock,
          signal,
          onProgress: (now) =>
            report(before.sent + now.sent, total, now.pending > 0 ? waitOf(now) : undefined),
        });
        sum = plus(before, counts);
        if (stopped !== undefined)
          throw conflict(`stopped after ${sum.sent} of ${total}: ${stopped}. ${textOf(sum)}`);
      }
      return {
        text: textOf(sum),
        changed: sum.sent,
        href: filtered('/failures', { ...given, id: undefined }),
      };
    },
  });

  async function chosen({ database }: FailureFilter): Promise<readonly ConsoleDatabase[]> {
    const asked = database === undefined ? databases.all : [databases.get(database)];
    const present = await Promise.all(asked.map(({ executor }) => hasTables(executor, 'converge.parked')));
    return asked.filter((_, index) => present[index]);
  }
}

type Given = FailureFilter & AfterCompensationField;

function planOf({ executor }: ConsoleDatabase, given: Given): Promise<RetryPlan> {
  return planRetry(executor, parkedFilterOf(given), chosenOf(given));
}

function previewOf(plans: readonly RetryPlan[], given: Given) {
  const sum = (of: (plan: RetryPlan) => number): number => plans.reduce((all, plan) => all + of(plan), 0);
  const [events, keys] = [sum(({ eligible }) => eligible), sum((plan) => plan.keys)];
  const reported = sum(({ reported: own }) => own);
  const sent =
    reported === 0 || given.afterCompensation === undefined
      ? ''
      : ` The failure events of ${reported} are published: what other services compensated for them stays compensated, and nothing says to them that these took effect after all.`;
  const others = Map.groupBy(
    plans.flatMap(({ ineligible }) => ineligible),
    ({ why }) => why,
  );
  return {
    eligible: events,
    unit: `${plural(events, 'event')} of ${keys} ${plural(keys, 'key')}`,
    others: [...others].map(([why, own]) => ({
      why,
      count: own.reduce((all, { events }) => all + events, 0),
    })),
    effect: `Each runs again under its own id, in the order of its key. What its handler has already done is not done twice.${sent}`,
    consent: consentOf(reported, given),
  };
}

const waitOf = ({ pending }: RetryCounts): string =>
  `${pending} are due and have no outcome yet: a process of the consumer must run`;

const NONE: RetryCounts = { sent: 0, refused: 0, applied: 0, failed: 0, pending: 0 };

function plus(a: RetryCounts, b: RetryCounts): RetryCounts {
  return {
    sent: a.sent + b.sent,
    refused: a.refused + b.refused,
    applied: a.applied + b.applied,
    failed: a.failed + b.failed,
    pending: a.pending + b.pending,
  };
}

function textOf({ sent, refused, applied, failed, pending }: RetryCounts): string {
  const parts = [
    `${sent} retried`,
    ...(applied > 0 ? [`${applied} took effect`] : []),
    ...(failed > 0 ? [`${failed} failed again`] : []),
    ...(pending > 0 ? [`${pending} are due and not tried yet`] : []),
    ...(refused > 0 ? [`${refused} were left alone`] : []),
  ];
  return parts.join(', ');
}
