import { formatPosition } from '@convergekit/contracts/engine';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { AlarmName, HaltedAlarm } from '../alarms.ts';
import { gapEnd, type Obstacle } from '../plan/plan.ts';
import { type Halt, haltPartition } from '../slice/fence-sql.ts';
import { wasPassed } from '../gap/gap-sql.ts';
import type { SliceContext } from '../slice/context.ts';
import { type Partition, placeOf } from '../slice/partition.ts';
import { topicLabels } from '../slice/report.ts';
import { reload } from './assign.ts';
import { isHandled } from './type-sql.ts';
import { MOST_SOURCES } from './sources.ts';
import type { Turn } from './worker.ts';

/** Confirms an obstacle by a second look, then halts the partition. Nothing is deferred, and others go on. */
export async function haltAt<DB>(
  { worker: { context }, partition }: Turn<DB>,
  obstacle: Obstacle,
): Promise<'next' | 'fetch_again'> {
  const { offset } = obstacle.record;
  const place = { ...placeOf(partition), offset: `${offset}` };
  if (obstacle.kind === 'type_ahead') {
    // A type that was dropped since the types were read is not waited for.
    if (!(await isHandled(context.database.executor, partition.key, obstacle.type))) {
      await reload(context, partition);
      return 'fetch_again';
    }
    // The halt is not written in the database: a member with the newer code must be able to continue.
    partition.waitFor(obstacle.type);
    halt(context, partition, haltFor(obstacle, partition, context), offset);
    return 'next';
  }
  if (!partition.confirms(offset)) {
    // An operator may have filled the gap, or decided to pass it: the database knows.
    await reload(context, partition);
    partition.suspect(offset);
    return 'fetch_again';
  }
  const { executor } = context.database;
  // A replay finds a gap again that an operator or the policy passed before.
  if (
    obstacle.kind === 'gap' &&
    (await wasPassed(executor, partition.key, obstacle.claim.source, gapEnd(obstacle.claim)))
  ) {
    partition.passTo(offset);
    context.log.warn(place, `${gapText(obstacle)}. It was passed before`);
    return 'fetch_again';
  }
  count(partition, obstacle);
  if (obstacle.kind === 'gap' && context.definition.onGap === 'continue') {
    partition.passTo(offset);
    const alarm: AlarmName = 'gap_passed';
    context.log.error({ alarm, ...place }, `${gapText(obstacle)}. It is passed, as onGap says`);
    return 'fetch_again';
  }
  const found = haltFor(obstacle, partition, context);
  if (!(await haltPartition(executor, partition.key, partition.saved.nextOffset, found, offset))) {
    await reload(context, partition);
    return 'fetch_again';
  }
  halt(context, partition, found, offset);
  return 'next';
}

function halt<DB>({ log }: SliceContext<DB>, partition: Partition, found: Halt, offset: bigint): void {
  partition.haltWith(found);
  log.error({ alarm: found.code, ...placeOf(partition), offset: `${offset}` }, found.reason);
}

function count(partition: Partition, { kind }: Obstacle): void {
  const labels = topicLabels(partition.key);
  switch (kind) {
    case 'gap':
      partition.count({ gaps: 1 });
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
    case 'unknown_source':
  }
}

