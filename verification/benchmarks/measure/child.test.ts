import { expect, test } from 'vitest';
import { cpuSecondsOf, memoryOf } from './child.ts';

test('CPU time is found behind a process name with blanks and parentheses', () => {
  const stat = '42 (kafka (relay) 1) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 11 0 100 1 1';
  expect(cpuSecondsOf(stat)).toBe(3);
});

test('resident memory and its peak are distinguished', () => {
  const status = 'Name:\tnode\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\n';
  expect(memoryOf(status, 'VmRSS')).toBe(100);
  expect(memoryOf(status, 'VmHWM')).toBe(200);
});
