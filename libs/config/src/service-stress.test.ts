import { describe, expect, it } from 'vitest';
import type { Service } from '@convergekit/core';
import { healthServer } from './index.ts';
import { stressService } from '@convergekit/core/service-stress';

interface Spoilable {
  readonly counter: { running: number };
  readonly stop: () => Promise<void>;
}

/** A right service with one field that a test may spoil. */
function counting(spoil: (service: Spoilable) => Partial<Service> = () => ({})) {
  const counter = { running: 0 };
  const make = (): Service => {
    const done = Promise.withResolvers<undefined>();
    let stopping: Promise<void> | undefined;
    let starting = Promise.resolve();
    const service = {
      name: 'counting',
      counter,
      done: done.promise,
      start: () => {
        starting = new Promise<void>((resolve) => setImmediate(resolve)).then(
          () => void (counter.running += 1),
        );
        return starting;
      },
      stop: () =>
        (stopping ??= starting.then(() => {
          counter.running = 0;
          done.resolve(undefined);
        })),
    };
    return { ...service, ...spoil(service) };
  };
  return { make, running: () => counter.running };
}
const stress = (kit: ReturnType<typeof counting>) => stressService({ ...kit, deadlineMs: 200 });

describe('the stress test of services', () => {
  it('stressService accepts a service that meets its obligations', () => stress(counting()));

  it('stressService accepts the health server', async () => {
    let open: { port: number } | undefined;
    const make = () => (open = healthServer({ port: 0, checks: () => ({}) })) as Service;
    await stressService({
      make,
      running: async () => {
        const reached =
          open?.port === 0
            ? false
            : await fetch(`http://127.0.0.1:${open?.port ?? 0}/livez`).then(
                () => true,
                () => false,
              );
        return reached ? 1 : 0;
      },
    });
  });

  it.each<[string, Parameters<typeof counting>[0], string]>([
    ['a start that hangs', () => ({ start: () => new Promise(() => undefined) }), 'start hangs'],
    ['a stop that hangs', () => ({ stop: () => new Promise(() => undefined) }), 'stop hangs'],
    ['a done that never comes', () => ({ done: new Promise(() => undefined) }), 'done does not resolve'],
    [
      'a done that comes at once',
      () => ({ done: Promise.resolve() }),
      'done was resolved when start had resolved',
    ],
    [
      'a done that is rejected by a stop',
      ({ stop }) => {
        const done = Promise.withResolvers<undefined>();
        return { done: done.promise, stop: () => stop().then(() => done.reject(new Error('x'))) };
      },
      'done was rejected although',
    ],
    [
      'something left running',
      ({ stop, counter }) => ({ stop: () => stop().then(() => void (counter.running = 1)) }),
      '1 of the service still run',
    ],
    [
      'a stop that does not wait for the start',
      ({ counter }) => {
        const done = Promise.withResolvers<undefined>();
        const stop = () => {
          counter.running = 0;
          done.resolve(undefined);
          return Promise.resolve();
        };
        return { done: done.promise, stop };
      },
      'still run',
    ],
    [
      'a second stop that rejects',
      ({ stop }) => {
        let stops = 0;
        return { stop: () => ((stops += 1) > 1 ? Promise.reject(new Error('twice')) : stop()) };
      },
      'twice',
    ],
  ])('stressService finds %s', async (_, spoil, message) => {
    await expect(stress(counting(spoil))).rejects.toThrow(message);
  });
});
