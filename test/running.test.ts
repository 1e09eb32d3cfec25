import { expect, it } from 'vitest';
import { hanging, noteRunning } from './running.ts';

const HOUR = 3_600_000;

it('a test that runs past its time limit is named, also by a process that only reads files', ({ task }) => {
  noteRunning('a test that blocks its worker', 1_000);
  expect(hanging(Date.now())).not.toContain('a test that blocks its worker');
  expect(hanging(Date.now() + HOUR)).toContain('a test that blocks its worker');
  noteRunning(task.fullTestName, task.timeout);
  expect(hanging(Date.now() + HOUR)).not.toContain('a test that blocks its worker');
});
