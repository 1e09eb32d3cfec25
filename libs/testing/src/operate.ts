/** The development stack of a folder: up, status, down. It may change in any version. */
export { stackDown, stackService, type StackService, stackStatus, type StackStatus } from './stack/up.ts';
export { freePort } from './stack/ports.ts';
