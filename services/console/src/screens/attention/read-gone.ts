import { type AttentionItem, isItem, readGone } from '@convergekit/operate';
import { readOverview } from '@convergekit/inbox/operate';
import { tryBroker } from '../../broker.ts';
import type { Gathered } from '../../databases.ts';
import { where } from '../../present-sql.ts';
import type { ConsoleContext } from '../../screen.ts';

/** The time that home waits for the broker, in milliseconds: what the databases show must not wait for one that is down. */
const BROKER_MS = 3_000;

type Gone = Gathered<AttentionItem>;

/** Finds consumers that lag and have no process in their group. A broker that does not answer is named as unread. */
export async function gatherGone(
  context: Pick<ConsoleContext, 'databases' | 'broker' | 'clock'>,
  only: string | undefined,
  ignored: readonly string[],
): Promise<Gone> {
  if (context.broker === undefined) return { rows: [], unread: [] };
  const end = new AbortController();
  const late = context.clock.sleep(BROKER_MS, end.signal).then(
    () => unread(`the broker did not answer within ${BROKER_MS / 1_000} s`),
    () => unread('ended'),
  );
  try {
    return await Promise.race([ask(context, only, ignored), late]);
  } finally {
    end.abort();
  }
}

const unread = (reason: string): Gone => ({ rows: [], unread: [{ database: 'the broker', reason }] });

async function ask(
  { databases, broker, clock }: Pick<ConsoleContext, 'databases' | 'broker' | 'clock'>,
  only: string | undefined,
  ignored: readonly string[],
): Promise<Gone> {
  // A database that cannot be read is named by what is read of it besides.
  const { rows } = await databases.gather(
    where('converge.inbox_partition', (executor) => readOverview(executor, undefined)),
    only,
  );
  const kept = rows.filter(({ consumer }) => !ignored.includes(consumer));
  if (kept.length === 0) return { rows: [], unread: [] };
  const { found, why } = await tryBroker(broker, (admin) => readGone(admin, kept, clock.now()));
  return why === null ? { rows: found.filter(isItem), unread: [] } : unread(why);
}
