import { expect, test } from 'vitest';
import { memoryOf } from './child.ts';

test('resident memory and its peak are distinguished', () => {
  const status = 'Name:\tnode\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\n';
  expect(memoryOf(status, 'VmRSS')).toBe(100);
  expect(memoryOf(status, 'VmHWM')).toBe(200);
});
