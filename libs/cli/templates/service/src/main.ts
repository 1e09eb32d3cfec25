import { myService } from './service.ts';

await myService.run();
