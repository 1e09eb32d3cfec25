import { AsyncLocalStorage } from 'node:async_hooks';
import { failpoint, type NextRun, Wake } from '@convergekit/core/engine';
import type { WorkerCall } from '../work/worker-call.ts';
import { type AnnouncedWork, listenForWork, type Reserved } from '../work/announce.ts';
import { admission } from '../quota/admission.ts';
import { claimWithinQuotas, type ClaimedWithinQuotas } from '../quota/claim-quota-sql.ts';
import { lateMs, shortestPauseMs } from '../quota/quota.ts';
import { claimWork, type Wanted } from '../work/claim-sql.ts';
import type { ClaimedWork } from '../work/work.ts';
import { ClaimPace } from './claim-pace.ts';
import { Leases, renews } from './leases.ts';
import type { ResolvedOptions } from './options.ts';
import { OutcomeGroups } from './outcome-groups.ts';
import { Places } from './places.ts';
import { processWork } from './process-work.ts';
import { longestRunMs } from './run-call.ts';
import { queryName } from '../declare/bind-call.ts';

interface Claiming {
  /** One look for due work. Returns when the next one is due. */
  readonly claim: () => Promise<NextRun | undefined>;
  readonly places: Places;
  readonly leases: Leases;
  /** Requests a look. */
  readonly wake: Wake;
  /** Ends listening for announced work. */
  readonly deaf: () => void;
}

/** Returns those of the calls that have free places, with the lease of a call: it has ended when its run and the margin are over. */
export function wantedOf<DB>(
  calls: Iterable<WorkerCall<DB>>,
  places: Pick<Places, 'freeOf'>,
  { shared, leaseMs: shortMs, leaseMarginMs }: ResolvedOptions<DB>,
): readonly Wanted[] {
  return [...calls].flatMap((call) => {
    const { name, quota, settleMs, saga } = call;
    const free = places.freeOf(call);
    const callMs = longestRunMs(call, shared) + leaseMarginMs;
    const leaseMs = renews(call) ? shortMs : callMs;
    const paused = saga?.isTimer === true ? undefined : saga?.name;
    return free > 0 ? [{ call: name, places: free, leaseMs, callMs, settleMs, saga: paused, quota }] : [];
  });
}

/** The claim of a worker: within the quotas of its calls, where one has some. */
function taking<DB>({ calls, database: { executor }, holder, pollMs }: ResolvedOptions<DB>) {
  const quotas = [...calls.values()].flatMap(({ quota }) => quota ?? []);
  const take = async (wanted: readonly Wanted[], held: readonly string[]): Promise<ClaimedWithinQuotas> =>
    quotas.length > 0
      ? claimWithinQuotas(executor, holder, wanted, held)
      : { claimed: await claimWork(executor, holder, wanted, held), nextInMs: undefined };
  return { take, pauseMs: shortestPauseMs(quotas, pollMs) };
}

/** Makes the call of claimed work. `asked`: when the claim was sent. `called`: the call has ended. */
type Begin<DB> = (
  call: WorkerCall<DB>,
  work: ClaimedWork,
  asked: number,
  called: () => void,
) => Promise<void>;

/**
 * Returns what reserves places for calls that are about to be inserted: where they would be claimed at once, and can be repeated
 * under their key if this process dies, or COMMIT is in doubt. A quota counts with the claim, and a look counts the probes of a
 * breaker that is not closed.
 */
function reserving<DB>(options: ResolvedOptions<DB>, places: Places, begin: Begin<DB>) {
  const { clock, holder, shared, calls } = options;
  // Not in the context of the slice, which has one attempt, and ends before the call begins.
  const outside = AsyncLocalStorage.snapshot();
  return (name: string): Reserved | undefined => {
    const call = calls.get(name);
    if (call === undefined || call.quota !== undefined || call.idempotency !== 'keyed') return undefined;
    if (!places.isClear(call) || Number.isFinite(shared.breakers.get(name)?.room)) return undefined;
    const [wanted] = wantedOf([call], places, options);
    if (wanted === undefined) return undefined;
    const asked = clock.monotonic();
    const place = places.reserve(call);
    return {
      holder,
      leaseMs: wanted.leaseMs,
      finalMs: wanted.callMs + wanted.settleMs,
      free: place.free,
      begin: (work) => {
        failpoint('saga.after_claim');
        const next = (called: () => void): Promise<void> =>
          Promise.resolve().then(() => begin(call, work, asked, called));
        place.hold((called) => outside(next, called));
      },
    };
  };
}

