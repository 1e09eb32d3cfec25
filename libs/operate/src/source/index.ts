/** Sources, their topics and their outbox: what an operator does with them. */
export { again } from '../outbox/again.ts';
export { list as listOutbox } from '../outbox/list.ts';
export { accept } from '../topics/accept.ts';
export { forget } from '../topics/forget.ts';
export { disown } from './disown.ts';
export { rebase } from './rebase.ts';
export { phantomLines } from './text.ts';
