import { readFileSync } from 'node:fs';
import { afterAll, expect } from 'vitest';

declare module 'vitest' {
  export interface TaskMeta {
    /** Seconds of CPU of a test file: of its worker, and of the ended processes that it started. */
    cpu?: { readonly own: number; readonly children: number };
  }
}

/** The events of `process` whose listeners would act on the tests of other files. */
const EVENTS = ['warning', 'uncaughtException', 'unhandledRejection', 'SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const began = { own: process.cpuUsage(), children: childrenSeconds(), process: stateOfProcess() };

// Vitest runs this file before each test file, and ends hooks in reverse order: this hook is the last one of the file.
afterAll((_context, { file }) => {
  const { user, system } = process.cpuUsage(began.own);
  file.meta.cpu = { own: (user + system) / 1e6, children: childrenSeconds() - began.children };
  // Files share their worker's process.
  expect(stateOfProcess(), 'a test file takes back what it changes in `process`').toEqual(began.process);
});

function stateOfProcess(): object {
  const listeners = EVENTS.map((event) => [event, process.listenerCount(event)]);
  return { listeners: Object.fromEntries(listeners) as object, environment: { ...process.env } };
}

/** Fields 16 and 17 of /proc/self/stat, in hundredths of a second; 0 where there is no such file. */
function childrenSeconds(): number {
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[13]) + Number(fields[14])) / 100;
  } catch {
    return 0;
  }
}
