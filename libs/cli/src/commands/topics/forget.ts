import { systemClock, systemRandom } from '@convergekit/core';
import { type Executor, withTransaction } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { acceptRecreatedTopic, forgetTopic, type HeldRecord, readHeld } from '@convergekit/relay/operate';
import { command } from '../../frame/command.ts';
import type { CommandContext } from '../../frame/context.ts';
import { refused } from '@convergekit/operate/errors';
import { argument, asks, dryRun, reason as why } from '../../frame/flags.ts';
import { result, type Result } from '../../frame/result.ts';
import { counted } from '@convergekit/operate/text';

/** Forgets a topic that was deleted for good: its unsent events are lost, and retention continues. */
export const forgetCommand = command({
  name: 'forget',
  summary: 'give up the unsent events of a topic that was deleted for good, so that retention continues',
  args: { topic: argument('a topic that the relay halted with TOPIC_UNKNOWN') },
  flags: { reason: why('why: it is kept with the topic'), ...dryRun, ...asks },
  run: async (context, { topic, reason, dryRun: dry }) => {
    const database = await context.database(relayMigrations);
    const held = await requireHeld(database.executor, topic);
    if ((await (await context.admin()).describeTopic(topic)) !== undefined)
      throw notNow(
        `${topic} exists at the broker: its events are sent when the reason of the halt is gone (${held.heldReason}). Only a topic that was deleted can be forgotten`,
      );
    const { unsent } = held;
    const text = `${topic}: ${counted(unsent, 'event was', 'events were')} never published, and would be given up`;
    if (dry) return result({ topic, unsent, heldReason: held.heldReason, dryRun: true }, () => [text]);
    context.output.progress(text);
    await context.confirm(`Forget ${topic}?`);
    const by = { by: context.operator, reason };
    const forgotten = await withTransaction(database, { clock: systemClock, random: systemRandom }, (tx) =>
      forgetTopic(tx, held, by),
    );
    if (!forgotten) throw notNow(`the hold of ${topic} moved meanwhile: run the command again`);
    context.audit({ topic, unsent, reason });
    return result({ topic, unsent, reason, forgotten: true }, () => [
      `${topic} is forgotten: ${unsent} of its events are given up, and retention waits for it no longer`,
    ]);
  },
});

/** Lets a topic that was deleted and created again continue after the acknowledged events. */
export async function acceptRecreated(
  context: CommandContext,
  { topic, reason, dryRun: dry }: { topic: string; reason: string; dryRun: boolean },
): Promise<Result> {
  const { executor } = await context.database(relayMigrations);
  const held = await requireHeld(executor, topic);
  if (!held.heldReason.startsWith('TOPIC_RECREATED:'))
    throw notNow(`${topic} is not held because it was created again, but for ${held.heldReason}`);
  const text = `${topic}: what was acknowledged in the log that was deleted is not sent again; ${held.unsent} later events are`;
  if (dry) return result({ topic, unsent: held.unsent, dryRun: true }, () => [text]);
  context.output.progress(text);
  await context.confirm(`Continue with ${topic} as it is now?`);
  if (!(await acceptRecreatedTopic(executor, topic, { by: context.operator, reason })))
    throw notNow(`the hold of ${topic} changed meanwhile: run the command again`);
  context.audit({ topic, madeAgain: true, reason });
  return result({ topic, madeAgain: true, reason, changed: true }, () => [
    `${topic} continues in its new log; its consumers halt with topic_recreated until they are resumed`,
  ]);
}

async function requireHeld(executor: Executor, topic: string): Promise<HeldRecord> {
  const held = await readHeld(executor, topic);
  if (held !== undefined) return held;
  throw notNow(
    `the relay of this database does not hold ${topic}: look at \`converge outbox stats\`; a relay must run, and finds a change within seconds`,
  );
}

const notNow = (text: string) => refused('TOPIC_REFUSED', text);
