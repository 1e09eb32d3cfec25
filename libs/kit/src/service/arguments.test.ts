import { expect, it } from 'vitest';
import { argumentsOf } from './arguments.ts';

it('the command line of a service has a settings file and settings by path, with a space or =', () => {
  expect(
    argumentsOf(['--config', 'a.yaml', '--health.port=9000', '--kafka.brokers', 'k:9092', '--x=']),
  ).toEqual({ file: 'a.yaml', flags: { 'health.port': '9000', 'kafka.brokers': 'k:9092', x: '' } });
  expect(argumentsOf([])).toEqual({ file: undefined, flags: {} });
});

it.each([['hunter2'], ['--health.port'], ['-x'], ['--'], ['--9=1']])(
  'the command line %j of a service is refused, and no value is quoted',
  (word) => {
    expect(() => argumentsOf([word])).toThrow(/--health\.port=9000/);
    expect(() => argumentsOf(['--database.password=hunter2', 'hunter2'])).not.toThrow(/hunter2/);
  },
);
