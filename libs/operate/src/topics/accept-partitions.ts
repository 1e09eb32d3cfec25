import type { Admin, LogEnds } from '@convergekit/broker/engine';
import type { Clock } from '@convergekit/core';
import type { Executor } from '@convergekit/postgres';
import type { Operator } from '@convergekit/postgres/operate';
import { readTopic, recordAcceptance, requestAcceptance, type TopicRecord } from '@convergekit/relay/operate';
import { refused, UsageError } from '../host/errors.ts';
import type { Acting, Outcome, Preview } from '../registry/act.ts';
import type { Reads } from '../registry/reads.ts';
import { oneSource } from '../source/one-source.ts';
import { withAdmin } from '../registry/reads.ts';

/** What an operator gives for another number of partitions. */
export interface Given {
  readonly topic: string;
  readonly group: readonly string[];
  readonly force: boolean;
}

interface Change {
  readonly topic: string;
  readonly before: number;
  readonly after: number;
}

const LOOK_MS = 250;

const groupsOf = ({ topic, group, force }: Given): readonly string[] => {
  if (group.length === 0 && !force)
    throw new UsageError(
      'GROUPS_MISSING',
      `name the groups that read ${topic} with --group: keys move to other partitions, and a group that still has to read the old ones would see them out of order. --force gives up that order`,
    );
  return [...new Set(group)];
};

/** Previews another number of partitions. Without a change nothing is eligible. */
export async function previewPartitions(reads: Reads, given: Given): Promise<Preview> {
  const groups = groupsOf(given);
  const { executor } = await oneSource(reads);
  const { change, lags } = await withAdmin(reads, async (admin) => ({
    change: await changeOf(executor, admin, given.topic),
    lags: await lagsOfAll(admin, given.topic, groups),
  }));
  return {
    eligible: change === undefined ? 0 : 1,
    unit: 'topic',
    others: [],
    effect:
      change === undefined
        ? `${given.topic}: the count on record is the broker's.`
        : `The relay continues with ${change.after} partitions once the groups have read the old ones.`,
    refusal: 'ACCEPT_REFUSED',
    notes: change === undefined ? [] : [describe(change), ...lags.map(lagText)],
    things: () => Promise.resolve({ rows: { ...change, groups, lags, dryRun: true }, lines: [] }),
  };
}

/**
 * Lets a topic continue with another number of partitions. It waits three times, and each wait can be interrupted and
 * repeated: for the hold, for the relay to send what it read with the old count, for the groups to read to the log's end.
 */
export async function acceptPartitions(reads: Reads, given: Given, acting: Acting): Promise<Outcome> {
  const { topic, force } = given;
  const groups = groupsOf(given);
  const { executor } = await oneSource(reads);
  return withAdmin(reads, async (admin) => {
    const change = await changeOf(executor, admin, topic);
    if (change === undefined)
      return {
        text: `${topic}: the count on record is the broker's`,
        changed: 0,
        value: { topic, changed: false },
      };
    const waits: Waits = { ...acting, clock: reads.clock };
    await drain(executor, waits, change);
    if (!force) await untilRead(admin, waits, topic, groups);
    await record(executor, admin, change, acting);
    return {
      text: `${topic} continues with ${change.after} partitions${force ? '; order was not kept across the change for groups that had not read to its end' : ''}`,
      changed: 1,
      value: { ...change, groups, force, changed: true },
    };
  });
}

async function changeOf(executor: Executor, admin: Admin, topic: string): Promise<Change | undefined> {
  const [found, described] = [await readTopic(executor, topic), await admin.describeTopic(topic)];
  if (found?.partitions === undefined)
    throw notNow(
      `the relay of this database has no partition count of ${topic} on record: it has sent nothing to it yet`,
    );
  if (described === undefined) throw notNow(`the broker has no topic ${topic}`);
  if (described.partitions === found.partitions) return undefined;
  if (described.partitions < found.partitions)
    throw notNow(
      `${topic} has ${described.partitions} partitions and ${found.partitions} on record: a topic cannot lose partitions, so it was created again, with an empty log. Create it again with ${found.partitions}, or publish to another topic`,
    );
  return { topic, before: found.partitions, after: described.partitions };
}

