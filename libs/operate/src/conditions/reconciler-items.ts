import { shellWord } from '@convergekit/core/engine';
import type { LateKeys, ReconcilerStatus } from '@convergekit/reconcile/operate';
import { counted } from '../text.ts';
import { BURST, FORGOTTEN_MS } from './bounds.ts';
import { type FoundCondition, HERE, page } from './found.ts';
import { overdueOf } from './reconciler-text.ts';

const seeDrift = (name: string) => page('See the drift', `/drift/${HERE}/${encodeURIComponent(name)}`);

/** Lists held repairs, starts that were not made, and keys left to an operator (pure), and pauses: one may be meant to last. */
export function reconcilerItems(statuses: readonly ReconcilerStatus[]): readonly FoundCondition[] {
  return statuses.flatMap((status) => {
    const { name, held, paused, overdueSince, leader, keys } = status;
    const common = { about: { reconciler: name }, page: seeDrift(name) } as const;
    // A diff needs the modules of the user, which an operator may not have.
    const next = `converge reconcile show ${shellWord(name)}`;
    const found: FoundCondition[] = [];
    if (held !== null) {
      const text = `${name} is held: ${held.reason}; ${counted(keys.pending, 'key waits', 'keys wait')} with a drift`;
      found.push({ ...common, severity: 'act', alarm: 'reconcile_held', text, since: held.at, next });
    }
    const burst = burstOf(status);
    if (burst !== undefined) found.push({ ...common, ...burst });
    const overdue = overdueOf(status);
    if (overdue !== undefined)
      found.push({
        ...common,
        severity: 'watch',
        alarm: 'reconcile_overdue',
        text: `${name}: ${overdue.text}`,
        since: overdueSince,
        next: overdue.next.join('; '),
      });
    if (keys.terminal > 0) {
      const text = `${name} leaves ${counted(keys.terminal, 'key', 'keys')} to an operator`;
      found.push({
        ...common,
        severity: 'act',
        alarm: 'reconcile_unresolvable',
        text,
        since: null,
        next: `converge reconcile audit ${shellWord(name)}`,
      });
    }
    if (paused !== null)
      found.push({
        ...common,
        severity: 'watch',
        state: 'paused',
        page: page('See the schedule', '/schedules', { database: HERE, name }),
        alarm: 'reconcile_paused',
        text: `${name} is paused by ${paused.by}: ${paused.reason}`,
        since: paused.at,
        next: `converge reconcile resume ${shellWord(name)}`,
      });
    if (paused === null && held === null && leader === null && overdueSince === null)
      found.push({
        ...common,
        alarm: 'reconcile_unled',
        severity: 'note',
        text: `no process runs ${name}`,
        since: null,
        next: 'converge reconcile run',
      });
    return found;
  });
}

/** Describes repairs in the mass that no limit holds, in the hour after the first of them (pure). */
function burstOf({ name, held, now, window }: ReconcilerStatus) {
  const { since, repairs, lastRunKeys } = window;
  if (held !== null || repairs <= BURST || now.getTime() - since.getTime() > FORGOTTEN_MS) return undefined;
  return {
    severity: 'watch',
    alarm: 'reconcile_burst',
    text: `${name} repaired ${repairs} keys since ${since.toISOString()} (its last run had ${lastRunKeys} keys)`,
    since,
    next: `converge reconcile audit ${shellWord(name)}`,
  } as const;
}

/** Lists keys that no worker takes, and drifts that wait for something else (pure). */
export function lateKeyItems(late: readonly LateKeys[]): readonly FoundCondition[] {
  return late.map(({ reconciler, due, waiting, reason, since }) => {
    const parts = [
      ...(due === 0 ? [] : [`${counted(due, 'key is', 'keys are')} due, and no worker takes them`]),
      ...(waiting === 0
        ? []
        : [`${counted(waiting, 'drift waits', 'drifts wait')}${reason === null ? '' : `: ${reason}`}`]),
    ];
    return {
      severity: 'watch',
      alarm: 'reconcile_keys_late',
      text: `${reconciler}: ${parts.join('; ')}`,
      since,
      next: `converge reconcile show ${shellWord(reconciler)}`,
      page: seeDrift(reconciler),
      about: { reconciler },
    } as const;
  });
}
