import type { Admin } from '@convergekit/broker';
import type { Executor } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import {
  type Acceptance,
  readAcceptance,
  recordAcceptance,
  requestAcceptance,
} from '@convergekit/relay/operate';
import { systemClock } from '@convergekit/core';
import { audit } from '../../frame/audit.ts';
import { CliError } from '../../frame/cli-error.ts';
import { confirm } from '../../frame/confirm.ts';
import { withAdmin, withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { type GroupLag, lagsOf } from './group-lag.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import type { Output } from '../../frame/output.ts';

export interface AcceptFlags {
  readonly group?: readonly string[];
  readonly force?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

interface Change {
  readonly topic: string;
  readonly before: number;
  readonly after: number;
}

const LOOK_MS = 250;

/**
 * Lets a topic go on with another number of partitions. Three waits, each of which may be broken off and begun again:
 * for the hold, for the relay to send what it read with the old count, and for the groups to read up to the log's end.
 */
export async function acceptPartitions(
  { settings, output }: CommandContext,
  topic: string,
  flags: AcceptFlags,
): Promise<boolean> {
  const groups = groupsOf(topic, flags);
  return withDatabase(settings, 'converge-accept', async ({ executor }) => {
    await requireMigrations(executor, [relayMigrations]);
    return withAdmin(settings, async (admin) => {
      const change = await changeOf(executor, admin, topic);
      if (change === undefined) {
        output.result({ topic, changed: false }, () => [`${topic}: the count on record is the broker's`]);
        return true;
      }
      if (flags.dryRun === true) {
        const lags = await lagsOfAll(admin, topic, groups);
        output.result({ ...change, groups, lags, dryRun: true }, () => [
          describe(change),
          ...lags.map(lagText),
        ]);
        return true;
      }
      output.progress(describe(change));
      await confirm(`Accept ${change.after} partitions for ${topic}?`, flags);
      await drain(executor, output, change);
      if (flags.force !== true) await untilRead(admin, output, topic, groups);
      await record(executor, admin, change);
      audit('topics accept', { ...change, groups, force: flags.force === true });
      output.result({ ...change, groups, force: flags.force === true, changed: true }, () => [
        `${topic} goes on with ${change.after} partitions${flags.force === true ? '; order was not kept across the change for groups that had not read to its end' : ''}`,
      ]);
      return true;
    });
  });
}

function groupsOf(topic: string, { group = [], force }: AcceptFlags): readonly string[] {
  if (group.length > 0 || force === true) return [...new Set(group)];
  throw new CliError(
    `name the groups that read ${topic} with --group: keys move to other partitions, and a group that still has to read the old ones would see them out of order. --force gives up that order`,
    { code: 'GROUPS_MISSING', category: 'configuration' },
  );
}

async function changeOf(executor: Executor, admin: Admin, topic: string): Promise<Change | undefined> {
  const [found, described] = [await readAcceptance(executor, topic), await admin.describeTopic(topic)];
  if (found?.recorded === undefined)
    throw refused(
      `the relay of this database has no partition count of ${topic} on record: it has sent nothing to it yet`,
    );
  if (described === undefined) throw refused(`the broker has no topic ${topic}`);
  if (described.partitions === found.recorded) return undefined;
  if (described.partitions < found.recorded)
    throw refused(
      `${topic} has ${described.partitions} partitions and ${found.recorded} on record: a topic cannot lose partitions, so it was made anew, and with it its log. Make it again with ${found.recorded}, or publish to another topic`,
    );
  return { topic, before: found.recorded, after: described.partitions };
}

const describe = ({ topic, before, after }: Change): string =>
  `${topic}: ${before} partitions on record, ${after} at the broker; about ${Math.round(100 * (1 - before / after))} % of its keys move`;

/** Until the leader has sent every window that it could have begun to send with the old count. */
async function drain(executor: Executor, output: Output, { topic, after }: Change): Promise<void> {
  await patiently(output, `the relay to halt ${topic} (one must run: \`converge relay\`)`, () =>
    requestAcceptance(executor, topic, after),
  );
  await patiently(output, `the relay to send what it read of ${topic} with the old count`, async () =>
    isDrained(await readAcceptance(executor, topic)),
  );
}

function isDrained(found: Acceptance | undefined): boolean {
  if (found?.wanted === undefined)
    throw refused(
      'somebody else accepted the count, or the topic flows again with the old one: look with `converge outbox stats`',
    );
  return found.drainTo !== undefined && found.heldAt !== undefined && found.heldAt > found.drainTo;
}

/** The log ends here while the topic is held. Two looks, so that a produce still in flight at the hold is seen. */
async function untilRead(
  admin: Admin,
  output: Output,
  topic: string,
  groups: readonly string[],
): Promise<void> {
  let readAt = 0;
  let told = '';
  await patiently(output, `${groups.join(', ')} to read ${topic} to its end`, async () => {
    const lags = await lagsOfAll(admin, topic, groups);
    const text = lags.map(lagText).join('; ');
    if (text !== told && text !== '') output.progress(text);
    told = text;
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

const lagText = ({ group, partition, committed, end }: GroupLag): string =>
  `group ${group}, partition ${partition}: ${committed === undefined ? 'nothing committed' : `at ${committed}`} of ${end}`;

async function record(executor: Executor, admin: Admin, { topic, after }: Change): Promise<void> {
  const described = await admin.describeTopic(topic);
  if (described?.partitions !== after)
    throw refused(`${topic} has ${described?.partitions ?? 'no'} partitions by now: run the command again`);
  if (!(await recordAcceptance(executor, topic, after)))
    throw refused(`the hold of ${topic} changed meanwhile: run the command again`);
}

async function patiently(output: Output, what: string, look: () => Promise<boolean>): Promise<void> {
  let waiting = false;
  while (!(await look())) {
    if (!waiting)
      output.progress(`waiting for ${what}; Ctrl-C stops here, and running the command again goes on`);
    waiting = true;
    await systemClock.sleep(LOOK_MS);
  }
}

function refused(text: string): CliError {
  return new CliError(text, { code: 'ACCEPT_REFUSED', category: 'service' });
}
