import { systemRandom } from '@convergekit/core';
import { withTransaction } from '@convergekit/postgres';
import { forgetTopic, type HeldRecord } from '@convergekit/relay/operate';
import { act } from '../registry/act.ts';
import { name } from '../registry/fields.ts';
import type { Reads } from '../registry/reads.ts';
import { concernedOf, oneSource, tables } from '../source/one-source.ts';
import { withAdmin } from '../registry/reads.ts';
import { counted } from '../text.ts';
import { notNow, requireHeld } from './held.ts';

/** Forgets a topic that was deleted for good: its unsent events are lost, and retention continues. */
export const forget = act({
  name: 'topics.forget',
  title: 'Forget topic',
  summary: 'give up the unsent events of a topic that was deleted for good, so that retention continues',
  did: 'forgotten',
  needs: 'administrator',
  tables,
  input: { topic: name('a topic that the relay halted with TOPIC_UNKNOWN') },
  concerns: concernedOf,
  preview: async (reads, { topic }) => {
    const { unsent, heldReason } = await requireGone(reads, topic);
    return {
      eligible: 1,
      unit: 'topic',
      others: [],
      effect: `${topic}: ${counted(unsent, 'event was', 'events were')} never published, and would be given up.`,
      refusal: 'TOPIC_REFUSED',
      things: () => Promise.resolve({ rows: { topic, unsent, heldReason, dryRun: true }, lines: [] }),
    };
  },
  run: async (reads, { topic }, { by, reason }) => {
    const held = await requireGone(reads, topic);
    const { unsent } = held;
    const { database } = await oneSource(reads);
    const forgotten = await withTransaction(database, { clock: reads.clock, random: systemRandom }, (tx) =>
      forgetTopic(tx, held, { by, reason }),
    );
    if (!forgotten) throw notNow(`the hold of ${topic} moved meanwhile: look again`);
    return {
      text: `${topic} is forgotten: ${unsent} of its events are given up, and retention waits for it no longer`,
      changed: 1,
      value: { topic, unsent, reason, forgotten: true },
    };
  },
});

/** Reads a held topic that the broker does not have. */
async function requireGone(reads: Reads, topic: string): Promise<HeldRecord> {
  const held = await requireHeld((await oneSource(reads)).executor, topic);
  if ((await withAdmin(reads, (admin) => admin.describeTopic(topic))) === undefined) return held;
  throw notNow(
    `${topic} exists at the broker: its events are sent when the reason of the halt is gone (${held.heldReason}). Only a topic that was deleted can be forgotten`,
  );
}
