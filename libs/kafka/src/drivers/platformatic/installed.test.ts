import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { requireInstalled, TESTED_VERSION } from './installed.ts';

const resolving = (code?: string) => ({
  resolve: Object.assign(
    () => {
      if (code !== undefined) throw Object.assign(new Error('not found'), { code });
      return '';
    },
    { paths: () => null },
  ),
});

it('the driver platformatic is refused where its client is not installed, with the command that installs it', () => {
  expect(() => requireInstalled(resolving())).not.toThrow();
  expect(() => requireInstalled(resolving('ERR_PACKAGE_PATH_NOT_EXPORTED'))).not.toThrow();
  expect(() => requireInstalled(resolving('MODULE_NOT_FOUND'))).toThrow(
    expect.objectContaining({
      code: 'DRIVER_MISSING',
      message: expect.stringContaining(`npm install @platformatic/kafka@${TESTED_VERSION}`) as string,
    }) as Error,
  );
});

it('the version that is named is the one of the manifest', () => {
  const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  const { peerDependencies } = JSON.parse(manifest) as { peerDependencies: Record<string, string> };
  expect(peerDependencies['@platformatic/kafka']).toBe(TESTED_VERSION);
});
