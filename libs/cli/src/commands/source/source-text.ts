import type { SourceInspection } from '@convergekit/relay/operate';
import { labelled } from '../../frame/fields.ts';
import { tableOf } from '../../frame/result.ts';

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
