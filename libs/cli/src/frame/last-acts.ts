import type { Executor } from '@convergekit/postgres';
import type { SubjectKind } from '@convergekit/postgres/operate';
import type { CommandContext } from '../frame/context.ts';
import { describeAct, readLastActs } from '@convergekit/operate';

/** Reports what operators last did to these things: the answer to an act before may have been lost. */
export async function reportLastActs(
  { output }: Pick<CommandContext, 'output'>,
  executor: Executor,
  named: readonly string[],
  kind?: SubjectKind,
): Promise<void> {
  for (const act of await readLastActs(executor, named, kind)) {
    const { subject, what } = describeAct(act);
    output.progress(`last act on ${subject}: ${act.by} ${what} at ${act.at}: ${act.reason}`);
  }
}
