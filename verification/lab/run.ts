import { seededRandom } from '@convergekit/core';
import { type Check, checkOf, type Judgement, overall } from '../checker/check.ts';
import { reasonOf } from '../programs.ts';
import { randomOf } from './drive.ts';
import { planned, type Planned, throughoutLoad } from './plan.ts';
import { lookAtAll, unanswered, untilRest, warmedUp } from './rest.ts';
import type { LabRun } from './spec.ts';
import { isEmpty, type Judged, type Look, type Span, type Targets, targetsOf } from './types.ts';

/** The time within which everything must work again after a repaired fault, in milliseconds. */
const LIVE_MS = 60_000;
/** The default of `noProgressMs`. */
const NO_PROGRESS_MS = 60_000;
/** How often the judge reads again when something changed while it read. */
const MAX_ROUNDS = 3;

export interface Outcome extends Judged {
  readonly judgement: Judgement;
  readonly settled: boolean;
  readonly faults: ReadonlyMap<string, number>;
  /** The times from a repair until all worked again, in milliseconds. */
  readonly recoveries: readonly { readonly kind: string; readonly ms: number }[];
}

/** Runs load and faults together; then repairs everything, awaits rest, and judges. */
export async function runLab(options: LabRun): Promise<Outcome> {
  const { parts, plan, seed, clock, history, progress, signal } = options;
  const campaign = new Campaign(options);
  history.note('begin', { seed, load: options.load });
  for (const part of parts) await part.start();
  signal.throwIfAborted();
  const load = await warmedUp(options, NO_PROGRESS_MS);
  const begun = clock.monotonic();
  const beganMs = clock.now();
  const loadMs = load.kind === 'rate' ? load.seconds * 1_000 : 0;
  const first = plan.kind === 'script' ? (plan.scenes[0]?.at ?? 1) * loadMs || 0 : 0;
  const enough = new AbortController();
  const until = AbortSignal.any([campaign.loadSignal, enough.signal]);
  const loaded = Promise.all(parts.map((part) => part.load(load, randomOf(seed), until)));
  const over = new AbortController();
  const ended = loaded.finally(() => over.abort());
  ended.catch(() => undefined);
  const watching = campaign.watch(over.signal);
  try {
    for (const part of parts) await part.warm?.();
    await campaign.inflict(over.signal, begun, loadMs);
    if (options.endsWithPlan === true) enough.abort();
    await ended;
  } finally {
    over.abort();
    await campaign.endBackground();
    await watching;
  }
  signal.throwIfAborted();
  const span = { beganMs, calmUntilMs: beganMs + first, endedMs: clock.now() };
  progress.note('the load is over and every fault is repaired; waiting until all is at rest');
  return campaign.settleAndJudge(span);
}

/** The faults of one run, and their ends. */
class Campaign {
  readonly #options: LabRun;
  readonly #targets: Targets;
  readonly #faults = new Map<string, number>();
  readonly #recoveries: { kind: string; ms: number }[] = [];
  readonly #failures: string[] = [];
  readonly #failed = new AbortController();
  readonly #background = new Set<Promise<void>>();
  readonly #endBackground = new AbortController();

  constructor(options: LabRun) {
    this.#options = options;
    this.#targets = targetsOf(options.parts);
  }

