// Runs the service that counts: node demo/quotas/serve.ts [FILE [PORT]]
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { parse } from 'yaml';

import type { Quota } from './quota-service.ts';
import { startQuotaService } from './quota-service.ts';

const [file = fileURLToPath(new URL('quotas.yaml', import.meta.url)), port = '8081'] = process.argv.slice(2);
const quotas = parse(await readFile(file, 'utf8')) as readonly Quota[];
const service = await startQuotaService(quotas, Number(port));
console.log(`${quotas.length} quotas, asked for at 127.0.0.1:${service.port}`);
