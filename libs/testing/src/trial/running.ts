import { AsyncLocalStorage } from 'node:async_hooks';
import type { Random } from '@convergekit/core';
import { CommitBarrier } from './commit-barrier.ts';

const current = new AsyncLocalStorage<Running>();

/** An action that has begun. Its commits go through its barrier, its calls may stay in the network. */
export class Running {
  readonly barrier = new CommitBarrier();
  readonly done: Promise<void>;
  #away = Promise.withResolvers<undefined>();

  constructor(what: (barrier: CommitBarrier) => Promise<void>) {
    this.done = current.run(this, () => what(this.barrier));
    this.done.catch(() => undefined);
  }

  /** Resolves when the action is before a COMMIT, in the network, or at its end. */
  stands(): Promise<unknown> {
    return Promise.race([this.barrier.arrived, this.done, this.#away.promise]);
  }

  /** Resolves when the action is in the network, or at its end. */
  rests(): Promise<unknown> {
    return Promise.race([this.done, this.#away.promise]);
  }

  leave(): void {
    this.#away.resolve(undefined);
  }

  comeBack(): void {
    this.#away = Promise.withResolvers<undefined>();
  }
}

export interface Call {
  readonly name: string;
  readonly step: string;
  readonly running: Running;
  readonly release: () => void;
}

/** The calls that chance keeps on their way. */
export class Network {
  readonly calls: Call[] = [];
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  readonly enter = (name: string, step: string): Promise<void> => {
    const running = current.getStore();
    if (running === undefined || this.#random() > 0.3) return Promise.resolve();
    const held = Promise.withResolvers<undefined>();
    this.calls.push({ name, step, running, release: () => held.resolve(undefined) });
    running.leave();
    return held.promise;
  };

  holds(running: Running): boolean {
    return this.calls.some((call) => call.running === running);
  }

  /** Lets a call arrive, and continues its action. */
  arrives(call: Call): Running {
    this.calls.splice(this.calls.indexOf(call), 1);
    call.running.comeBack();
    call.release();
    return call.running;
  }

  /** Lets all calls arrive. */
  async empty(): Promise<void> {
    for (let [call] = this.calls; call !== undefined; [call] = this.calls) {
      const running = this.arrives(call);
      running.barrier.open();
      await running.rests();
    }
  }
}
