import { expect, it } from 'vitest';
import { ownFolder } from './own-folder.ts';

it('a folder of a package is beside its source in the repository, and below one folder in the published package', () => {
  expect(ownFolder('saga', 'sql', 'file:///repo/libs/core/src/own-folder.ts').href).toBe(
    'file:///repo/libs/saga/sql/',
  );
  expect(ownFolder('saga', 'sql', 'file:///app/node_modules/convergekit/dist/core-a1.js').href).toBe(
    'file:///app/node_modules/convergekit/sql/saga/',
  );
});
