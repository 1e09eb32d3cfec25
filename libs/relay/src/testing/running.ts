import type { Broker } from '@converge/kafka';
import type { Database } from '@converge/postgres';
import { afterEach, inject } from 'vitest';
import type { RelayOptions } from '../options.ts';
import { type Relay, relay } from '../relay.ts';
import { relayDatabase } from './set-up.ts';

export const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

const open: (() => Promise<unknown>)[] = [];

/** Call once in a test file: what a test opened is closed after it, the last first. */
export function closeAfterEach(): void {
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close();
  });
}

export function onClose(close: () => Promise<unknown>): void {
  open.push(close);
}

export async function withDatabase(): Promise<{ url: string; database: Database }> {
  const made = await relayDatabase(inject('stack').databaseUrl);
  onClose(() => made.database.close());
  return made;
}

export function closing<B extends Broker>(broker: B): B {
  onClose(() => broker.close());
  return broker;
}

export async function started(options: RelayOptions): Promise<Relay> {
  const service = relay({ log: silent, ...options });
  onClose(() => service.stop());
  await service.start();
  return service;
}

/** Why topics are held, `undefined` for those that catch up. */
export const heldCodes = (service: Relay): (string | undefined)[] => {
  const status = service.status();
  return status.state === 'leading' ? status.held.map(({ code }) => code) : ['not leading'];
};
