import { expect, it } from 'vitest';
import { missingTopicsIn } from './topics.ts';

it.each([
  ['creates missing topics in development', 'development', undefined, 'create'],
  ['refuses to start without its topics in production', 'production', undefined, 'check'],
  ['refuses to start without its topics where no mode is set', undefined, undefined, 'check'],
  ['that declares `check` refuses in development, too', 'development', 'check', 'check'],
  ['that declares `create` creates topics in production', 'production', 'create', 'create'],
] as const)('a service %s', (_, mode, declared, expected) => {
  expect(missingTopicsIn({ NODE_ENV: mode }, declared)).toBe(expected);
});
