import { retryKeys } from '@convergekit/reconcile/operate';
import { command } from '../../frame/command.ts';
import { reason as why, someArguments } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { moduleFlag, openNamed, reconcilerArgument } from './open-declared.ts';

/** The only way back, besides a new event, for a key that is left to an operator: its counters start again. */
export const retryCommand = command({
  name: 'retry',
  summary: 'compare keys again before all others, also those that are left to an operator',
  args: { ...reconcilerArgument, keys: someArguments('as `reconcile audit` shows them') },
  flags: { reason: why('why: it is the cause in the audit'), ...moduleFlag },
  run: async (context, { keys, reason, ...which }) => {
    const { executor, declared } = await openNamed(context, which);
    const by = context.operator;
    await retryKeys(executor, declared.name, keys, { actor: by, reason });
    context.audit({ reconciler: declared.name, keys, reason });
    return result({ reconciler: declared.name, keys, by, reason }, () =>
      keys.map((key) => `${key}: compared next`),
    );
  },
});
