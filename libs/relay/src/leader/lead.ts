import { endsWithin } from '@convergekit/core';
import { OUTBOX_CHANNEL } from '@convergekit/outbox/engine';
import {
  type CopyExecutor,
  listenHere,
  ownSession,
  type OwnSession,
  releaseLease,
} from '@convergekit/postgres/engine';
import { rejectMissingRows } from './check-tables.ts';
import { requireCursors } from './cursor-check.ts';
import { type Ending, type EndReason, STOP_MS } from './ending.ts';
import { leaseLoop, LeaseMargin } from './lease-loop.ts';
import { Leadership, type Totals } from './leadership.ts';
import { admit } from '../log-check/compare.ts';
import type { Takeover } from './takeover-sql.ts';
import type { RelaySettings } from '../options.ts';
import { PollPacer } from '../window/poll-pacer.ts';
import { ReadLoop } from '../window/read-loop.ts';
import { SendLoop } from '../send/send-loop.ts';
import { CursorSaver, saveLoop } from '../cursor/save-loop.ts';
import { Ticker } from '../window/ticker.ts';
import { TopicChecks } from '../topics/topic-check.ts';
import { upkeepLoop } from '../topics/upkeep-loop.ts';
import type { Activity } from '../watch/activity.ts';
import { readLatestTick, readLowestId, readTicks } from '../window/window-sql.ts';

export interface LeadRequest {
  readonly settings: RelaySettings;
  readonly takeover: Takeover;
  /** Monotonic time before the lease was asked for. */
  readonly askedAt: number;
  readonly ending: Ending;
  readonly totals: Totals;
  /** Sees what the two connections wait for. */
  readonly activity: Activity;
  readonly onLeading: (leader: Leadership) => void;
  /** The first tick is written: until then nothing has shown that this leader can work. */
  readonly onTicked: () => void;
}

/**
 * Runs one leadership, from takeover to end: five loops that share one `Leadership`. Any error or lost connection ends
 * it. The next step is a new takeover with a new term, whose first act is a tick.
 */
export async function lead(request: LeadRequest): Promise<EndReason> {
  const { ending } = request;
  const closers: (() => void)[] = [];
  // Closing the connections breaks off what hangs.
  const close = (): void => {
    for (const one of closers.splice(0)) one();
  };
  try {
    const reads = await open(request, 'reads', closers);
    const writes = await open(request, 'writes', closers);
    await runLoops(request, close, reads, writes);
  } catch (error) {
    ending.end({ kind: 'failed', error });
  } finally {
    close();
  }
  const reason = ending.reason ?? { kind: 'stopped' };
  if (reason.kind !== 'deposed') await handOver(request);
  return reason;
}

