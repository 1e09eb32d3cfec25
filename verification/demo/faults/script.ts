import type { StackServer } from '@convergekit/testing/engine';
import type { World } from '../world.ts';
import { behaveAs, injectDrift, killActiveRelay, killConsumer, restartBroker } from './faults.ts';

export interface Scene {
  /** The begin of the scene, as a share of the drive. */
  readonly at: number;
  readonly name: string;
  /** Runs the scene, and describes it in a few words. */
  run(): Promise<string>;
}

/** The faults that the shop suffers while customers order. A broker that was given is not restarted. */
export function script(
  world: World,
  kafka: StackServer | undefined,
  onDrift: (keys: number) => void,
): readonly Scene[] {
  return [
    { at: 0.12, name: 'kill −9 of the active relay', run: () => killActiveRelay(world) },
    { at: 0.26, name: 'kill −9 of a consumer', run: () => Promise.resolve(killConsumer(world)) },
    {
      at: 0.38,
      name: 'the provider declines every 2nd card',
      run: () => behaveAs(world, { mode: 'decline', every: 2 }),
    },
    {
      at: 0.5,
      name: 'the provider answers every 4th call too late',
      run: () => behaveAs(world, { mode: 'late', every: 4 }),
    },
    { at: 0.58, name: 'the provider is well again', run: () => behaveAs(world, { mode: 'normal' }) },
    {
      at: 0.64,
      name: 'kill −9 and restart of the broker',
      run: () =>
        kafka === undefined
          ? Promise.resolve('skipped: the broker is not one that this demo started')
          : restartBroker(kafka),
    },
    {
      at: 0.86,
      name: 'drift injected by SQL',
      run: async () => {
        const keys = await injectDrift(world);
        onDrift(keys);
        return `${keys} keys`;
      },
    },
  ];
}
