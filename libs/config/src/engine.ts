/** What other packages of the kit build on and no application needs. It may change in any version. */
export { loose, nearest } from './names.ts';
