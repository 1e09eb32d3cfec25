import type { World } from '../case.ts';
import { placeOf } from '../measure/drain-once.ts';

/** A topic full of events as the relay writes them, for any number of readers. */
export interface Backlog {
  readonly topic: string;
  readonly rows: number;
  /** The address of the log. @default the stack's Kafka */
  readonly brokers?: string;
  remove(): Promise<void>;
}

/** Rows 0..rows-1 over 1,000 keys and six partitions, through the outbox and the relay. */
export async function makeBacklog(world: World, rows: number): Promise<Backlog> {
  const [side] = world.sides.ours;
  const source = await side.open(placeOf(world));
  try {
    await source.write(0, rows);
    const relay = source.start();
    await source.log.watch(rows, { deadlineMs: side.deadlineMs, look: () => relay.assertAlive() });
    await relay.stop();
    return { topic: source.log.topic, rows, remove: () => source.remove() };
  } catch (error) {
    await source.remove();
    throw error;
  }
}
