import { acceptRecreatedTopic } from '@convergekit/relay/operate';
import type { Acting, Outcome, Preview } from '../registry/act.ts';
import type { Reads } from '../registry/reads.ts';
import { oneSource } from '../source/one-source.ts';
import { notNow, requireHeld } from './held.ts';

interface Given {
  readonly topic: string;
}

/** Previews how a topic that was deleted and created again continues. */
export async function previewRecreated(reads: Reads, { topic }: Given): Promise<Preview> {
  const { unsent } = await requireRecreated(reads, topic);
  return {
    eligible: 1,
    unit: 'topic',
    others: [],
    effect: `What was acknowledged in the log of ${topic} that was deleted is not sent again; ${unsent} later events are.`,
    refusal: 'TOPIC_REFUSED',
    things: () => Promise.resolve({ rows: { topic, unsent, dryRun: true }, lines: [] }),
  };
}

/** Lets a topic that was deleted and created again continue after the acknowledged events. */
export async function acceptRecreated(
  reads: Reads,
  { topic }: Given,
  { by, reason }: Acting,
): Promise<Outcome> {
  await requireRecreated(reads, topic);
  const { executor } = await oneSource(reads);
  if (!(await acceptRecreatedTopic(executor, topic, { by, reason })))
    throw notNow(`the hold of ${topic} changed meanwhile: look again`);
  return {
    text: `${topic} continues in its new log; its consumers halt with topic_recreated until they are resumed`,
    changed: 1,
    value: { topic, madeAgain: true, reason, changed: true },
  };
}

async function requireRecreated(reads: Reads, topic: string) {
  const held = await requireHeld((await oneSource(reads)).executor, topic);
  if (held.heldReason.startsWith('TOPIC_RECREATED:')) return held;
  throw notNow(`${topic} is not held because it was created again, but for ${held.heldReason}`);
}
