import type { Phantom, RebaseReport } from '@convergekit/relay/operate';
import { tableOf } from '../registry/table.ts';

const MOST_LINES = 40;

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
    ...tableOf(shown, {
      empty: '',
      columns: [
        { title: 'Kind', cell: ({ kind }) => kind },
        { title: 'Partition', cell: ({ topic, partition }) => `${topic}/${partition}` },
        { title: 'Offset', cell: ({ offset }) => offset },
        { title: 'Position', cell: ({ position }) => position },
        { title: 'Event', cell: ({ eventId }) => eventId },
        { title: 'Type', cell: ({ type }) => type },
        { title: 'Key', cell: ({ key }) => JSON.stringify(key) },
      ],
    }),
    ...(more > 0 ? [`and ${more} more: --json shows all of them`] : []),
  ];
}
