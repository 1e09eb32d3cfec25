import {
  approveRepairs,
  pauseReconciler,
  readStatus,
  resumeReconciler,
  retryKeys,
} from '@convergekit/reconcile/operate';
import { reportLastActs } from '../../frame/last-acts.ts';
import { command } from '../../frame/command.ts';
import { refused, UsageError } from '@convergekit/operate/errors';
import { count, reason as why, someArguments, span, text, texts, toggle } from '../../frame/flags.ts';
import { formatMs } from '@convergekit/operate/text';
import { result } from '../../frame/result.ts';
import {
  moduleFlag,
  nameArgument,
  openNamed,
  reconcilerToActOn,
  reconcilerArgument,
} from './find-reconciler.ts';

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
    const { executor } = await reconcilerToActOn(context, name);
    const by = context.operator;
    const approved = await approveRepairs(executor, {
      reconciler: name,
      repairs,
      keys,
      forMs,
      by,
      reason,
    });
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

/** The only way back, besides a new event, for a key that is left to an operator: its counters start again. */
export const retryCommand = command({
  name: 'retry',
  summary: 'compare keys again before all others, also those that are left to an operator',
  args: { ...reconcilerArgument, keys: someArguments('as `reconcile audit` shows them') },
  flags: { reason: why('why: it is the cause in the audit'), ...moduleFlag },
  run: async (context, { keys, reason, ...which }) => {
    const { executor, declared } = await openNamed(context, which);
    await reportLastActs(context, executor, [declared.name], 'reconciler');
    const by = context.operator;
    await retryKeys(executor, declared.name, keys, { by, reason });
    context.audit({ reconciler: declared.name, keys, reason });
    return result({ reconciler: declared.name, keys, by, reason }, () =>
      keys.map((key) => `${key}: compared next`),
    );
  },
});

/** Takes effect in every process within one poll, and survives restarts. A key that is being repaired is finished. */
export const pauseCommand = command({
  name: 'pause',
  summary: 'pause a reconciler in all processes, until it is resumed: no run, and no key is compared',
  args: nameArgument,
  flags: { reason: why('why: it is shown until the reconciler is resumed') },
  run: async (context, { name, reason }) => {
    const { executor } = await reconcilerToActOn(context, name);
    const by = context.operator;
    if (!(await pauseReconciler(executor, name, { by, reason }))) {
      const [status] = await readStatus(executor, name);
      throw refused(
        'RECONCILER_PAUSED',
        `${name} is paused already, by ${status?.paused?.by ?? 'another operator'} (${status?.paused?.reason ?? 'resumed a moment ago'}): nothing was changed`,
      );
    }
    context.audit({ reconciler: name, reason });
    return result({ paused: name, by, reason }, () => [
      `${name}: paused; reported keys wait. \`converge reconcile resume ${name}\` continues it`,
    ]);
  },
});

export const resumeCommand = command({
  name: 'resume',
  summary: 'resume a paused reconciler: keys that wait first, then its schedule from the next start',
  args: nameArgument,
  flags: { reason: text('text', 'why: it is kept in the audit') },
  run: async (context, { name, reason = 'the pause is over' }) => {
    const { executor } = await reconcilerToActOn(context, name);
    if (!(await resumeReconciler(executor, name, { by: context.operator, reason })))
      throw refused(
        'RECONCILER_NOT_PAUSED',
        `${name} is not paused: nothing was changed. Repairs that are held need an operator's approval`,
      );
    context.audit({ reconciler: name, reason });
    return result({ resumed: name, by: context.operator }, () => [
      `${name}: resumed; starts of the pause are not made up for: \`converge reconcile run ${name} --now\` runs it at once`,
    ]);
  },
});
