import { readOverdueSchedules } from '@convergekit/reconcile/operate';
import { overdueAttention } from '../commands/reconcile/attention.ts';
import type { Finding } from './findings.ts';
import type { NamedExecutor } from './scan-outbox.ts';

/** Finds reconcilers of a database whose scheduled start no process makes. */
export async function scanSchedules({ name, executor }: NamedExecutor): Promise<readonly Finding[]> {
  const overdue = (await readOverdueSchedules(executor)) ?? [];
  return overdue.map((one): Finding => {
    const { text, next } = overdueAttention(one);
    return {
      alarm: 'reconcile_overdue',
      id: `schedule ${name} ${one.reconciler}`,
      fields: { database: name, ...one },
      text: `${one.reconciler}: ${text}: \`${next[0] ?? ''}\``,
    };
  });
}
