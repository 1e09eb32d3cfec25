import { readAudit } from '@convergekit/reconcile/operate';
import { command } from '../../frame/command.ts';
import { count, optionalArgument } from '../../frame/flags.ts';
import { listing } from '../../frame/result.ts';
import { findReconciler, nameArgument } from './find-reconciler.ts';

/** With --json each row has both states, the drift and the state after a repair. */
export const auditCommand = command({
  name: 'audit',
  summary: 'repairs, and verdicts that were no repair, the newest first, with their states',
  args: { ...nameArgument, key: optionalArgument('one key (default: all)') },
  flags: { limit: count('rows', 'the newest rows', 50) },
  run: async (context, { name, key, limit }) => {
    const { executor } = await findReconciler(context, name);
    const rows = await readAudit(executor, name, { key, limit });
    return listing(rows, 'no rows: nothing was repaired, and no verdict was recorded', {
      at: ({ at }) => at,
      key: (row) => row.key,
      verdict: ({ verdict }) => verdict,
      before: ({ before }) => stateText(before),
      after: ({ after }) => stateText(after),
      why: ({ why }) => why,
      cause: ({ cause }) => cause,
      by: ({ actor }) => actor,
    });
  },
});

function stateText(state: unknown): string | null {
  return state === null ? null : JSON.stringify(state);
}
