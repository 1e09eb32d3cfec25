import type { Reconciler } from '@convergekit/reconcile';
import { type Differences, diffKeys } from '@convergekit/reconcile/operate';
import type { CommandContext } from '../../frame/context.ts';
import { type Result, result } from '../../frame/result.ts';
import { differenceLines } from './diff-text.ts';
import { openDeclared } from './open-declared.ts';

/** Keys of each reconciler that are printed at most. */
const LIMIT = 100;

/** Prints what each reconciler would find, and writes nothing. */
export async function dryRunOf(context: CommandContext, reconcilers: readonly Reconciler[]): Promise<Result> {
  const found: Record<string, Differences> = {};
  for (const declared of reconcilers)
    found[declared.name] = await diffKeys(await openDeclared(context, declared), { limit: LIMIT });
  const all = Object.entries(found);
  return result(
    found,
    () => all.flatMap(([name, one]) => [`${name}:`, ...differenceLines(one).map((line) => `  ${line}`)]),
    all.every(([, { keys, unknown }]) => keys.length === 0 && unknown.length === 0),
  );
}