const describe = ({ topic, before, after }: Change): string =>
  `${topic}: ${before} partitions on record, ${after} at the broker; about ${Math.round(100 * (1 - before / after))} % of its keys move`;

/** Waits until the leader has sent every window that may use the old count. */
async function drain(executor: Executor, waits: Waits, { topic, after }: Change): Promise<void> {
  await patiently(waits, `the relay to halt ${topic} (one must run: \`converge relay\`)`, () =>
    requestAcceptance(executor, topic, after),
  );
  await patiently(waits, `the relay to send what it read of ${topic} with the old count`, async () =>
    isDrained(await readTopic(executor, topic)),
  );
}

function isDrained(found: TopicRecord | undefined): boolean {
  if (found?.wanted === undefined)
    throw notNow(
      'another operator accepted the count, or the topic flows again with the old one: look with `converge outbox stats`',
    );
  return found.drainTo !== undefined && found.heldAt !== undefined && found.heldAt > found.drainTo;
}

/** Waits for the groups. The log ends here while the topic is held; two looks see a produce in flight at the hold. */
async function untilRead(
  admin: Admin,
  waits: Waits,
  topic: string,
  groups: readonly string[],
): Promise<void> {
  let readAt = 0;
  let shown = '';
  await patiently(waits, `${groups.join(', ')} to read ${topic} to its end`, async () => {
    const lags = await lagsOfAll(admin, topic, groups);
    const lines = lags.map(lagText).join('; ');
    if (lines !== shown && lines !== '') waits.report(0, 1, lines);
    shown = lines;
    readAt = lags.length === 0 ? readAt + 1 : 0;
    return readAt >= 2;
  });
}

async function lagsOfAll(
  admin: Admin,
  topic: string,
  groups: readonly string[],
): Promise<readonly GroupLag[]> {
  const ends = await admin.logEnds(topic);
  const lags: GroupLag[] = [];
  for (const group of groups) lags.push(...lagsOf(group, await admin.committed(group, topic), ends));
  return lags;
}

interface GroupLag {
  readonly group: string;
  readonly partition: number;
  readonly committed: bigint | undefined;
  readonly end: bigint;
}

/** The partitions in which a group has not read to the log's end. An empty partition has no lag. Pure. */
function lagsOf(
  group: string,
  committed: ReadonlyMap<number, bigint>,
  ends: readonly LogEnds[],
): readonly GroupLag[] {
  return ends
    .filter(
      ({ partition, earliest, latest }) => latest > earliest && (committed.get(partition) ?? -1n) < latest,
    )
    .map(({ partition, latest }) => ({ group, partition, committed: committed.get(partition), end: latest }));
}

const lagText = ({ group, partition, committed, end }: GroupLag): string =>
  `group ${group}, partition ${partition}: ${committed === undefined ? 'nothing committed (its consumer commits its position when it runs)' : `at ${committed}`} of ${end}`;

async function record(
  executor: Executor,
  admin: Admin,
  { topic, after }: Change,
  by: Operator,
): Promise<void> {
  const described = await admin.describeTopic(topic);
  if (described?.partitions !== after)
    throw notNow(`${topic} has ${described?.partitions ?? 'no'} partitions by now: run the command again`);
  if (!(await recordAcceptance(executor, topic, after, by)))
    throw notNow(`the hold of ${topic} changed meanwhile: run the command again`);
}

/** The circumstances of a wait. */
type Waits = Pick<Acting, 'report' | 'signal'> & { readonly clock: Clock };

async function patiently(
  { report, signal, clock }: Waits,
  what: string,
  look: () => Promise<boolean>,
): Promise<void> {
  let waiting = false;
  while (!(await look())) {
    if (signal.aborted)
      throw notNow(`it was stopped while it waited for ${what}: the same act again continues the wait`);
    if (!waiting)
      report(0, 1, `waiting for ${what}; a stop ends the wait, and the same act again continues it`);
    waiting = true;
    await clock.sleep(LOOK_MS, signal);
  }
}

const notNow = (text: string) => refused('ACCEPT_REFUSED', text);
