export { freshDatabase } from './database.ts';
export { type Stack, startStack } from './stack.ts';
export { waitUntil, type WaitOptions } from './wait-until.ts';
