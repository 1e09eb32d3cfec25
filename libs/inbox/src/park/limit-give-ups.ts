import { type Executor, withTransaction } from '@convergekit/postgres';
import { GIVE_UP_LIMIT } from '../alarms.ts';
import type { DeadLetter } from '../attempt/dead-letter.ts';
import type { SliceContext } from '../slice/context.ts';
import { haltPartitions } from '../slice/fence-sql.ts';
import { type GiveUpRefused, ownStatement, SliceFault } from '../slice/fault.ts';
import { countsAsFault, giveUpRulesOf, mayGiveUp } from './give-up-rules.ts';
import { countGivenUp } from './given-up-sql.ts';

/** Throws `give_up_limit` when faults would exceed an hour's limit. Before a parked event or key is locked. */
export async function limitGiveUps<DB>(
  { definition, policyOf }: SliceContext<DB>,
  executor: Executor,
  reported: readonly DeadLetter[],
): Promise<void> {
  const faults = reported.filter(countsAsFault);
  for (const deadLetter of faults) {
    const rules = giveUpRulesOf(policyOf(deadLetter.handler));
    if (rules.perHour === 'unbounded') continue;
    const given = await ownStatement('give_up', () => countGivenUp(executor, definition.name));
    const wanted = faults.length;
    if (!mayGiveUp(given, wanted, rules))
      throw new SliceFault({ kind: 'give_up_limit', deadLetter, wanted, perHour: rules.perHour });
  }
}

/**
 * Pauses all partitions of the consumer that run, in place of giving up one more event. They stay so until an operator
 * resumes them. The transaction is one of its own: that of the event was rolled back. So it counts again, and pauses nothing where an
 * operator has let as many again be given up since.
 */
export async function pauseForFaults<DB>(
  {
    definition: { name },
    database,
    clock,
    log,
  }: Pick<SliceContext<DB>, 'definition' | 'database' | 'clock' | 'log'>,
  refused: GiveUpRefused,
): Promise<void> {
  const reason = pauseReason(name, refused);
  const halted = await withTransaction(database, { clock }, async (tx) => {
    // The partitions are locked before the count, as in the transaction of an event.
    const found = await haltPartitions(tx, { consumer: name }, { code: GIVE_UP_LIMIT, reason });
    if (mayGiveUp(await countGivenUp(tx, name), refused.wanted, refused)) throw new LimitRaised();
    return found;
  }).catch((error: unknown) => {
    if (error instanceof LimitRaised) return [];
    throw error;
  });
  if (halted.length > 0) log.error({ alarm: GIVE_UP_LIMIT, partitions: halted.length }, reason);
}

/** Rolls the pause back. */
class LimitRaised extends Error {}

function pauseReason(consumer: string, { deadLetter, perHour }: GiveUpRefused): string {
  const { handler, failure } = deadLetter;
  return `${perHour} events were given up within an hour for a bug, a structural failure or refused data, the most that giveUp.perHour of the policy allows, and ${failure.code} in handler ${handler} would be one more: each is compensated by other services, so the consumer pauses instead. The events wait. Fix the cause and deploy it, then \`converge consumers resume ${consumer} --reason "…"\`: they are tried again. Until the hour is over, one that still fails pauses it anew; with --continue as many again are given up`;
}
