/** Central policies: what an operator sees and changes of them. */
export { history } from './history.ts';
export { set } from './set.ts';
