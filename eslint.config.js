import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import { noAdHocRetry } from './infra/lint/no-ad-hoc-retry.js';
import { plainWords } from './infra/lint/plain-words.js';

const converge = { rules: { 'no-ad-hoc-retry': noAdHocRetry, 'plain-words': plainWords } };

/** Folders that pass `plain-words`. Missing: the other packages of libs, verification, docs. */
const PLAIN = [
  'infra/grafana',
  'infra/lint',
  'infra/prometheus',
  'libs/broker',
  'libs/cli',
  'libs/config',
  'libs/contracts',
  'libs/core',
  'libs/inbox',
  'libs/kafka',
  'libs/local',
  'libs/nest',
  'libs/operate',
  'libs/outbox',
  'libs/postgres',
  'libs/reconcile',
  'libs/relay',
  'libs/resilience',
  'libs/saga',
  'libs/telemetry',
  'libs/testing',
  'schemas/src',
  'services',
  'verification',
];

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '**/generated/**', '.converge/**', '.nx/**'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-invalid-void-type': ['error', { allowAsThisParameter: true }],
      '@typescript-eslint/unified-signatures': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Use a named export.' },
        {
          selector: 'ObjectExpression > SpreadElement > ObjectExpression',
          message: 'Write the properties themselves.',
        },
      ],
    },
  },
  {
    files: ['**/*.test.ts', 'test/**/*.ts', '**/fixture/**/*.ts', '**/src/contract/**'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
  {
    // Modules of Nest are empty classes; ORMs and Nest take objects where they declare classes.
    files: ['libs/nest/**/*.ts', 'docs/examples/{nest,outbox-with-your-orm}/**/*.ts'],
    rules: {
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  {
    files: ['{libs,services,docs}/**/*.ts'],
    ignores: ['**/*.test.ts', '**/fixture/**', '**/src/contract/**'],
    plugins: { converge },
    rules: { 'converge/no-ad-hoc-retry': 'error' },
  },
  {
    files: PLAIN.map((folder) => `${folder}/**/*.{ts,js}`),
    ignores: ['infra/lint/plain-words.*'],
    plugins: { converge },
    rules: { 'converge/plain-words': 'error' },
  },
  {
    // The tests of a template run on node:test, whose functions return promises that need no await.
    files: ['libs/cli/templates/**/*.test.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['it', 'before', 'after'], package: 'node:test' },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.config.ts', 'test/**/*.setup.ts'],
    // A hook of vitest that uses none of its fixtures says so by an empty pattern.
    rules: {
      'no-restricted-syntax': 'off',
      'no-empty-pattern': ['error', { allowObjectPatternsAsParameters: true }],
    },
  },
  {
    // Scripts of the console's pages, for browsers.
    files: ['services/console/static/*.js'],
    languageOptions: {
      globals: {
        document: 'readonly',
        location: 'readonly',
        setTimeout: 'readonly',
        setInterval: 'readonly',
        getSelection: 'readonly',
        fetch: 'readonly',
        AbortSignal: 'readonly',
        DOMParser: 'readonly',
        EventSource: 'readonly',
      },
    },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: { globals: { process: 'readonly', URL: 'readonly' } },
  },
);