function haltFor<DB>(
  obstacle: Obstacle,
  { key }: Partition,
  { definition }: SliceContext<DB>,
): Halt & { readonly code: HaltedAlarm } {
  const resume = `converge consumers resume ${key.consumer} --topic ${key.topic} --partition ${key.partition} --reason "…"`;
  switch (obstacle.kind) {
    case 'gap':
      return {
        code: 'gap',
        reason: `${gapText(obstacle)}. This partition halts, the others go on. Put the missing events into the inbox with \`converge consumers fill ${key.consumer} --database <URL of the database of ${obstacle.claim.sourceName}> --reason "…"\` and then \`${resume}\`, or continue without them: \`${resume} --continue\``,
      };
    case 'type_ahead':
      return {
        code: 'type_ahead',
        reason: `${recordOf(obstacle)}: a newer version of ${key.consumer} handles ${obstacle.type}, and this one does not: the partition waits here for a member with the newer code. If no version handles the type any more, .ignore() it, or \`converge consumers types drop ${key.consumer} ${obstacle.type}\``,
      };
    case 'unknown_source':
      return unknownSource(obstacle, resume, definition.sources !== undefined);
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
        reason: `${recordOf(obstacle)}: ${forkText(obstacle)}. One of the two is forged, or two databases write as source ${obstacle.claim.sourceName}; the source's outbox has the genuine one. Reject the other: \`${resume} --reject ${obstacle.record.offset}\` (this one) or \`${resume} --reject ${obstacle.last.offset}\` (the one before; what was taken for duplicates since then is handled). If neither is forged, and the source’s database was restored or failed over together with the log (local mode), reject none: \`converge source rebase --reason "…" --yes\` there, then \`converge consumers replay ${key.consumer} --topic ${key.topic} --partition ${key.partition} --since <when it was back> --reason "…"\`, or \`${resume} --continue\` if that finds nothing to repeat`,
      };
  }
}

/** The halt at a source whose positions do not count: by what makes them count. */
function unknownSource(
  obstacle: Obstacle & { readonly kind: 'unknown_source' },
  resume: string,
  lists: boolean,
): Halt & { readonly code: HaltedAlarm } {
  const { sourceName, source } = obstacle.claim;
  const why = lists
    ? '`sources` of this consumer do not list it'
    : `this consumer knows ${MOST_SOURCES} sources already, the most without a list`;
  return {
    code: lists ? 'source_not_listed' : 'too_many_sources',
    reason: `${recordOf(obstacle)}: source ${sourceName} (${source}) sends, and ${why}. List it there by this name and uuid, beside all others that it reads; deploy, and then \`${resume}\`. If the record is forged: \`${resume} --reject ${obstacle.record.offset}\`. \`${resume} --continue\` has this one event deduplicated by its id alone, without its place in the order`,
  };
}

type Gap = Obstacle & { readonly kind: 'gap' };

function jumpText({ what, limit, top }: Obstacle & { readonly kind: 'jump' }): string {
  const from =
    top === undefined ? 'no event of it was seen here' : `the last one seen here was ${formatPosition(top)}`;
  return `${from}, and it cannot be beyond ${what} ${limit} by now`;
}

function forkText({ claim, why, at, last }: Obstacle & { readonly kind: 'fork' }): string {
  const position = formatPosition(claim.position);
  const other = `the event ${last.id ?? ''} at offset ${last.offset}, position ${formatPosition(at)}`;
  switch (why) {
    case 'same_position':
      return `another event has its position ${position}: ${other}`;
    case 'same_predecessor':
      return `its position ${position} lies between ${other}, and ${last.prev === undefined ? 'nothing' : formatPosition(last.prev)}, which that event names as its predecessor`;
    case 'passed_over':
      return `its position ${position} is above ${other}, and the predecessor that it names, ${claim.prev === undefined ? 'nothing' : formatPosition(claim.prev)}, is below: its source does not know that event`;
    case 'made_later':
      return `its position ${position} is below ${other}, although it was created after everything handled until then (unless this consumer's clock was more than an hour behind when it handled that)`;
  }
}

function gapText(obstacle: Gap): string {
  const { claim, after } = obstacle;
  const prev = claim.prev === undefined ? 'no predecessor' : `predecessor ${formatPosition(claim.prev)}`;
  const have = after === undefined ? 'nothing of this source' : formatPosition(after);
  return `${recordOf(obstacle)}: event ${formatPosition(claim.position)} of source ${claim.sourceName} names ${prev}, and this consumer has ${have}. The events between never arrived (retention, truncation, an unclean election)`;
}

function recordOf({ record }: Obstacle): string {
  return `${record.topic}/${record.partition} at offset ${record.offset}`;
}
