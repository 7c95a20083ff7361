// What there is to know about a book. It insists on a rating: without one it fails.
import type { Handler } from './app.ts';

import { setTimeout as delay } from 'node:timers/promises';

export const details: Handler = async ({ url, call }, pod) => {
  if (url.pathname.startsWith('/details/slow')) await delay(2000);
  const rating = await call('ratings', '/ratings');
  if (rating.status !== 200) return { status: 503, body: { error: `ratings: ${rating.status}` } };
  const { stars } = JSON.parse(rating.body) as { stars: number };
  return { body: { pod: pod.name, title: 'The Keel and the Sail', author: 'M. Shipwright', pages: 212, stars } };
};