  /** Ends the load at the first failure: what comes after it would only cover it. */
  get loadSignal(): AbortSignal {
    return AbortSignal.any([this.#options.signal, this.#failed.signal]);
  }

  async inflict(over: AbortSignal, begun: number, loadMs: number): Promise<void> {
    const { plan, seed, clock, throughout = [] } = this.#options;
    // A script is played to its end; a deck ends with the load.
    const until = plan.kind === 'script' ? this.loadSignal : AbortSignal.any([over, this.loadSignal]);
    for (const fault of throughout) await this.#do(throughoutLoad(fault));
    let before = begun;
    for (const one of planned(plan, seededRandom(seed), loadMs)) {
      const at = (one.after === 'load' ? begun : before) + one.afterMs;
      await clock.sleep(Math.max(0, at - clock.monotonic()), until);
      if (until.aborted) return;
      before = clock.monotonic();
      await this.#do(one);
      if (this.loadSignal.aborted) return;
    }
  }

  async endBackground(): Promise<void> {
    this.#endBackground.abort();
    await Promise.all(this.#background);
  }

  async watch(over: AbortSignal): Promise<void> {
    const { parts, clock, progress } = this.#options;
    const isOver = (): boolean => over.aborted;
    while (!isOver()) {
      const states = await Promise.all(parts.map(async (part) => part.status())).catch(() => undefined);
      if (states !== undefined && !isOver()) progress.status(states.join('; '));
      await clock.sleep(500, over);
    }
  }

  /** Judges without open work. If something changed while the judge read, waits and reads again. */
  async settleAndJudge(span: Span): Promise<Outcome> {
    const { parts, clock, progress, signal, noProgressMs = NO_PROGRESS_MS } = this.#options;
    if (this.#failures.length === 0) await this.#lively('the end');
    const look = (): Promise<Look> => lookAtAll(parts).catch(unanswered);
    for (let round = 1; ; round += 1) {
      const rest = await untilRest({
        look,
        clock,
        signal,
        noProgressMs,
        onLook: ({ waitingFor }) => progress.status(waitingFor ?? ''),
      });
      if (!rest.atRest) progress.note(`not at rest: ${rest.look.waitingFor ?? 'nothing'}`);
      progress.note('the judge reads every database and every topic');
      for (const part of parts) await part.settle?.();
      const judged: Judged[] = [];
      for (const part of parts) judged.push(await part.judge(span));
      const after = await look();
      const settled = rest.atRest && after.waitingFor === undefined && after.read === rest.look.read;
      if (settled || !rest.atRest || round === MAX_ROUNDS)
        return this.#outcome(judged, settled, rest.atRest ? after : rest.look);
    }
  }

  #outcome(judged: readonly Judged[], settled: boolean, look: Look): Outcome {
    const { mayStayOpen = false, history } = this.#options;
    const checks = [...this.#own(settled || mayStayOpen, look), ...judged.flatMap((one) => one.checks)];
    const judgement = overall(checks, settled);
    history.note('end', { judgement, checks });
    return {
      judgement,
      settled,
      checks,
      faults: this.#faults,
      recoveries: this.#recoveries,
      figures: judged.flatMap(({ figures }) => figures),
      sections: judged.flatMap(({ sections = [] }) => sections),
      evidence: judged.map(({ evidence }) => evidence),
    };
  }

  /** What the loop itself found: faults that could not be caused, and what did not work again in time. */
  #own(settled: boolean, look: Look): readonly Check[] {
    const { mayStayOpen = false, parts } = this.#options;
    const late = settled ? [] : [look.waitingFor ?? 'something changed while the judge read'];
    const rest = checkOf('all came to rest in time once the faults were over', 1, late);
    const within = `after each fault all worked again within ${this.#liveMs() / 1_000} s`;
    const live = checkOf(within, this.#recoveries.length + this.#failures.length, this.#failures);
    const asked = parts.some((part) => part.live !== undefined) || this.#failures.length > 0;
    return [...(asked ? [live] : []), ...(mayStayOpen ? [] : [rest])];
  }

  async #do(one: Planned): Promise<void> {
    const { fault, background } = one;
    const { progress } = this.#options;
    const lacking = fault.needs.filter((need) => isEmpty(this.#targets[need]));
    if (lacking.length > 0) return progress.note(`${fault.name}: skipped, without ${lacking.join(', ')}`);
    const running = this.#run(one);
    if (background) {
      const tracked = running.finally(() => this.#background.delete(tracked));
      this.#background.add(tracked);
      return;
    }
    await running;
    if (!this.loadSignal.aborted) await this.#lively(fault.name);
  }

  async #run({ fault, size, pick, holdMs, background }: Planned): Promise<void> {
    const { history, progress, clock, seed } = this.#options;
    const signal = AbortSignal.any([this.loadSignal, ...(background ? [this.#endBackground.signal] : [])]);
    history.note('fault', { kind: fault.name, size, pick });
    const began = clock.monotonic();
    try {
      const injected = await fault.inject(this.#targets, { size, pick, seed, clock, signal });
      if (injected === undefined) return progress.note(`${fault.name}: skipped, nothing that it can hit`);
      const { what, repair } = injected;
      progress.note(`${fault.name}: ${what}`);
      this.#faults.set(fault.name, (this.#faults.get(fault.name) ?? 0) + 1);
      if (repair === undefined) return history.note('caused', { kind: fault.name, what });
      try {
        // The longest time that a timer can wait for.
        await clock.sleep(Math.min(holdMs, 2_147_483_647), signal);
      } finally {
        await repair();
      }
      history.note('repaired', { kind: fault.name, ms: Math.round(clock.monotonic() - began), what });
    } catch (error) {
      this.#fail(`${fault.name} could not be caused or repaired: ${reasonOf(error)}`);
    }
  }

  /** Waits until everything works again; what does not in time is a failure. */
  async #lively(kind: string): Promise<void> {
    const { parts, clock, history } = this.#options;
    const asking = parts.flatMap((part) => part.live?.() ?? []);
    if (asking.length === 0) return;
    const began = clock.monotonic();
    for (;;) {
      const answers = await Promise.all(asking.map((ask) => ask().catch(reasonOf)));
      const waiting = answers.find((answer) => answer !== undefined);
      if (waiting === undefined || this.loadSignal.aborted) break;
      if (clock.monotonic() - began > this.#liveMs()) {
        this.#fail(`after ${kind}: ${waiting}`);
        return;
      }
      await clock.sleep(100, this.loadSignal);
    }
    const ms = Math.round(clock.monotonic() - began);
    this.#recoveries.push({ kind, ms });
    history.note('live', { after: kind, ms });
  }

  #liveMs(): number {
    return Math.max(...this.#options.parts.map(({ liveWithinMs = LIVE_MS }) => liveWithinMs));
  }

  #fail(what: string): void {
    if (this.#options.signal.aborted) return;
    this.#failures.push(what);
    this.#options.history.note('failure', { what });
    this.#options.progress.note(`FAILED: ${what}`);
    this.#failed.abort();
  }
}
