import { dropType, readTypes } from '@convergekit/inbox/operate';
import { inboxMigrations } from '@convergekit/inbox';
import { audit } from '../../frame/audit.ts';
import { CliError } from '../../frame/cli-error.ts';
import { confirm } from '../../frame/confirm.ts';
import { withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { table } from '../../frame/output.ts';

export interface DropFlags {
  readonly topic?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export async function listTypes({ settings, output }: CommandContext, consumer: string): Promise<boolean> {
  return withDatabase(settings, 'converge-types', async (database) => {
    await requireMigrations(database.executor, [inboxMigrations]);
    const types = await readTypes(database.executor, consumer);
    output.result(types, () =>
      table([
        ['topic', 'type', 'handler', 'partitions', 'since'],
        ...types.map(({ topic, type, handler, partitions, since }) => [
          topic,
          type,
          handler,
          String(partitions),
          since.toISOString(),
        ]),
      ]),
    );
    return true;
  });
}

/** Withdraws a type by hand, where no code does it by `.ignore`. */
export async function dropConsumerType(
  { settings, output }: CommandContext,
  consumer: string,
  type: string,
  flags: DropFlags,
): Promise<boolean> {
  return withDatabase(settings, 'converge-types', async (database) => {
    await requireMigrations(database.executor, [inboxMigrations]);
    const found = (await readTypes(database.executor, consumer)).filter(
      (one) => one.type === type && (flags.topic ?? one.topic) === one.topic,
    );
    if (found.length === 0)
      throw new CliError(
        `${consumer} has no type ${type} registered: \`converge consumers types list ${consumer}\` shows them`,
        {
          code: 'TYPE_NOT_REGISTERED',
          category: 'data',
        },
      );
    for (const { topic, handler } of found)
      output.progress(`${type} of ${topic}, handled by ${handler}: versions without it will skip its events`);
    if (flags.dryRun !== true) {
      await confirm(`Withdraw ${type} from ${consumer}?`, flags);
      const partitions = await dropType(database.executor, consumer, type, flags.topic);
      audit('consumers types drop', { consumer, type, topic: flags.topic, partitions });
    }
    output.result(found, () => found.map(({ topic }) => `${topic} ${type}`));
    return true;
  });
}
