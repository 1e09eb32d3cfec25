import { logger } from '@convergekit/telemetry';
import { streamSSE } from 'hono/streaming';
import { z } from 'zod';
import { conflict } from '../../errors.ts';
import { inputOf } from '../../routes/input.ts';
import { toJson } from '../../routes/json.ts';
import type { App, ConsoleContext } from '../../screen.ts';
import { tailReader } from './read-batch.ts';
import { runTail } from './tail-loop.ts';

/** Streams at once: each reads its databases four times a second. */
const MOST_AT_ONCE = 16;

export const filterSchema = z.object({
  database: z.string().optional(),
  topic: z.string().optional(),
  type: z.string().optional(),
  key: z.string().optional(),
  consumer: z.string().optional(),
});

/** Defines the stream of server-sent events: a frame four times a second, until the browser leaves or the console stops. */
export function tailStream({ databases, clock, stopping }: ConsoleContext, app: App): void {
  let open = 0;
  app.get('/tail/events', async (c) => {
    const filter = inputOf(c, filterSchema);
    if (open >= MOST_AT_ONCE)
      throw conflict(`${MOST_AT_ONCE} live tails are open in this console: close one of them`);
    // Claims its place before the first wait, so that two requests never share one.
    open += 1;
    const ended = new AbortController();
    const release = (): void => {
      if (!ended.signal.aborted) open -= 1;
      ended.abort();
    };
    try {
      const read = await tailReader(databases, filter);
      const answer = streamSSE(
        c,
        async (stream) => {
          stream.onAbort(release);
          const write = async (frame: unknown): Promise<void> => {
            await stream.writeSSE({ event: 'frame', data: toJson(frame) });
          };
          try {
            await runTail({ read, write, clock, signal: AbortSignal.any([ended.signal, stopping]) });
          } finally {
            release();
          }
        },
        (error) => {
          logger('console').warn({ err: error }, 'a live tail ended');
          return Promise.resolve();
        },
      );
      // A connection that stays open after its stream would hold up the stop of the console.
      answer.headers.set('connection', 'close');
      return answer;
    } catch (error) {
      release();
      throw error;
    }
  });
}
