import { readFileSync } from 'node:fs';
import { checkGraph, drawSaga } from '@converge/saga/declare';
import { describe, expect, it } from 'vitest';
import { placeOrder, transferMoney } from './index.ts';

describe.each([placeOrder, transferMoney])('$declaration.name', ({ declaration }) => {
  it('whatever fails, and whenever it is called off, all that was done is undone', () => {
    checkGraph([declaration]);
  });

  it('is drawn in docs as it is declared', () => {
    const page = readFileSync(new URL(`../../docs/sagas/${declaration.name}.md`, import.meta.url), 'utf8');
    expect(page).toContain(`\`\`\`mermaid\n${drawSaga(declaration)}\n\`\`\``);
  });
});
