import { systemClock } from '@convergekit/core';
import type { Admin, LogEnds } from '@convergekit/broker/engine';
import type { Executor } from '@convergekit/postgres';
import type { Operator } from '@convergekit/postgres/operate';
import { relayMigrations } from '@convergekit/relay';
import { readTopic, recordAcceptance, requestAcceptance, type TopicRecord } from '@convergekit/relay/operate';
import { command } from '../../frame/command.ts';
import type { CommandContext } from '../../frame/context.ts';
import { refused, UsageError } from '@convergekit/operate/errors';
import { argument, asks, dryRun, reason as why, texts, toggle, type Values } from '../../frame/flags.ts';
import type { Output } from '../../frame/output.ts';
import { result, type Result } from '../../frame/result.ts';
import { acceptRecreated } from './forget.ts';

const args = {
  topic: argument('a topic that the relay halted with PARTITION_COUNT_CHANGED or TOPIC_RECREATED'),
};
const flags = {
  group: texts('name', 'consumer groups that read it: the command waits for them'),
  force: toggle('wait for no group: keys that move lose their order across the change'),
  madeAgain: toggle('instead: it was deleted and created again; continue behind what was acknowledged'),
  reason: why('why: it is kept in the audit'),
  ...dryRun,
  ...asks,
};

/** Lets the relay continue with a topic that changed at the broker. */
export const acceptCommand = command({
  name: 'accept',
  summary:
    'continue with a topic that got more partitions (drained, read to its end, switched), or was created again',
  args,
  flags,
  run: (context, input) =>
    input.madeAgain ? acceptRecreated(context, input) : acceptPartitions(context, input),
});

interface Change {
  readonly topic: string;
  readonly before: number;
  readonly after: number;
}

const LOOK_MS = 250;

/**
 * Lets a topic continue with another number of partitions. It waits three times, and each wait can be interrupted and
 * repeated: for the hold, for the relay to send what it read with the old count, for the groups to read to the log's end.
 */
async function acceptPartitions(
  context: CommandContext,
  { topic, group, force, reason, dryRun: dry }: Values<typeof args & typeof flags>,
): Promise<Result> {
  if (group.length === 0 && !force)
    throw new UsageError(
      'GROUPS_MISSING',
      `name the groups that read ${topic} with --group: keys move to other partitions, and a group that still has to read the old ones would see them out of order. --force gives up that order`,
    );
  const groups = [...new Set(group)];
  const { output } = context;
  const { executor } = await context.database(relayMigrations);
  const admin = await context.admin();
  const change = await changeOf(executor, admin, topic);
  if (change === undefined)
    return result({ topic, changed: false }, () => [`${topic}: the count on record is the broker's`]);
  if (dry) {
    const lags = await lagsOfAll(admin, topic, groups);
    return result({ ...change, groups, lags, dryRun: true }, () => [describe(change), ...lags.map(lagText)]);
  }
  output.progress(describe(change));
  await context.confirm(`Accept ${change.after} partitions for ${topic}?`);
  await drain(executor, output, change);
  if (!force) await untilRead(admin, output, topic, groups);
  await record(executor, admin, change, { by: context.operator, reason });
  context.audit({ ...change, groups, force, reason });
  return result({ ...change, groups, force, changed: true }, () => [
    `${topic} continues with ${change.after} partitions${force ? '; order was not kept across the change for groups that had not read to its end' : ''}`,
  ]);
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
async function drain(executor: Executor, output: Output, { topic, after }: Change): Promise<void> {
  await patiently(output, `the relay to halt ${topic} (one must run: \`converge relay\`)`, () =>
    requestAcceptance(executor, topic, after),
  );
  await patiently(output, `the relay to send what it read of ${topic} with the old count`, async () =>
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
  output: Output,
  topic: string,
  groups: readonly string[],
): Promise<void> {
  let readAt = 0;
  let shown = '';
  await patiently(output, `${groups.join(', ')} to read ${topic} to its end`, async () => {
    const lags = await lagsOfAll(admin, topic, groups);
    const lines = lags.map(lagText).join('; ');
    if (lines !== shown && lines !== '') output.progress(lines);
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

async function patiently(output: Output, what: string, look: () => Promise<boolean>): Promise<void> {
  let waiting = false;
  while (!(await look())) {
    if (!waiting)
      output.progress(
        `waiting for ${what}; Ctrl-C stops the wait, and running the command again continues it`,
      );
    waiting = true;
    await systemClock.sleep(LOOK_MS);
  }
}

const notNow = (text: string) => refused('ACCEPT_REFUSED', text, 'service');
