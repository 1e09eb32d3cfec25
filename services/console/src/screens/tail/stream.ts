import { logger } from '@convergekit/telemetry';
import { streamSSE } from 'hono/streaming';
import { conflict } from '../../errors.ts';
import { inputOf } from '../../routes/input.ts';
import { toJson } from '../../routes/json.ts';
import type { App, ConsoleContext } from '../../screen.ts';
import type { Visitor } from '../../types.ts';
import { filterSchema, tailReader } from './read-batch.ts';
import { runTail } from './tail-loop.ts';

/** Streams at once: each reads its databases four times a second. */
const MOST_AT_ONCE = 16;
/** Of visitors without a name, so that they never shut out users. */
const MOST_OF_READERS = 8;
/** Of one user, or of one address without a name. */
const MOST_OF_ONE = 4;

/** The visitors of the streams that are open; a visitor without a name is an address. */
export class OpenTails {
  readonly #open: { readonly who: string; readonly isUser: boolean }[] = [];

  /** Takes a place, or refuses the visitor. Returns the end of the stream, which may be called again. */
  take(visitor: Visitor, address: string | undefined): () => void {
    const isUser = visitor.kind !== 'reader';
    const who = isUser ? `user ${visitor.user}` : `address ${address ?? ''}`;
    const readers = this.#open.filter((one) => !one.isUser).length;
    if (this.#open.filter((one) => one.who === who).length >= MOST_OF_ONE)
      throw conflict(`${MOST_OF_ONE} live tails of yours are open: close one of them`);
    if (this.#open.length >= MOST_AT_ONCE)
      throw conflict(`${MOST_AT_ONCE} live tails are open in this console: close one of them`);
    if (!isUser && readers >= MOST_OF_READERS)
      throw conflict(`${MOST_OF_READERS} live tails without a user are open in this console: sign in`);
    const place = { who, isUser };
    this.#open.push(place);
    return () => {
      const at = this.#open.indexOf(place);
      if (at >= 0) this.#open.splice(at, 1);
    };
  }
}

/** Defines the stream of server-sent events: a frame four times a second, until the browser leaves or the console stops. */
export function tailStream({ databases, clock, stopping }: ConsoleContext, app: App): void {
  const open = new OpenTails();
  app.get('/tail/events', async (c) => {
    const filter = inputOf(c, filterSchema);
    // Takes its place before the first wait, so that two requests never share one.
    const leave = open.take(c.get('visitor'), c.env.incoming?.socket.remoteAddress);
    const ended = new AbortController();
    const release = (): void => {
      leave();
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
