import type { ReconcilerStatus } from '@convergekit/reconcile/operate';
import { counted } from '../text.ts';

/** What an operator must know about a reconciler, and the commands that come next. */
export interface Attention {
  readonly text: string;
  readonly next: readonly string[];
}

/** Lists what is open for an operator: a pause, held repairs, an overdue schedule. Pure. */
export function attentionOf(status: ReconcilerStatus): readonly Attention[] {
  return [pausedOf(status), heldOf(status), overdueOf(status)].filter((one) => one !== undefined);
}

/** The lines of a reconciler's attention, each with its next commands. */
export function attentionLines(status: ReconcilerStatus): readonly string[] {
  return attentionOf(status).flatMap(({ text, next }) => [
    `${status.name}: ${text}`,
    ...next.map((one) => `  next: ${one}`),
  ]);
}

function pausedOf({ name, paused }: ReconcilerStatus): Attention | undefined {
  if (paused === null) return undefined;
  return {
    text: `paused since ${paused.at.toISOString()} by ${paused.by}: ${paused.reason}`,
    next: [`converge reconcile resume ${name}`],
  };
}

function heldOf({ name, held, keys }: ReconcilerStatus): Attention | undefined {
  if (held === null) return undefined;
  const { pending } = keys;
  return {
    text: `held since ${held.at.toISOString()}: ${held.reason}; ${counted(pending, 'key waits', 'keys wait')} with a drift`,
    next: [
      `converge reconcile diff ${name}`,
      `converge reconcile approve ${name} --repairs ${Math.max(pending, 1)} --reason …   (if the diff is right; else restore desired)`,
    ],
  };
}

/** Describes a schedule whose start was not made: who should have made it, and the next command. */
export function overdueOf({
  name,
  overdueSince,
  leader,
  lastCompletedAt,
}: Pick<ReconcilerStatus, 'name' | 'overdueSince' | 'leader' | 'lastCompletedAt'>): Attention | undefined {
  if (overdueSince === null) return undefined;
  const last =
    lastCompletedAt === null
      ? 'no run was ever completed'
      : `the last completed run began at ${lastCompletedAt.toISOString()}`;
  const start = `the start of ${overdueSince.toISOString()} was not made; ${last}`;
  return leader === null
    ? {
        text: `${start}; no process runs it`,
        next: [
          'converge reconcile run   (start a process)',
          `converge reconcile pause ${name} --reason …   (if it is not to run)`,
        ],
      }
    : {
        text: `${start}; ${leader} leads it and does not start it`,
        next: [`converge reconcile history ${name}`, 'look at the log of that process'],
      };
}
