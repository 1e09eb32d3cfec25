import type { OpenGap, ParkedGroup, PartitionOverview } from '@convergekit/inbox/operate';
import type { AttentionItem } from './item.ts';

/** Lists the halted partitions of consumers (pure). */
export function haltedItems(partitions: readonly PartitionOverview[]): readonly AttentionItem[] {
  return partitions.flatMap(({ consumer, topic, partition, halted }) =>
    halted === null
      ? []
      : [
          {
            kind: 'partition',
            severity: 'act',
            alarm: halted.code,
            text: `${consumer} is halted at ${topic}/${partition}: ${halted.reason}`,
            since: halted.at,
            next: `converge consumers list ${consumer}`,
            about: { consumer, topic },
          } as const,
        ],
  );
}

/** Lists dead letters and parked events by their failure (pure). Events queued behind another are part of its line. */
export function parkedItems(groups: readonly ParkedGroup[]): readonly AttentionItem[] {
  return groups.flatMap((group) => {
    const { consumer, topic, state, category, code, structural, events, keys, oldest } = group;
    if ((state !== 'dead' && state !== 'waiting') || category === null || code === null) return [];
    const dead = state === 'dead';
    const what = dead
      ? events === 1
        ? 'dead letter'
        : 'dead letters'
      : events === 1
        ? 'event waits'
        : 'events wait';
    return [
      {
        kind: dead ? 'dead_letters' : 'parked',
        severity: dead || structural ? 'act' : 'watch',
        alarm: structural ? 'structural' : category === 'data' || category === 'bug' ? category : 'exhausted',
        text: `${consumer}: ${events} ${what} of ${keys} ${keys === 1 ? 'key' : 'keys'} of ${topic}, ${code} (${category})`,
        since: oldest,
        next: `converge parked list --consumer ${consumer} --state ${state}`,
        about: { consumer, topic, category, code },
      } as const,
    ];
  });
}

/** Lists events that consumers passed without having them (pure), one item for each consumer and source. */
export function gapItems(gaps: readonly OpenGap[]): readonly AttentionItem[] {
  const groups = Map.groupBy(gaps, ({ consumer, topic, source }) => `${consumer} ${topic} ${source}`);
  return [...groups.values()].flatMap((some) => {
    const [first] = some;
    if (first === undefined) return [];
    const { consumer, topic, source } = first;
    return [
      {
        kind: 'gap',
        severity: 'act',
        alarm: 'events_lost',
        text: `${consumer} lacks events of ${source} in ${topic}: ${some.length} open ${some.length === 1 ? 'gap' : 'gaps'}`,
        since: null,
        next: `converge consumers fill ${consumer}`,
        about: { consumer, topic },
      } as const,
    ];
  });
}
