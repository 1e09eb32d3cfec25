import { resumeReconciler } from '@convergekit/reconcile/operate';
import { command } from '../../frame/command.ts';
import { refused } from '../../frame/errors.ts';
import { text } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { findReconciler, nameArgument } from './find-reconciler.ts';

export const resumeCommand = command({
  name: 'resume',
  summary: 'resume a paused reconciler: keys that wait first, then its schedule from the next start',
  args: nameArgument,
  flags: { reason: text('text', 'why: it is kept in the audit') },
  run: async (context, { name, reason = 'the pause is over' }) => {
    const { executor } = await findReconciler(context, name);
    if (!(await resumeReconciler(executor, name, { actor: context.operator, reason })))
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