/** The claiming of one worker: what it holds, what it has heard, and what it begins. */
export function claiming<DB>(
  options: ResolvedOptions<DB>,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Claiming {
  const { clock, random, shared, database, leaseMs, pollMs } = options;
  const wake = new Wake();
  const leases = new Leases();
  const groups = new OutcomeGroups(options);
  const places = new Places(wake);
  const now = (): number => clock.monotonic();
  const pace = new ClaimPace();
  const heard = (work: AnnouncedWork): void => {
    // What is due later is found by a later look: a deadline of hours needs none now. Nor does work without a free place.
    const isNews = pace.announced(work, now());
    const call = options.calls.get(work.call ?? '');
    if (isNews && (work.dueMs > 0 || call === undefined || places.takes(call))) wake.notify();
  };

  const begin: Begin<DB> = async (call, work, asked, called) => {
    const endsAt = asked + longestRunMs(call, shared);
    leases.take(work, renews(call), renews(call) ? asked + leaseMs : endsAt);
    const { quota } = call;
    const admit =
      quota && admission(database.executor, quota, { clock, signal, takenUntil: asked + lateMs(quota) });
    const asking = { clock, random, shared, signal, endsAt, leaseEndsAt: () => leases.endsAt(work), admit };
    let putOffMs: number | undefined;
    // An outcome that cannot be written now is found again when the lease ends.
    const reporting = { ...options, groups, onCalled: called, onPutOff: (ms: number) => (putOffMs = ms) };
    await processWork(reporting, call, work, asking).catch(onError);
    leases.drop(work);
    // A look before this would pass over the work, which is still at hand.
    if (putOffMs === undefined) return;
    pace.putOff(now() + putOffMs, now());
    wake.notify();
  };
  const reserve = reserving(options, places, begin);
  const listening = [database, ...options.wokenBy].map(({ db }) => listenForWork(db, { heard, reserve }));
  const deaf = (): void => listening.forEach((end) => end());
  const { take, pauseMs: quotaPauseMs } = taking(options);
  const claim = async (): Promise<NextRun | undefined> => {
    const wanted = withinBreakers(wantedOf(options.calls.values(), places, options), options);
    if (wanted.length === 0) return undefined;
    failpoint('saga.before_claim');
    const asked = now();
    pace.look(asked);
    const names = wanted.map(({ call }) => call);
    await places.whileLooking(names, async () => {
      const { claimed, nextInMs } = await take(wanted, leases.ids);
      if (claimed.length > 0) failpoint('saga.after_claim');
      for (const { call, places: free, calls = true } of wanted)
        places.looked(call, !calls || claimed.filter((work) => work.call === call).length >= free);
      if (nextInMs !== undefined) pace.putOff(now() + Math.max(nextInMs, quotaPauseMs), now());
      for (const work of claimed) {
        pace.found(work);
        const call = options.calls.get(work.call);
        if (call !== undefined) places.reserve(call).hold((called) => begin(call, work, asked, called));
      }
    });
    // Each call had all that was due, or its quota has no call until then, or has no place left: one that becomes free wakes.
    return { afterMs: pace.pauseMs(pollMs, now()) };
  };
  return { claim, places, leases, wake, deaf };
}

type Breakers = ReadonlyMap<string, { readonly room: number }>;

/** Limits claims to what the breakers of their calls admit. */
export function withinBreakers<DB>(
  wanted: readonly Wanted[],
  { calls, shared: { breakers } }: Pick<ResolvedOptions<DB>, 'calls' | 'shared'>,
): readonly Wanted[] {
  return wanted.map((one) => admitted(one, calls.get(one.call)?.canQuery ?? false, breakers));
}

/**
 * Limits the claim of a call: to the probes of a breaker that is half open, and to nothing behind one that is open. Such
 * work stays due, and continues together once the probes have succeeded; queries have a breaker of their own. Pure.
 */
export function admitted(wanted: Wanted, canQuery: boolean, breakers: Breakers): Wanted {
  const roomOf = (name: string): number => breakers.get(name)?.room ?? Number.POSITIVE_INFINITY;
  const calls = roomOf(wanted.call);
  const queries = canQuery ? roomOf(queryName(wanted.call)) : calls;
  const places = Math.min(wanted.places, ...[calls, queries].filter((room) => room > 0));
  return { ...wanted, places, calls: calls > 0, queries: queries > 0 };
}
