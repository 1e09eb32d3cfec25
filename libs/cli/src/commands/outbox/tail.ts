import { outboxMigrations } from '@convergekit/outbox';
import { relayMigrations } from '@convergekit/relay';
import { systemClock } from '@convergekit/core';
import { readTail } from '@convergekit/outbox/engine';
import { command } from '../../frame/command.ts';
import { text } from '../../frame/flags.ts';

/** Options that choose events. */
const filter = {
  topic: text('name', 'only events of this topic'),
  key: text('key', 'only events of this key'),
  type: text('type', 'only events of this type'),
};

const TAIL_MS = 250;

/** Shows what commits from now on, until Ctrl-C; with --json a document a line. */
export const tailCommand = command({
  name: 'tail',
  summary: 'show events as they commit, until Ctrl-C',
  flags: filter,
  run: async (context, { topic, key, type }) => {
    const { output } = context;
    const stop = context.stopRequested();
    const { executor } = await context.database(outboxMigrations, relayMigrations);
    let tail = await readTail(executor, undefined);
    output.progress('showing events as they commit; Ctrl-C ends it');
    while (!stop.aborted) {
      tail = await readTail(executor, tail.snapshot, {
        topics: topic === undefined ? undefined : [topic],
        key,
        type,
      });
      for (const event of tail.events) {
        const { createdAt, eventId, bytes } = event;
        const parts = [createdAt.toISOString(), event.topic, event.key, event.type, eventId, `${bytes} B`];
        output.line(event, () => parts.join('  '));
      }
      await systemClock.sleep(TAIL_MS, stop);
    }
    return undefined;
  },
});
