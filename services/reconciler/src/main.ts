/** The reconciler as a sidecar: runs the reconcilers of CONVERGE__MODULES on their schedules. */
import { converge } from 'convergekit/process';

process.exit(await converge(['reconcile', 'run', ...process.argv.slice(2)]));
