import { createRequire } from 'node:module';
import type * as driverOf from 'pg';

type Driver = typeof driverOf;

const load = createRequire(import.meta.url);
let driver: Driver | undefined;

/** Loads pg at its first use: a program that emits through connections of its own need not have it. */
export function pg(): Driver {
  return (driver ??= load('pg') as Driver);
}
