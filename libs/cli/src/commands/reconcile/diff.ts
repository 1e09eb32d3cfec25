import { diffKeys } from '@convergekit/reconcile/operate';
import { command } from '../../frame/command.ts';
import { count, optionalArgument } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { differenceLines } from './diff-text.ts';
import { moduleFlag, openNamed, reconcilerArgument } from './open-declared.ts';

/** Exits with 1 where a key is not in sync, as `diff` does. */
export const diffCommand = command({
  name: 'diff',
  summary: 'compare keys field by field: desired, actual, last written; writes nothing',
  args: { ...reconcilerArgument, key: optionalArgument('one key (default: all that differ)') },
  flags: { limit: count('keys', 'stop after so many keys that differ', 20), ...moduleFlag },
  run: async (context, { key, limit, ...which }) => {
    const found = await diffKeys(await openNamed(context, which), { key, limit });
    const agree = found.unknown.length === 0 && found.keys.every(({ verdict }) => verdict === 'in_sync');
    return result(found, () => differenceLines(found), agree);
  },
});
