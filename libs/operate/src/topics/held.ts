import type { Executor } from '@convergekit/postgres';
import { type HeldRecord, readHeld } from '@convergekit/relay/operate';
import { refused } from '../host/errors.ts';

/** Reads a topic that the relay holds. Rejects with TOPIC_REFUSED for another. */
export async function requireHeld(executor: Executor, topic: string): Promise<HeldRecord> {
  const held = await readHeld(executor, topic);
  if (held !== undefined) return held;
  throw notNow(
    `the relay of this database does not hold ${topic}: look at \`converge outbox stats\`; a relay must run, and finds a change within seconds`,
  );
}

export const notNow = (text: string) => refused('TOPIC_REFUSED', text);
