import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { kafkaBroker } from '../../kafka-broker.ts';
import { installedVersion, requireTested, TESTED_VERSION } from './version.ts';

const { dependencies } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
) as { readonly dependencies: Readonly<Record<string, string>> };

describe('the version of kafkajs', () => {
  it('C7: the driver kafkajs is tested with the one version of kafkajs that the package names and that is installed', () => {
    expect(dependencies.kafkajs).toBe(TESTED_VERSION);
    expect(installedVersion()).toBe(TESTED_VERSION);
  });

  it.each(['2.2.3', '2.3.0', '3.0.0'])('kafkajs %s is refused, with the fix', (version) => {
    expect(() => requireTested(version)).toThrow(
      expect.objectContaining({
        code: 'KAFKAJS_VERSION',
        category: 'configuration',
        message: expect.stringMatching(`kafkajs ${version} is installed.*works with 2\\.2\\.4.*platformatic`),
      }),
    );
  });

  it('a kafkajs that hides its version is refused', () => {
    const hidden = Object.assign(
      () => {
        throw new Error('ERR_PACKAGE_PATH_NOT_EXPORTED');
      },
      createRequire(import.meta.url),
    );
    expect(() => {
      requireTested(installedVersion(hidden));
    }).toThrow(expect.objectContaining({ code: 'KAFKAJS_VERSION' }));
  });

  // Planted fault: a `kafkaBroker` that does not ask for the version opens with any.
  it('a broker is refused when it is opened where kafkajs has another version, unless it uses the other driver', () => {
    const manifest = createRequire(import.meta.url)('kafkajs/package.json') as { version: string };
    const open = (driver: 'kafkajs' | 'platformatic') => () =>
      kafkaBroker({ driver, brokers: ['localhost:1'], clientId: 'test' });
    manifest.version = '2.3.0';
    try {
      expect(open('kafkajs')).toThrow(expect.objectContaining({ code: 'KAFKAJS_VERSION' }));
      expect(open('platformatic')).not.toThrow();
    } finally {
      manifest.version = TESTED_VERSION;
    }
    expect(open('kafkajs')).not.toThrow();
  });
});
