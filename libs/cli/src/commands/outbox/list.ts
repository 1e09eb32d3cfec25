import { outboxMigrations } from '@convergekit/outbox';
import { relayMigrations } from '@convergekit/relay';
import { systemClock } from '@convergekit/core';
import { readTail } from '@convergekit/outbox/engine';
import { command } from '../../frame/command.ts';
import { UsageError } from '@convergekit/operate/errors';
import { count, eventIds, instant, text, texts, toggle } from '../../frame/flags.ts';
import { listing } from '../../frame/result.ts';
import { listEvents } from '@convergekit/operate';

/** Options that choose events. */
export const filter = {
  topic: text('name', 'only events of this topic'),
  key: text('key', 'only events of this key'),
  type: text('type', 'only events of this type'),
};

export const span = {
  from: instant('only events written at or after this time'),
  to: instant('only events written before this time'),
};

/** Lists the newest events first. */
export const listCommand = command({
  name: 'list',
  summary: 'the newest events first, and whether they are published',
  flags: {
    ...filter,
    id: { ...texts('id', 'only these events, by their ids (ce_id)'), parse: eventIds },
    published: toggle('only events that are in the log'),
    pending: toggle('only events that are not in the log yet'),
    ...span,
    limit: count('events', 'at most so many events', 20),
  },
  run: async (context, { id, published, pending, limit, topic, key, type, from, to }) => {
    if (published && pending)
      throw new UsageError('FLAGS_CONTRADICT', '--published and --pending together leave nothing: use one');
    const { executor } = await context.database(outboxMigrations, relayMigrations);
    const wanted = { topic, key, type, from, to, ids: id.length === 0 ? undefined : id };
    const state = published ? true : pending ? false : undefined;
    return listing(await listEvents(executor, { ...wanted, published: state }, limit), 'no events', {
      row: (event) => event.id,
      written: (event) => event.createdAt,
      state: (event) => (event.published ? 'published' : 'pending'),
      topic: (event) => event.topic,
      key: (event) => event.key,
      type: (event) => event.type,
      id: (event) => event.eventId,
      size: (event) => `${event.bytes} B`,
    });
  },
});

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
