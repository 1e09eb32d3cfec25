import { expect, it } from 'vitest';
import { schema } from './fixture/config-schema.ts';
import { loadConfig } from './index.ts';

// Seen to fail without the look: such a variable was ignored, and its setting kept the default.
it.each([
  ['CONVERGE_RELAY__POLL__MAX_MS', 'CONVERGE__RELAY__POLL__MAX_MS'],
  ['CONVERGE_RELAY_POLL__MAX_MS', 'CONVERGE__RELAY__POLL__MAX_MS'],
  ['converge__relay__poll__max_ms', 'CONVERGE__RELAY__POLL__MAX_MS'],
  ['CONVERGE_POLICIES__PAYMENT__CHARGE__ATTEMPTS', 'CONVERGE__POLICIES__PAYMENT__CHARGE__ATTEMPTS'],
  ['CONVERGE_DATABASE__URL_FILE', 'CONVERGE__DATABASE__URL_FILE'],
])(
  'the variable %s, which only its spelling keeps from being a setting, is refused by name',
  (name, meant) => {
    expect(() => loadConfig(schema, { env: { [name]: '5' } })).toThrow(
      expect.objectContaining({
        issues: [
          { path: name, source: 'environment', message: 'no such setting', fix: `Did you mean ${meant}?` },
        ],
      }) as Error,
    );
  },
);

it('variables of others that begin like the prefix are left alone', () => {
  const env = {
    CONVERGE_STACK: 'embedded',
    CONVERGE_DATABASE_PORT: 'tcp://10.0.0.1:5432',
    CONVERGE_TESTS__URL: 'x',
  };
  expect(loadConfig(schema, { env }).database.port).toBe(5432);
});
