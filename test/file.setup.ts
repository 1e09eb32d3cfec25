import { afterAll, beforeAll, beforeEach, expect, onTestFinished } from 'vitest';
import { childrenSeconds } from './children-seconds.ts';
import { noteRunning } from './running.ts';

declare module 'vitest' {
  export interface TaskMeta {
    /** Seconds of CPU of a test file: of its worker, and of the ended processes that it started. */
    cpu?: { readonly own: number; readonly children: number };
  }
}

/** The events of `process` whose listeners would act on the tests of other files. */
const EVENTS = ['warning', 'uncaughtException', 'unhandledRejection'] as const;
/** Libraries listen to these from the moment that a file imports them, until the worker ends. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

// Nx and some CI systems force colours; the output of tests is that of a stream which is no terminal.
delete process.env['FORCE_COLOR'];

// Vitest runs this file before each test file.
const began = {
  own: process.cpuUsage(),
  children: childrenSeconds(),
  environment: { ...process.env },
  listeners: listeners(EVENTS),
};
let signals: object;
noteRunning('a file before its first test');

beforeAll(() => {
  signals = listeners(SIGNALS);
});

beforeEach(({ task }) => {
  noteRunning(`${task.file.name}: ${task.fullTestName}`, task.timeout);
  onTestFinished(() => noteRunning(`${task.file.name}, after ${task.fullTestName}`));
});

// Hooks end in reverse order: this one is the last of the file.
afterAll(({}, { file }) => {
  noteRunning(undefined);
  const { user, system } = process.cpuUsage(began.own);
  file.meta.cpu = { own: (user + system) / 1e6, children: childrenSeconds() - began.children };
  // Files share their worker's process.
  const why = 'a test file takes back what it changes in `process`';
  expect(changedVariables(), why).toEqual([]);
  expect(listeners(EVENTS), why).toEqual(began.listeners);
  expect(listeners(SIGNALS), why).toEqual(signals);
});

function listeners(events: readonly string[]): object {
  return Object.fromEntries(events.map((event) => [event, process.listenerCount(event)]));
}

/** Lists names alone: a value may be a secret. */
function changedVariables(): readonly string[] {
  const names = new Set([...Object.keys(began.environment), ...Object.keys(process.env)]);
  return [...names].filter((name) => began.environment[name] !== process.env[name]);
}
