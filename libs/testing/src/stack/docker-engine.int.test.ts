import { expect, it, onTestFinished } from 'vitest';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

it('a Docker engine or image that is not available is returned as a reason, not thrown', async () => {
  // The package `testcontainers` listens to signals from when it is loaded.
  const before = new Map(SIGNALS.map((signal) => [signal, process.listeners(signal)]));
  onTestFinished(() => {
    for (const [signal, listeners] of before)
      for (const listener of process.listeners(signal))
        if (!listeners.includes(listener)) process.off(signal, listener);
  });
  const { prepareDocker } = await import('./docker-engine.ts');
  expect(await prepareDocker(['converge.invalid/no-such-image:0'], () => undefined)).toMatchObject({
    ready: false,
  });
});
