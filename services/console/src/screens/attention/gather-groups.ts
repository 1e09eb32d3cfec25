import { type AttentionBounds, type AttentionItem, isItem, readGroups } from '@convergekit/operate';
import { tryBroker } from '../../broker.ts';
import type { Gathered } from '../../databases.ts';
import type { ConsoleContext } from '../../screen.ts';

/** The time that home waits for the broker, in milliseconds: what the databases show must not wait for one that is down. */
const BROKER_MS = 3_000;

type Found = Gathered<AttentionItem>;

/** Finds what the broker alone knows of consumers. One that does not answer is named as unread. */
export async function gatherGroups(
  { databases, broker, clock }: Pick<ConsoleContext, 'databases' | 'broker' | 'clock'>,
  only: string | undefined,
  bounds: AttentionBounds,
): Promise<Found> {
  if (broker === undefined) return { rows: [], unread: [] };
  const end = new AbortController();
  const late = clock.sleep(BROKER_MS, end.signal).then(
    () => unread(`the broker did not answer within ${BROKER_MS / 1_000} s`),
    () => unread('ended'),
  );
  const asked = databases.all.filter(({ name }) => only === undefined || name === only);
  const answer = tryBroker(broker, (admin) => readGroups(admin, asked, { bounds, now: clock.now() })).then(
    ({ found, why }) => (why === null ? { rows: found.filter(isItem), unread: [] } : unread(why)),
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    end.abort();
  }
}

const unread = (reason: string): Found => ({ rows: [], unread: [{ database: 'the broker', reason }] });
