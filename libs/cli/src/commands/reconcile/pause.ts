import { pauseReconciler, readStatus } from '@convergekit/reconcile/operate';
import { command } from '../../frame/command.ts';
import { refused } from '../../frame/errors.ts';
import { reason as why } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { findReconciler, nameArgument } from './find-reconciler.ts';

/** Takes effect in every process within one poll, and survives restarts. A key that is being repaired is finished. */
export const pauseCommand = command({
  name: 'pause',
  summary: 'pause a reconciler in all processes, until it is resumed: no run, and no key is compared',
  args: nameArgument,
  flags: { reason: why('why: it is shown until the reconciler is resumed') },
  run: async (context, { name, reason }) => {
    const { executor } = await findReconciler(context, name);
    const by = context.operator;
    if (!(await pauseReconciler(executor, name, { actor: by, reason }))) {
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
