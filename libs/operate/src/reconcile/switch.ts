import { pauseReconciler, requestRun, resumeReconciler } from '@convergekit/reconcile/operate';
import type { Executor } from '@convergekit/postgres';
import type { Operator } from '@convergekit/postgres/operate';
import { lastActs } from '../audit/last-acts.ts';
import { refused } from '../host/errors.ts';
import { act, type Act } from '../registry/act.ts';
import { actOnEach, requireExpected } from '../registry/each.ts';
import { counted } from '../text.ts';
import { type Chosen, chosenBy, concernedOf, filter, tables } from './chosen.ts';

/** An act that pauses, resumes or starts reconcilers. */
interface Switch extends Pick<Act, 'name' | 'title' | 'summary' | 'did' | 'usualReason'> {
  readonly effect: string;
  /** Why one stays as it is; undefined = it is changed. */
  readonly refusal: (status: NonNullable<Chosen['status']>) => string | undefined;
  readonly code: string;
  /** False: it was done before. */
  readonly change: (executor: Executor, reconciler: string, by: Operator) => Promise<boolean>;
  /** What an operator reads of one that was changed. */
  readonly done: (name: string) => string;
  /** What an operator reads of one for which it was done before. */
  readonly before?: (name: string) => string;
}

const pausedBy = ({ paused }: NonNullable<Chosen['status']>): string | undefined =>
  paused === null ? undefined : `by ${paused.by} (${paused.reason})`;

function switchAct({ effect, refusal, code, change, done, before, ...said }: Switch) {
  const whyNot = ({ status }: Chosen): string | undefined => status && refusal(status);
  const eligibleOf = (all: readonly Chosen[]) => all.filter((one) => whyNot(one) === undefined);
  return act({
    ...said,
    tables,
    input: filter,
    asks: () => false,
    concerns: concernedOf,
    preview: async (reads, input) => {
      const all = await chosenBy(reads, input);
      const eligible = eligibleOf(all);
      const left = Map.groupBy(all, whyNot);
      const notes = await Promise.all(
        input.names.length === 0
          ? []
          : all.map(({ database, name }) => lastActs(database.executor, [name], 'reconciler')),
      );
      return {
        eligible: eligible.length,
        unit: eligible.length === 1 ? 'reconciler' : 'reconcilers',
        others: [...left].flatMap(([why, own]) =>
          why === undefined ? [] : [{ count: own.length, why: `${namesOf(own)}: ${why}` }],
        ),
        effect: eligible.length === 0 ? effect : `${effect} They are: ${namesOf(eligible)}.`,
        refusal: code,
        notes: notes.flat(),
        things: () =>
          Promise.resolve({
            rows: eligible.map(({ name }) => ({ name })),
            lines: eligible.map(({ name }) => name),
          }),
      };
    },
    run: async (reads, input, acting) => {
      const all = eligibleOf(await chosenBy(reads, input));
      requireExpected(all.length, 'reconcilers match', acting);
      const { by, reason } = acting;
      const lines: string[] = [];
      const made: string[] = [];
      const { refused: failed } = await actOnEach(all, acting, async ({ database, name }) => {
        const isNew = await change(database.executor, name, { by, reason });
        if (isNew) made.push(name);
        lines.push(isNew ? done(name) : (before?.(name) ?? name));
      });
      return {
        text: `${counted(made.length, 'reconciler', 'reconcilers')} ${said.did}`,
        changed: made.length,
        refused: failed.map(({ message }) => message),
        lines,
        value: all.map(({ name, database }) => ({
          name,
          database: database.name,
          [said.did]: made.includes(name),
        })),
      };
    },
  });
}

const MOST_NAMES = 12;

function namesOf(all: readonly Chosen[]): string {
  const names = all.slice(0, MOST_NAMES).map(({ name }) => name);
  const more = all.length - names.length;
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Another operator was first, between the preview and the act. */
const changed = (code: string, name: string, what: string) =>
  refused(code, `${name} ${what} meanwhile: nothing was changed`);

/** Takes effect in every process within one poll, and survives restarts. A key that is being repaired is finished. */
export const pause = switchAct({
  name: 'reconcile.pause',
  title: 'Pause reconcilers',
  summary: 'pause reconcilers in all processes, until they are resumed: no run, and no key is compared',
  did: 'paused',
  effect:
    'Every process stops starting runs of them and comparing their keys within one poll, until they are resumed. Reported keys wait.',
  refusal: (status) => (status.paused === null ? undefined : `paused already, ${pausedBy(status)}`),
  code: 'RECONCILER_PAUSED',
  change: async (executor, name, by) => {
    if (await pauseReconciler(executor, name, by)) return true;
    throw changed('RECONCILER_PAUSED', name, 'was paused');
  },
  done: (name) => `${name}: paused; reported keys wait. \`converge reconcile resume ${name}\` continues it`,
});

export const resume = switchAct({
  name: 'reconcile.resume',
  title: 'Resume reconcilers',
  summary: 'resume paused reconcilers: keys that wait first, then their schedules from the next start',
  did: 'resumed',
  usualReason: 'the pause is over',
  effect:
    'Keys that wait come first, then the schedule from its next start. Starts of the pause are not made up for.',
  refusal: ({ paused }) =>
    paused === null ? "not paused; repairs that are held need an operator's approval" : undefined,
  code: 'RECONCILER_NOT_PAUSED',
  change: async (executor, name, by) => {
    if (await resumeReconciler(executor, name, by)) return true;
    throw changed('RECONCILER_NOT_PAUSED', name, 'was resumed');
  },
  done: (name) =>
    `${name}: resumed; starts of the pause are not made up for: \`converge reconcile run ${name} --now\` runs it at once`,
});

/** The process that leads the schedule makes the run. A run that is requested already is not requested twice. */
export const runNow = switchAct({
  name: 'reconcile.run',
  title: 'Run now',
  summary: 'ask the processes that run reconcilers for one run of each',
  did: 'requested',
  usualReason: 'a run now',
  effect: 'The process that leads each schedule makes a run at once; the schedule stays as it is.',
  refusal: (status) =>
    status.paused === null
      ? undefined
      : `paused ${pausedBy(status)}: nothing was run; \`converge reconcile resume ${status.name}\` first`,
  code: 'RECONCILER_PAUSED',
  change: requestRun,
  done: (name) =>
    `${name}: requested; \`converge reconcile history ${name}\` shows the run once a process has taken it`,
  before: (name) => `${name}: a run is requested already, and no process has taken it yet`,
});
