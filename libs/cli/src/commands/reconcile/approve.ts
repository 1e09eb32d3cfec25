import { approveRepairs } from '@convergekit/reconcile/operate';
import { command } from '../../frame/command.ts';
import { refused } from '../../frame/errors.ts';
import { count, needed, reason as why, span } from '../../frame/flags.ts';
import { formatMs } from '../../frame/output.ts';
import { result } from '../../frame/result.ts';
import { findReconciler, nameArgument } from './find-reconciler.ts';

const HOUR_MS = 3_600_000;

/** The number is a cap: after it the next repair is held again. */
export const approveCommand = command({
  name: 'approve',
  summary: 'approve repairs that are held because too many are due, up to a number and a time',
  args: nameArgument,
  flags: {
    repairs: needed(count('repairs', 'the cap: the next one is held again')),
    reason: why('why: it is kept in the audit'),
    for: span('the approval ends after this time (default: 1h)'),
  },
  run: async (context, { name, repairs, reason, for: forMs = HOUR_MS }) => {
    const { executor } = await findReconciler(context, name);
    const by = context.operator;
    const approved = await approveRepairs(executor, { reconciler: name, repairs, forMs, by, reason });
    if (approved === null)
      throw refused(
        'NOTHING_HELD',
        `nothing was changed: no repair of ${name} is held. \`converge reconcile diff ${name}\` shows what differs`,
      );
    context.audit({ reconciler: name, repairs, until: approved.until, reason });
    return result({ reconciler: name, repairs, by, reason, ...approved }, () => [
      `${name}: ${repairs} repairs approved for ${formatMs(forMs)}, until ${approved.until.toISOString()}, by ${by}: ${reason}`,
      `held was: ${approved.held}`,
    ]);
  },
});
