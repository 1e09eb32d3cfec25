import { formatPosition } from '@convergekit/contracts';
import { attributeNames, instruments } from '@convergekit/telemetry';
import type { AlarmName, HaltedAlarm } from '../alarms.ts';
import { gapEnd, type Obstacle } from '../plan/plan.ts';
import { haltPartition } from '../slice/fence-sql.ts';
import { wasPassed } from '../gap/gap-sql.ts';
import { type Halt, type Partition, placeOf, type SliceContext } from '../slice/context.ts';
import { reload } from './assign.ts';

/** An obstacle is looked at twice, from our own offset, before the partition is halted; other partitions go on. */
export async function meet<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  obstacle: Obstacle,
): Promise<'next' | 'look_again'> {
  const { offset } = obstacle.record;
  if (obstacle.kind === 'type_ahead') {
    // Not in the database: another member, with the newer code, is to go on.
    halt(context, partition, haltFor(obstacle, partition), offset);
    return 'next';
  }
  if (partition.suspect !== offset) {
    // An operator may have filled the gap or said that it is to be passed: the database knows.
    await reload(context, partition);
    partition.suspect = offset;
    return 'look_again';
  }
  if (obstacle.kind === 'gap' && (await passedBefore(context, partition, obstacle))) {
    partition.passOffset = offset;
    context.log.warn(
      { ...placeOf(partition), offset: `${offset}` },
      `${gapText(obstacle)}. It was passed before`,
    );
    return 'look_again';
  }
  count(partition, obstacle);
  if (obstacle.kind === 'gap' && context.definition.onGap === 'continue') {
    partition.passOffset = offset;
    const alarm = { alarm: 'gap_passed' satisfies AlarmName, ...placeOf(partition), offset: `${offset}` };
    context.log.error(alarm, `${gapText(obstacle)}. It goes on without, as onGap says`);
    return 'look_again';
  }
  const found = haltFor(obstacle, partition);
  const { executor } = context.database;
  const halted = await haltPartition(executor, partition.key, partition.nextOffset, found, offset);
  if (!halted) {
    await reload(context, partition);
    return 'look_again';
  }
  halt(context, partition, found, offset);
  return 'next';
}

/** A replay meets a gap again that an operator, or the policy, decided to pass. */
function passedBefore<DB>(
  { database }: SliceContext<DB>,
  { key }: Partition,
  { claim }: Gap,
): Promise<boolean> {
  return wasPassed(database.executor, key, { source: claim.source, upTo: gapEnd(claim) });
}

function halt<DB>({ log }: SliceContext<DB>, partition: Partition, found: Halt, offset: bigint): void {
  partition.halted = found;
  log.error({ alarm: found.code, ...placeOf(partition), offset: `${offset}` }, found.reason);
}

function count({ counts, key }: Partition, { kind }: Obstacle): void {
  const labels = { [attributeNames.consumer]: key.consumer, [attributeNames.topic]: key.topic };
  switch (kind) {
    case 'gap':
      counts.gaps += 1;
      instruments().inboxGaps.add(1, labels);
      return;
    case 'superseded':
      instruments().inboxSuperseded.add(1, labels);
      return;
    case 'jump':
    case 'fork':
      instruments().inboxContradictions.add(1, { ...labels, [attributeNames.reason]: kind });
      return;
    case 'type_ahead':
  }
}

function haltFor(obstacle: Obstacle, { key }: Partition): Halt & { readonly code: HaltedAlarm } {
  const resume = `converge consumers resume ${key.consumer} --topic ${key.topic} --partition ${key.partition} --reason "…"`;
  switch (obstacle.kind) {
    case 'gap':
      return {
        code: 'gap',
        reason: `${gapText(obstacle)}. This partition stands still, the others go on. Put what is missing into the inbox with \`converge consumers fill ${key.consumer}\` and then \`${resume}\`, or go on without it: \`${resume} --continue\``,
      };
    case 'type_ahead':
      return {
        code: 'type_ahead',
        reason: `${recordOf(obstacle)}: a newer version of ${key.consumer} handles ${obstacle.type}, and this one does not know it: the partition waits here for a member with the newer code. When no version handles the type any more, .ignore() it, or \`converge consumers types drop ${key.consumer} ${obstacle.type}\``,
      };
    case 'superseded':
      return {
        code: 'epoch_superseded',
        reason: `${recordOf(obstacle)}: source ${obstacle.claim.sourceName} sent the new position ${formatPosition(obstacle.claim.position)} although its epoch ${obstacle.epoch} has begun: the old primary is still writing, or the record that began that epoch${obstacle.began === undefined ? '' : ` (offset ${obstacle.began})`} is forged. Stop the old primary; its events after the fork are not part of the source. Then pass over them: \`${resume} --continue\`.${obstacle.began === undefined ? '' : ` If the epoch is forged: \`${resume} --reject ${obstacle.began}\``}`,
      };
    case 'jump':
      return {
        code: 'position_jump',
        reason: `${recordOf(obstacle)}: it claims position ${formatPosition(obstacle.claim.position)} of source ${obstacle.claim.sourceName}, ${jumpText(obstacle)}. Counting it would make every later event of the source a duplicate. If it is forged, it is passed without counting: \`${resume} --reject ${obstacle.record.offset}\`; if it is the source's own (its outbox has it): \`${resume} --continue\``,
      };
    case 'fork':
      return {
        code: 'fork',
        reason: `${recordOf(obstacle)}: ${forkText(obstacle)}. One of the two is forged, or two databases write as source ${obstacle.claim.sourceName}; the source's outbox has the genuine one. Reject the other: \`${resume} --reject ${obstacle.record.offset}\` (this one) or \`${resume} --reject ${obstacle.last.offset}\` (the one before; what was taken for duplicates since then is handled)`,
      };
  }
}

type Gap = Obstacle & { readonly kind: 'gap' };

function jumpText({ what, limit, top }: Obstacle & { readonly kind: 'jump' }): string {
  const from =
    top === undefined ? 'no event of it was seen here' : `the last one here was ${formatPosition(top)}`;
  return `${from}, and it cannot be beyond ${what} ${limit} by now`;
}

function forkText({ claim, why, at, last }: Obstacle & { readonly kind: 'fork' }): string {
  const position = formatPosition(claim.position);
  const other = `the event ${last.id ?? ''} at offset ${last.offset}, position ${formatPosition(at)}`;
  switch (why) {
    case 'same_position':
      return `another event has its position ${position}: ${other}`;
    case 'same_predecessor':
      return `its position ${position} lies between ${other}, and ${last.prev === undefined ? 'nothing' : formatPosition(last.prev)}, which that one names as its predecessor`;
    case 'made_later':
      return `its position ${position} is below ${other}, although it was made after everything handled until then`;
  }
}

function gapText(obstacle: Gap): string {
  const { claim, after } = obstacle;
  const prev = claim.prev === undefined ? 'no predecessor' : `predecessor ${formatPosition(claim.prev)}`;
  const have = after === undefined ? 'nothing of this source' : formatPosition(after);
  return `${recordOf(obstacle)}: event ${formatPosition(claim.position)} of source ${claim.sourceName} names ${prev}, and we have ${have}. What lies between never came (retention, truncation, an unclean election)`;
}

function recordOf({ record }: Obstacle): string {
  return `${record.topic}/${record.partition} at offset ${record.offset}`;
}
