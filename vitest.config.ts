import { defineConfig } from 'vitest/config';

const roots = ['{libs,services}/*/src/**', 'schemas/src/**', '{verification,infra,docs}/**'];
const within = (suffix: string): string[] => roots.map((root) => `${root}/*${suffix}`);
const never = ['**/node_modules/**', '**/dist/**', '**/.converge/**'];

export default defineConfig({
  // `ssr.resolve` is what decides; `resolve.conditions` alone does not.
  ssr: { resolve: { conditions: ['source', 'module', 'node', 'development|production'] } },
  test: {
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: within('.test.ts'), exclude: ['**/*.{int,e2e}.test.ts', ...never] },
      },
      {
        extends: true,
        test: {
          name: 'int',
          include: within('.int.test.ts'),
          exclude: never,
          globalSetup: ['./test/stack.setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: within('.e2e.test.ts'),
          exclude: never,
          globalSetup: ['./test/stack.setup.ts'],
          testTimeout: 240_000,
          hookTimeout: 60_000,
          maxWorkers: 1,
          fileParallelism: false,
        },
      },
    ],
  },
});
