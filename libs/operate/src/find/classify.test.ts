import { expect, it } from 'vitest';
import { classify } from './classify.ts';

it.each([
  ['0198b5a0-0000-7000-8000-000000000001', { kind: 'id' }],
  [' 0198B5A0-0000-7000-8000-000000000001 ', { kind: 'id', text: '0198b5a0-0000-7000-8000-000000000001' }],
  ['4bf92f3577b34da6a3ce929d0e0e4736', { kind: 'trace' }],
  [
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    { kind: 'trace', text: '4bf92f3577b34da6a3ce929d0e0e4736' },
  ],
  ['1.52.1007', { kind: 'position', row: '1007' }],
  ['1.52.1007.00000000000000aa', { kind: 'position', row: '1007' }],
  ['order-17', { kind: 'key', text: 'order-17' }],
  ['17.5', { kind: 'key' }],
  ['', { kind: 'key', text: '' }],
])('%j is searched by its form', (given, expected) => {
  expect(classify(given)).toMatchObject(expected);
});
