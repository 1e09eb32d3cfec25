import {
  pauseReconciler,
  type RecordedSchedule,
  requestRun,
  resumeReconciler,
} from '@convergekit/reconcile/operate';
import type { Executor } from '@convergekit/postgres';
import type { Operator } from '@convergekit/postgres/operate';
import { z } from 'zod';
import { withQuery } from '../../layout/parts.ts';
import { actOnEach } from '../../routes/action-definition.ts';
import type { ConsoleContext } from '../../screen.ts';
import { gatherSchedules } from './read-schedules.ts';

/** An action on schedules: which ones it changes, and how. */
interface ScheduleAct {
  readonly name: 'pause' | 'resume' | 'run';
  readonly title: string;
  readonly done: string;
  readonly effect: string;
  /** Why a schedule stays as it is; undefined = it is changed. */
  readonly refusal: (schedule: RecordedSchedule) => string | undefined;
  /** false = another operator was first. */
  readonly act: (executor: Executor, reconciler: string, by: Operator) => Promise<boolean>;
}

const ACTS: readonly ScheduleAct[] = [
  {
    name: 'pause',
    title: 'Pause schedules',
    done: 'paused',
    effect:
      'Every process stops starting runs of them and comparing their keys within one poll, until they are resumed. Reported keys wait.',
    refusal: ({ paused }) => (paused === null ? undefined : 'paused already'),
    act: pauseReconciler,
  },
  {
    name: 'resume',
    title: 'Resume schedules',
    done: 'resumed',
    effect:
      'Keys that wait come first, then the schedule from its next start. Starts of the pause are not made up for.',
    refusal: ({ paused }) => (paused === null ? 'not paused' : undefined),
    act: resumeReconciler,
  },
  {
    name: 'run',
    title: 'Run now',
    done: 'requested',
    effect: 'The process that leads each schedule makes a run at once; the schedule stays as it is.',
    refusal: ({ paused, requestedBy }) => {
      if (paused !== null) return 'paused: resume them first';
      return requestedBy === null ? undefined : 'a run is requested already';
    },
    act: requestRun,
  },
];

/** Defines pause, resume and run now: each acts on all schedules that match its filter. */
export function scheduleActions({ action, databases }: ConsoleContext): void {
  for (const { name, title, done, effect, refusal, act } of ACTS)
    action({
      path: `/schedules/${name}`,
      title,
      summary: `${title}: all that match the filter`,
      input: z.object({
        database: z.string().optional(),
        name: z.string().optional(),
        /** One reconciler, by its whole name. */
        only: z.string().optional(),
      }),
      concerns: ({ database = '*', only = '*' }) => ({ database, reconciler: only }),
      preview: async (filter) => {
        const { rows } = await gatherSchedules(databases, filter);
        const refusals = rows.map(refusal);
        const why = [...new Set(refusals.filter((one) => one !== undefined))];
        return {
          eligible: refusals.filter((one) => one === undefined).length,
          unit: 'schedules',
          others: why.map((one) => ({ count: refusals.filter((other) => other === one).length, why: one })),
          effect: `${effect} ${namesOf(rows.filter((row) => refusal(row) === undefined))}`,
        };
      },
      run: async (filter, acting) => {
        const by = { by: acting.user, reason: acting.reason };
        const { rows } = await gatherSchedules(databases, filter);
        const eligible = rows.filter((row) => refusal(row) === undefined);
        const { changed } = await actOnEach(eligible, acting, async ({ database, reconciler }) =>
          (await act(databases.get(database).executor, reconciler, by)) ? undefined : `${reconciler} changed`,
        );
        const { only, ...rest } = filter;
        return {
          text: `${changed} schedules ${done}.`,
          changed,
          href: withQuery('/schedules', { ...rest, name: only ?? rest.name }),
        };
      },
    });
}

const MOST_NAMES = 12;

function namesOf(rows: readonly RecordedSchedule[]): string {
  if (rows.length === 0) return '';
  const names = rows.slice(0, MOST_NAMES).map(({ reconciler }) => reconciler);
  const more = rows.length - names.length;
  return `They are: ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`;
}
