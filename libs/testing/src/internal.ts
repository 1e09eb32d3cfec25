/** Exports for the command `converge`: the development stack of a folder. They may change in any version. */
export { stackDown, stackService, type StackService, stackStatus, type StackStatus } from './stack/up.ts';
export { freePort } from './stack/ports.ts';
