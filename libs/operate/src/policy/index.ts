/** Central policies: what an operator changes of them. */
export { set } from './set.ts';
