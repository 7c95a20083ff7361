// How many stars a book has; /ratings/slow takes half a second to say so.
import type { Handler } from './app.ts';

import { setTimeout as delay } from 'node:timers/promises';

export const ratings: Handler = async ({ url }, pod) => {
  if (url.pathname === '/ratings/slow') await delay(500);
  return { body: { pod: pod.name, stars: 4 } };
};
