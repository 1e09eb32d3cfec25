import { type Differences, diffKeys, type KeyDiff } from '@convergekit/reconcile/operate';
import type { Reconciler } from '@convergekit/reconcile';
import { command } from '../../frame/command.ts';
import { count, optionalArgument } from '../../frame/flags.ts';
import { result, type Result, tableOf } from '../../frame/result.ts';
import { moduleFlag, openDeclared, openNamed, reconcilerArgument } from './find-reconciler.ts';
import type { CommandContext } from '../../frame/context.ts';
import { counted } from '@convergekit/operate/text';

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

/** Keys of each reconciler that are printed at most. */
const LIMIT = 100;

/** Prints what each reconciler would find, and writes nothing. */
export async function dryRunOf(context: CommandContext, reconcilers: readonly Reconciler[]): Promise<Result> {
  const found: Record<string, Differences> = {};
  for (const declared of reconcilers)
    found[declared.name] = await diffKeys(await openDeclared(context, declared), {
      limit: LIMIT,
    });
  const all = Object.entries(found);
  return result(
    found,
    () => all.flatMap(([name, one]) => [`${name}:`, ...differenceLines(one).map((line) => `  ${line}`)]),
    all.every(([, { keys, unknown }]) => keys.length === 0 && unknown.length === 0),
  );
}

/** The lines of one key: its verdict, then a table of its fields. */
function keyLines({ key, verdict, mode, reason, drift, fields, waiting }: KeyDiff): readonly string[] {
  // Reasons of verdicts that are no drift begin with the verdict.
  const head = verdict === 'in_sync' || verdict === 'divergent' ? [verdict.replace('_', ' ')] : [];
  if (mode !== null) head.push(`mode ${mode}`);
  if (reason !== null) head.push(reason);
  const table = tableOf(fields, '', {
    field: ({ field }) => field ?? '(value)',
    desired: (one) => valueText(one.desired),
    actual: (one) => valueText(one.actual),
    'last written': (one) => valueText(one.lastWritten),
    '': ({ marks }) => marks.join(', '),
  });
  return [
    `${key}: ${head.join('; ')}`,
    ...(fields.length === 0 ? [] : table.map((line) => `  ${line.trimEnd()}`)),
    ...(drift === null ? [] : [`  drift: ${JSON.stringify(drift)}`]),
    ...(waiting === null ? [] : [`  ${waitingText(waiting)}`]),
  ];
}

/** The lines of all keys, with a last line that counts them. */
function differenceLines({ looked, more, unknown, keys }: Differences): readonly string[] {
  const differ = keys.filter(({ verdict }) => verdict !== 'in_sync').length;
  const sum = `${counted(looked, 'key', 'keys')} compared, ${differ} not in sync${more ? '; there may be more: raise --limit' : ''}`;
  return [...keys.flatMap(keyLines), ...unknown.map((why) => `unknown: ${why}`), sum];
}

export function waitingText({ state, reason, nextAt }: NonNullable<KeyDiff['waiting']>): string {
  const why = reason ?? 'not looked at yet';
  if (nextAt === null) return `${state}: ${why}; an operator must act`;
  return `${state}: ${why}; looked at again at ${nextAt.toISOString()}`;
}

/** A value of a side as compact JSON; `-` where the side has no such field. */
function valueText(value: unknown): string {
  return value === undefined ? '-' : JSON.stringify(value);
}
