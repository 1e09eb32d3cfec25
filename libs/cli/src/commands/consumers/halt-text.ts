import { PAUSED } from '@convergekit/inbox/operate';

interface Halted {
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
  readonly reason: string;
}

/** The lines about halted partitions: one for each text, with all partitions that it concerns. Pure. */
export function haltLines(halted: readonly Halted[]): readonly string[] {
  const texts = Map.groupBy(halted, ({ consumer, reason }) => `${consumer} ${reason}`);
  return [...texts.values()].flatMap((own) => {
    const [first] = own;
    if (first === undefined) return [];
    const places = own.map(({ topic, partition }) => `${topic}/${partition}`).join(', ');
    return [`${first.consumer} at ${places}: ${first.reason}`];
  });
}

/** The state of a consumer in sum. An operator's pause is no halt; rows do not say whether a process runs. Pure. */
export function stateText({
  halted,
  paused,
  partitions,
}: {
  readonly halted: number;
  readonly paused: number;
  readonly partitions: number;
}): string {
  const of = (count: number, what: string): string[] =>
    count === 0 ? [] : [count === partitions ? what : `${count} of ${partitions} ${what}`];
  return [...of(halted, 'halted'), ...of(paused, 'paused')].join(', ') || 'not halted';
}

/** The state of one partition. Pure. */
export function partitionState(halted: { readonly code: string } | null): string {
  if (halted === null) return 'not halted';
  return halted.code === PAUSED ? 'paused' : `halted: ${halted.code}`;
}
