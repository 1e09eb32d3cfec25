import { inboxMigrations } from '@convergekit/inbox';
import { dropType, readTypes } from '@convergekit/inbox/operate';
import { command } from '../../frame/command.ts';
import { refused } from '@convergekit/operate/errors';
import { argument, asks, dryRun, text } from '../../frame/flags.ts';
import { listing, result } from '../../frame/result.ts';
import { consumerToActOn, requireConsumer } from './known-consumer.ts';

export const listTypesCommand = command({
  name: 'list',
  summary: 'the types that a consumer of DATABASE_URL handles, in any version that ran',
  args: { consumer: argument('a consumer of DATABASE_URL') },
  run: async (context, { consumer }) => {
    const { executor } = await context.database(inboxMigrations);
    await requireConsumer(executor, consumer);
    return listing(await readTypes(executor, consumer), `no types: ${consumer} has registered none`, {
      topic: (row) => row.topic,
      type: (row) => row.type,
      handler: (row) => row.handler,
    });
  },
});

/** Withdraws a type by hand, where no code does it by `.ignore`. */
export const dropTypeCommand = command({
  name: 'drop',
  summary: 'withdraw a type that no version handles any more: partitions that wait for a handler skip it',
  args: { consumer: argument('a consumer of DATABASE_URL'), type: argument('a type that it has registered') },
  flags: { topic: text('name', 'only of this topic'), ...dryRun, ...asks },
  run: async (context, { consumer, type, topic, dryRun: dry }) => {
    const database = await context.database(inboxMigrations);
    await consumerToActOn(context, database.executor, consumer);
    const found = (await readTypes(database.executor, consumer)).filter(
      (one) => one.type === type && (topic ?? one.topic) === one.topic,
    );
    const missing = () =>
      refused(
        'TYPE_NOT_REGISTERED',
        `${consumer} has no type ${type} registered: \`converge consumers types list ${consumer}\` shows them`,
      );
    if (found.length === 0) throw missing();
    for (const one of found)
      context.output.progress(
        `${type} of ${one.topic}, handled by ${one.handler}: versions without it will skip its events`,
      );
    if (!dry) {
      await context.confirm(`Withdraw ${type} from ${consumer}?`);
      const reason = 'no version handles it any more';
      const by = { by: context.operator, reason };
      if (!(await dropType(database.executor, { consumer, type, topic }, by))) throw missing();
      context.audit({ consumer, type, topic, reason });
    }
    return result(found, () => found.map((one) => `${one.topic} ${type}`));
  },
});
