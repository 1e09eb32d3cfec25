import type { Admin } from '@convergekit/broker';
import { nearest } from '@convergekit/config/engine';
import { failingConsumerOf } from '@convergekit/contracts/engine';
import type { PartitionOverview } from '@convergekit/inbox/operate';
import type { FoundCondition } from './found.ts';

type Read = Pick<PartitionOverview, 'consumer' | 'topic'> & { readonly database: string };

/**
 * Finds consumers whose failures others handle, and that neither run nor ever failed: a wrong name would be waited for without a
 * word. `partitions`: those of all consumers of the databases that are examined.
 */
export async function readAbsent(
  admin: Pick<Admin, 'describeTopic' | 'members' | 'logEnds'>,
  partitions: readonly Read[],
): Promise<readonly (FoundCondition & { readonly database: string })[]> {
  const known = [...new Set(partitions.map(({ consumer }) => consumer))];
  const found: (FoundCondition & { readonly database: string })[] = [];
  for (const [topic, [reader]] of Map.groupBy(partitions, (one) => one.topic)) {
    const failing = failingConsumerOf(topic);
    if (reader === undefined || failing === undefined || known.includes(failing)) continue;
    // The doctor reports a topic that does not exist under its own name.
    if ((await admin.describeTopic(topic)) === undefined || (await admin.members(failing)).length > 0)
      continue;
    if ((await admin.logEnds(topic)).some(({ latest }) => latest > 0n)) continue;
    found.push({ ...noteOf(reader, failing, known), database: reader.database });
  }
  return found;
}

function noteOf({ consumer }: Read, failing: string, known: readonly string[]): FoundCondition {
  const near = nearest(
    failing,
    known.filter((one) => one !== consumer),
  );
  const typo = near === undefined ? '' : `give ${near} to onFailure(…) if it is meant, or `;
  return {
    alarm: 'onfailure_unknown',
    severity: 'note',
    text: `${consumer} handles the failures of consumer ${failing}, which does not run and has no failure event: ${typo}start the service that runs it`,
    since: null,
    next: `converge consumers list ${consumer}`,
    about: { consumer },
  };
}
