import tseslint from 'typescript-eslint';

/** Matches a call that has one of these methods in its chain. */
const inChain = (names) => {
  const at = (depth) => `[${'callee.object.'.repeat(depth)}callee.property.name=/^(${names})$/]`;
  return `:matches(${Array.from({ length: 12 }, (_, depth) => at(depth)).join(', ')})`;
};
const begins = inChain('insertInto|updateTable|deleteFrom|selectFrom|mergeInto|replaceInto');
const runs = inChain('execute.*|stream|compile|explain');

export default tseslint.config({
  files: ['**/*.ts'],
  languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
  plugins: { '@typescript-eslint': tseslint.plugin },
  rules: {
    // The kit refuses a statement that was not awaited when it runs; this rule finds it before.
    '@typescript-eslint/no-floating-promises': [
      'error',
      {
        allowForKnownSafeCalls: [{ from: 'package', name: ['it', 'test', 'describe'], package: 'node:test' }],
      },
    ],
    '@typescript-eslint/await-thenable': 'error',
    'no-restricted-syntax': [
      'error',
      {
        selector: `:matches(ExpressionStatement, AwaitExpression) > CallExpression${begins}:not(${runs})`,
        message:
          'This query is built and not run: end it with `await ….execute()`, or give it to `write(…)`.',
      },
    ],
  },
});
