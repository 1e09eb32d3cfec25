import { relayMigrations } from '@convergekit/relay';
import { acceptMadeAgain, forgetTopic, type HeldRecord, readHeld } from '@convergekit/relay/operate';
import { type Database, type Executor, withTransaction } from '@convergekit/postgres';
import type { Admin } from '@convergekit/broker';
import { systemClock, systemRandom } from '@convergekit/core';
import { audit, operator } from '../../frame/audit.ts';
import { CliError } from '../../frame/cli-error.ts';
import { confirm } from '../../frame/confirm.ts';
import { withAdmin, withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { requireMigrations } from '../../frame/migrations.ts';

export interface ForgetFlags {
  readonly reason: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** Forgets a topic that was deleted for good: its events that were not sent are given up, and retention goes on. */
export async function forgetCommand(
  context: CommandContext,
  topic: string,
  flags: ForgetFlags,
): Promise<boolean> {
  return within(context, async (database, admin) => {
    const held = await requireHeld(database.executor, topic);
    if ((await admin.describeTopic(topic)) !== undefined)
      throw refused(
        `${topic} exists at the broker: its events are sent by themselves when what holds it is gone (${held.heldReason}). Only a topic that was deleted can be forgotten`,
      );
    const { unsent } = held;
    const text = `${topic}: ${unsent} ${unsent === 1 ? 'event was' : 'events were'} never published, and would not be any more`;
    if (flags.dryRun === true) {
      context.output.result({ topic, unsent, heldReason: held.heldReason, dryRun: true }, () => [text]);
      return true;
    }
    context.output.progress(text);
    await confirm(`Forget ${topic}?`, flags);
    const by = { reason: flags.reason, operator: operator() };
    const forgotten = await withTransaction(database, { clock: systemClock, random: systemRandom }, (tx) =>
      forgetTopic(tx, held, by),
    );
    if (!forgotten) throw refused(`the hold of ${topic} moved meanwhile: run the command again`);
    audit('topics forget', { topic, unsent, reason: flags.reason });
    context.output.result({ topic, unsent, reason: flags.reason, forgotten: true }, () => [
      `${topic} is forgotten: ${unsent} of its events are given up, and retention waits for it no longer`,
    ]);
    return true;
  });
}

/** Lets a topic that was made again go on behind what was acknowledged in its old log. */
export async function acceptMadeAgainCommand(
  context: CommandContext,
  topic: string,
  { reason, ...flags }: Partial<ForgetFlags>,
): Promise<boolean> {
  if (reason === undefined)
    throw new CliError('why does it go on in a new log? Give --reason "…": it goes into the audit', {
      code: 'REASON_MISSING',
      category: 'configuration',
    });
  return within(context, async ({ executor }) => {
    const held = await requireHeld(executor, topic);
    if (!held.heldReason.startsWith('TOPIC_RECREATED:'))
      throw refused(`${topic} is not held because it was made again, but for ${held.heldReason}`);
    const text = `${topic}: what was acknowledged in the log that was deleted is not sent again; ${held.unsent} later events are`;
    if (flags.dryRun === true) {
      context.output.result({ topic, unsent: held.unsent, dryRun: true }, () => [text]);
      return true;
    }
    context.output.progress(text);
    await confirm(`Go on with ${topic} as it is now?`, flags);
    if (!(await acceptMadeAgain(executor, topic)))
      throw refused(`the hold of ${topic} changed meanwhile: run the command again`);
    audit('topics accept', { topic, madeAgain: true, reason });
    context.output.result({ topic, madeAgain: true, reason, changed: true }, () => [
      `${topic} goes on in its new log; its consumers halt with topic_recreated until they are resumed`,
    ]);
    return true;
  });
}

function within(
  { settings }: CommandContext,
  fn: (database: Database, admin: Admin) => Promise<boolean>,
): Promise<boolean> {
  return withDatabase(settings, 'converge-topics', async (database) => {
    await requireMigrations(database.executor, [relayMigrations]);
    return withAdmin(settings, (admin) => fn(database, admin));
  });
}

async function requireHeld(executor: Executor, topic: string): Promise<HeldRecord> {
  const held = await readHeld(executor, topic);
  if (held !== undefined) return held;
  throw refused(
    `the relay of this database does not hold ${topic}: look at \`converge outbox stats\`; a relay must run, and finds a change within seconds`,
  );
}

function refused(text: string): CliError {
  return new CliError(text, { code: 'TOPIC_REFUSED', category: 'configuration' });
}