async function runLoops(
  { settings, takeover, askedAt, ending, totals, onLeading, onTicked }: LeadRequest,
  close: () => void,
  reads: Connection,
  writes: Connection,
): Promise<void> {
  requireCursors(takeover);
  const latest = await readLatestTick(reads.executor);
  const [done] = await readTicks(reads.executor, takeover.doneTick, 1);
  if (done?.number !== takeover.doneTick) return rejectMissingRows(reads.executor);
  const leader = new Leadership({
    settings,
    takeover,
    ending,
    totals,
    done,
    margin: new LeaseMargin(askedAt, settings.leaseMs, settings.stopBeforeMs),
    lowestId: await readLowestId(reads.executor, done),
    reads: reads.executor,
    writes: writes.executor,
  });
  const ticker = new Ticker(leader, latest, reads.warned);
  const checks = new TopicChecks(settings.broker);
  const saver = new CursorSaver(leader);
  ending.onEnd(() => {
    // A hanging statement would keep its loop from ending, so connections are closed, except at a clean stop.
    if (ending.reason?.kind !== 'stopped') close();
  });
  // Comparing may take longer than a lease lasts, so the lease is renewed meanwhile.
  const renewing = leaseLoop(leader).catch(ending.failed);
  const over = new Promise<void>((resolve) => ending.onEnd(resolve));
  const admitted = admit(leader, takeover, reads.executor).catch(ending.failed);
  await Promise.race([admitted, over]);
  const loops: Promise<void>[] = [renewing];
  if (!ending.isOver()) {
    const pacer = new PollPacer(settings, leader.room);
    // Before the first poll: an event whose notification came earlier is found by it.
    const listening = writes.listen(OUTBOX_CHANNEL, (payload) => pacer.hear(payload));
    await listening.then((isListening) => pacer.listens(isListening)).catch(ending.failed);
    writes.listenHere(OUTBOX_CHANNEL, (payload) => pacer.hear(payload));
    // From here on a commit of this process sends no notification.
    onLeading(leader);
    loops.push(
      new ReadLoop(leader, ticker, checks, pacer).run(onTicked),
      new SendLoop(leader).run(),
      saveLoop(leader, saver),
      upkeepLoop(leader, checks),
    );
  }
  const working = Promise.all(loops.map((loop) => loop.catch(ending.failed)));
  await over;
  // A loop that does not end is harmless: its connections are closed next, and its produce was abandoned.
  if (!(await endsWithin(working, STOP_MS.loops, settings.clock)))
    settings.log.warn({}, 'a loop of the relay did not end in time; what it waits for is broken off');
  await Promise.all([
    endsWithin(checks.close(), STOP_MS.save, settings.clock),
    ending.reason?.kind === 'stopped' ? save(leader, saver) : undefined,
  ]);
}

/**
 * Saves the cursors as the last act of a clean stop, when nothing is in flight. Events after unsaved cursors are sent
 * once more.
 */
async function save(leader: Leadership, saver: CursorSaver): Promise<void> {
  const { clock, log } = leader.settings;
  const saving = saver.save();
  if (!(await endsWithin(saving, STOP_MS.save, clock)))
    log.warn({}, 'the positions could not be saved in time; the next leader sends the last events once more');
  else await saving;
}

/** Lets a standby take over at once. Only after all loops have ended or were broken off; what fails here the lease's end will do. */
async function handOver({ settings, takeover }: LeadRequest): Promise<void> {
  const { database, clock, lease, holder } = settings;
  const released = releaseLease(database.executor, { name: lease, holder, term: takeover.term });
  await endsWithin(released, STOP_MS.release, clock);
}

interface Connection extends Pick<OwnSession, 'listen'> {
  readonly executor: CopyExecutor;
  /** Hears of the commits of the connection's pool without a notification, until the connection closes. */
  readonly listenHere: (channel: string, heard: (payload: string) => void) => void;
  /** Returns true when the server sent a warning since the last call. */
  readonly warned: () => boolean;
}

/**
 * True if a notice is a warning. Its SQLSTATE says so, of which class 00 is informational: pg exposes field S of the protocol,
 * which the server translates (`lc_messages`: WARNUNG), but not field V, which is not translated.
 */
export function isWarning({ code }: { readonly code?: string | undefined }): boolean {
  return code?.startsWith('00') !== true;
}

/** Opens a connection of a leadership. `closers` gets what closes it. */
async function open(
  { settings, activity, ending }: LeadRequest,
  channel: 'reads' | 'writes',
  closers: (() => void)[],
): Promise<Connection> {
  const client = await settings.database.acquire();
  let warning = false;
  client.on('notice', (notice) => {
    if (isWarning(notice)) warning = true;
  });
  client.on('error', ending.failed);
  closers.push(() => client.release(true));
  const session = await ownSession(client);
  return {
    executor: activity.copyExecutor(channel, session),
    listen: (name, heard) => session.listen(name, heard),
    listenHere: (name, heard) => void closers.push(listenHere(client, name, heard)),
    warned: () => {
      const was = warning;
      warning = false;
      return was;
    },
  };
}
