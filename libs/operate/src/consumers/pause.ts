import { pauseConsumer } from '@convergekit/inbox/operate';
import { act } from '../registry/act.ts';
import { actOnEach, requireExpected } from '../registry/each.ts';
import {
  concerns,
  lastActsOn,
  nameOf,
  ofTopic,
  partitionsWord,
  placeOf,
  requirePartitions,
  tables,
  thingsOf,
} from './partitions.ts';

/** Pauses a consumer. Slices in work end first; the processes notice by themselves. */
export const pause = act({
  name: 'consumers.pause',
  title: 'Pause',
  summary: 'pause a consumer: no handler is called, also for parked events, until it is resumed',
  did: 'paused',
  tables,
  asks: () => false,
  input: ofTopic,
  concerns,
  preview: async (reads, which) => {
    const rows = await requirePartitions(reads, which);
    const open = rows.filter(({ paused }) => !paused);
    return {
      eligible: open.length,
      unit: partitionsWord(open.length),
      others: [
        {
          count: rows.length - open.length,
          why: `paused already; \`converge consumers list ${which.consumer}\` shows what is halted, and why`,
        },
      ],
      effect:
        'Handlers that run now end. Then none is called, also for parked events, until the consumer is resumed; the log keeps the events, and the lag grows. What is halted already keeps its reason.',
      refusal: 'NOTHING_RUNS',
      notes: await lastActsOn(reads, which.consumer),
      things: () => thingsOf(open),
    };
  },
  run: async (reads, which, acting) => {
    const { by, reason } = acting;
    const { consumer, topic } = which;
    const open = (await requirePartitions(reads, which)).filter(({ paused }) => !paused);
    requireExpected(open.length, 'run', acting);
    const paused: ReturnType<typeof placeOf>[] = [];
    const { refused } = await actOnEach(
      [...new Set(open.map(({ database }) => database))],
      acting,
      async ({ database }) => {
        paused.push(...(await pauseConsumer(database, { consumer, topic }, { by, reason })));
      },
    );
    return {
      text: `${paused.length} ${partitionsWord(paused.length)} of ${consumer} paused; \`converge consumers resume ${consumer} --reason "…"\` continues it`,
      changed: paused.length,
      refused: refused.map(({ message }) => message),
      lines: paused.map((row) => `${nameOf(row)}: paused`),
      value: paused.map(placeOf),
    };
  },
});
