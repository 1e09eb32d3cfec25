import { type Finding, unmet } from '../check.ts';
import type { EventRow, FenceRow, Shape } from './facts.ts';

export type End = 'completed' | 'compensated' | 'stuck' | 'open';

/** A run of a saga: its steps by name. */
export interface Run {
  readonly shape: Shape;
  readonly instance: string;
  readonly steps: ReadonlyMap<string, FenceRow>;
}

/** A step in these states has no effect, and will have none. */
const WITHOUT_EFFECT = new Set(['rejected', 'failed_not_applied', 'tombstoned', 'undone']);

/** Groups the facts by started run, with the states of the steps. */
export function runsOf(
  shape: Shape,
  events: readonly EventRow[],
  fences: readonly FenceRow[],
): readonly Run[] {
  const own = fences.filter(({ saga }) => saga === shape.name);
  const steps = Map.groupBy(own, ({ instance }) => instance);
  return events
    .filter(({ type }) => type === shape.start)
    .map(({ eventId: instance }) => {
      const rows = steps.get(instance) ?? [];
      return { shape, instance, steps: new Map(rows.map((row) => [row.step, row])) };
    });
}

/** Determines the end of a run; `open` while it goes on without an operator. The function is pure. */
export function endOf({ shape, steps }: Run): End {
  const states = shape.steps.map(({ name }) => steps.get(name));
  if (states.some((row) => row?.stuck != null || row?.state === 'stuck')) return 'stuck';
  if (states.every((row) => row?.state === 'applied')) return 'completed';
  const withoutEffect = states.every((row) => row === undefined || WITHOUT_EFFECT.has(row.state));
  // The run began: the first step has decided something.
  return withoutEffect && states[0] !== undefined ? 'compensated' : 'open';
}

/** Finds runs that did not end, and steps that wait for an operator without a reason. */
export function findOpen(runs: readonly Run[]): readonly Finding[] {
  return runs.flatMap((run): Finding[] => {
    const end = endOf(run);
    const silent = [...run.steps.values()].filter(
      ({ state, stuck, reasonCode }) => state === 'stuck' && stuck === null && reasonCode === null,
    );
    return [
      ...silent.map(({ step }) => ({
        kind: 'stuck_silently',
        message: `step ${step} of ${nameOf(run)} waits for an operator without a reason`,
      })),
      ...(end === 'open' ? [{ kind: 'open', message: `${nameOf(run)} never ended: ${statesOf(run)}` }] : []),
    ];
  });
}

/** Finds runs that are neither undone before the pivot nor done after it, or ran out of order. */
export function findTorn(runs: readonly Run[]): readonly Finding[] {
  return runs.flatMap((run): Finding[] => {
    const { shape, steps } = run;
    const pivot = shape.steps.findIndex(({ kind }) => kind === 'pivot');
    const applied = shape.steps.map(({ name }) => steps.get(name)?.state === 'applied');
    const undone = shape.steps.some(({ name }) =>
      ['undone', 'undo_pending', 'tombstoned'].includes(steps.get(name)?.state ?? ''),
    );
    return unmet(
      [applied[pivot] !== true || !undone, 'was undone although its pivot had happened'],
      [
        applied[pivot] !== true || !applied.slice(0, pivot).includes(false),
        'passed its pivot without the steps before it',
      ],
      [
        applied[pivot] === true || !applied.slice(pivot + 1).includes(true),
        'was done behind a pivot that had not happened',
      ],
    ).map((why) => ({ kind: 'torn', message: `${nameOf(run)} ${why}: ${statesOf(run)}` }));
  });
}

/** Finds steps of runs that were never started. */
export function findUnstarted(runs: readonly Run[], fences: readonly FenceRow[]): readonly Finding[] {
  const known = new Set(runs.map(({ shape, instance }) => `${shape.name} ${instance}`));
  return fences
    .filter(({ saga, instance }) => !known.has(`${saga} ${instance}`))
    .map(({ saga, instance, step }) => ({
      kind: 'unstarted',
      message: `step ${step} of ${saga} ${instance} exists, and that saga was never started`,
    }));
}

export function nameOf({ shape, instance }: Run): string {
  return `${shape.name} ${instance}`;
}

function statesOf({ shape, steps }: Run): string {
  return shape.steps.map(({ name }) => `${name} ${steps.get(name)?.state ?? 'absent'}`).join(', ');
}
