import type { Phantom, RebaseReport, SourceInspection } from '@convergekit/relay/operate';
import { labelled } from '../../frame/fields.ts';
import { tableOf } from '../../frame/result.ts';

const MOST_LINES = 40;

export function sourceLines(inspection: SourceInspection): readonly string[] {
  const { source, epochs, leader, doneTick, cursors } = inspection;
  return [
    ...labelled([
      ['source', source.name],
      ['id', source.id],
      ['lease', leader === undefined ? 'free' : `${leader.holder}, until ${leader.expiresAt.toISOString()}`],
      ['done', `tick ${doneTick}`],
    ]),
    '',
    ...tableOf(epochs, '', {
      epoch: ({ epoch }) => epoch,
      'forked at tick': ({ forkedTick }) => forkedTick,
      since: ({ at }) => at,
      reason: ({ reason }) => reason,
    }),
    '',
    ...tableOf(cursors, 'no cursors', {
      partition: ({ topic, partition }) => `${topic}/${partition}`,
      cursor: ({ epoch, tick, id }) => `${epoch}.${tick}.${id}`,
    }),
    '',
    ...comparisonLines(inspection.comparison),
  ];
}

function comparisonLines(comparison: SourceInspection['comparison']): readonly string[] {
  if (comparison.kind === 'not_compared') return [`log     not compared: ${comparison.why}`];
  const { refusals, partitions, endsOnly, unread, olderBehind, forged, unreadable } = comparison.result;
  return [
    refusals.length === 0
      ? `log     fits in ${partitions} partitions`
      : `log     DOES NOT FIT: a relay refuses to lead`,
    ...refusals.map(({ code, topic, partition, offset, position, detail }) =>
      topic === undefined
        ? `  ${code}: ${detail}`
        : `  ${code}: ${topic}/${partition} at offset ${offset}${position === undefined ? '' : `, position ${position}`}: ${detail}`,
    ),
    ...endsOnly.map((name) => `  ${name}: only the ends were compared`),
    ...unread.map(({ topic, why }) => `  not compared: ${topic}: ${why}`),
    ...forged.map(
      ({ topic, partition, offset, why }) => `  ${topic}/${partition} at offset ${offset}: forged: ${why}`,
    ),
    ...unreadable.map(
      ({ topic, partition, offset, why }) =>
        `  ${topic}/${partition} at offset ${offset}: passed over: ${why}`,
    ),
    ...olderBehind.map(
      ({ topic, partition, offset }) =>
        `  ${topic}/${partition} at offset ${offset}: an epoch that was left behind is still written`,
    ),
  ];
}

export function rebaseLines(report: RebaseReport): readonly string[] {
  const { dryRun, source, epoch, forkedTick, partitions, phantoms, notMarked, newTransactionIds } = report;
  const again = phantoms.filter(({ kind }) => kind === 'sent_again').length;
  return [
    dryRun
      ? `${source.name} would begin epoch ${epoch}, forked after tick ${forkedTick}; nothing was changed`
      : `${source.name} is at epoch ${epoch}, forked after tick ${forkedTick}`,
    `beyond the fork: ${phantoms.length - again} phantoms (consumers may have applied them, and this database does not have them), ` +
      `${again} events that are sent again under new positions (applied twice unless their handler is idempotent)`,
    ...(newTransactionIds
      ? ['the tables came from another cluster: the outbox gets transaction ids of this one']
      : []),
    ...partitions
      .filter(({ logLost }) => logLost)
      .map(
        ({ topic, partition, prev }) => `${topic}/${partition} lost its log's end: sent again after ${prev}`,
      ),
    ...notMarked.map((why) => `without a marker: ${why}`),
    ...phantomLines(phantoms),
  ];
}

export function phantomLines(phantoms: readonly Phantom[]): readonly string[] {
  if (phantoms.length === 0) return [];
  const shown = phantoms.slice(0, MOST_LINES);
  const more = phantoms.length - shown.length;
  return [
    ...tableOf(shown, '', {
      kind: ({ kind }) => kind,
      partition: ({ topic, partition }) => `${topic}/${partition}`,
      offset: ({ offset }) => offset,
      position: ({ position }) => position,
      event: ({ eventId }) => eventId,
      type: ({ type }) => type,
      key: ({ key }) => JSON.stringify(key),
    }),
    ...(more > 0 ? [`and ${more} more: --json shows all of them`] : []),
  ];
}
