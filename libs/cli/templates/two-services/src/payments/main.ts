import { paymentsService } from './service.ts';

await paymentsService.run();
