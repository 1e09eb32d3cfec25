import { approveRepairs } from '@convergekit/reconcile/operate';
import { command } from '../../frame/command.ts';
import { refused, UsageError } from '../../frame/errors.ts';
import { count, reason as why, span, texts, toggle } from '../../frame/flags.ts';
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
    repairs: count('repairs', 'the cap: the next one is held again'),
    key: texts('key', 'approve the repair of this key, and of no other that is not named'),
    reason: why('why: it is kept in the audit'),
    for: span('the approval ends after this time (default: 1h)'),
    yes: toggle('accepted for scripts: the cap and the reason are the confirmation, nothing is asked'),
  },
  run: async (context, { name, repairs: cap, key: named, reason, for: forMs = HOUR_MS }) => {
    const keys = named.length === 0 ? undefined : [...new Set(named)];
    const repairs = cap ?? keys?.length;
    if (repairs === undefined)
      throw new UsageError(
        'APPROVAL_WITHOUT_CAP',
        `nothing was changed: give --repairs <repairs>, or the keys as --key <key>; \`converge reconcile diff ${name}\` shows them`,
      );
    const { executor } = await findReconciler(context, name);
    const by = context.operator;
    const approved = await approveRepairs(executor, { reconciler: name, repairs, keys, forMs, by, reason });
    if (approved === null)
      throw refused(
        'NOTHING_HELD',
        `nothing was changed: no repair of ${name} is held. \`converge reconcile diff ${name}\` shows what differs`,
      );
    context.audit({ reconciler: name, repairs, keys, until: approved.until, reason });
    const of = keys === undefined ? '' : ` (${keys.join(', ')})`;
    return result({ reconciler: name, repairs, keys, by, reason, ...approved }, () => [
      `${name}: ${repairs} repairs${of} approved for ${formatMs(forMs)}, until ${approved.until.toISOString()}, by ${by}: ${reason}`,
      `held was: ${approved.held}`,
    ]);
  },
});
