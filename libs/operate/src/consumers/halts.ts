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

/** The state of a consumer in sum. An operator's pause is no halt, and rows alone do not say whether a process runs. Pure. */
export function stateText({
  halted,
  paused,
  waiting,
  partitions,
  processes,
}: {
  readonly halted: number;
  readonly paused: number;
  readonly waiting: number;
  readonly partitions: number;
  /** null: the broker does not say. */
  readonly processes: number | null;
}): string {
  const of = (count: number, what: string): string[] =>
    count === 0 ? [] : [count === partitions ? what : `${count} of ${partitions} ${what}`];
  const gone = processes === 0 ? ['no process in its group'] : [];
  const found = [...gone, ...of(halted, 'halted'), ...of(paused, 'paused'), ...of(waiting, 'waiting')];
  return found.join(', ') || (processes === null ? 'not halted' : 'runs');
}

/** The state of one partition. Pure. */
export function partitionState({
  halted,
  waits,
  processes,
}: {
  readonly halted: { readonly code: string } | null;
  readonly waits: { readonly code: string } | null;
  readonly processes: number | null;
}): string {
  if (halted !== null) return halted.code === PAUSED ? 'paused' : `halted: ${halted.code}`;
  if (processes === 0) return 'no process in its group';
  if (waits !== null) return `waiting: ${waits.code}`;
  return processes === null ? 'not halted' : 'runs';
}
