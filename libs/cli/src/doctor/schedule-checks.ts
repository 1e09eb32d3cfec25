import type { OverdueSchedule } from '@convergekit/reconcile/operate';
import { overdueAttention } from '../commands/reconcile/attention.ts';
import type { Finding } from './findings.ts';

/** Reports reconcilers whose scheduled start no process makes; undefined: the login may not read them. Pure. */
export function checkSchedules(overdue: readonly OverdueSchedule[] | undefined): readonly Finding[] {
  if (overdue === undefined)
    return [
      {
        check: 'reconcilers',
        verdict: 'ok',
        text: 'their schedules were not looked at: this login may not read them (role read)',
      },
    ];
  return overdue.map((one): Finding => {
    const { text, next } = overdueAttention(one);
    return {
      check: 'alarm reconcile_overdue',
      verdict: 'warn',
      text: `${one.reconciler}: ${text}`,
      next: next.join('; '),
    };
  });
}
