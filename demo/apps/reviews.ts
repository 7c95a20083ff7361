// What readers say. v1 has words only; v2 adds the stars from ratings; v3 adds who may be trusted.
import type { Handler } from './app.ts';

const words = [
  { reader: 'Ada', text: 'Could not put it down, and it did not sink.' },
  { reader: 'Linus', text: 'Chapter four keeps its promises.' },
];

export const reviews: Handler = async ({ call }, pod) => {
  if (pod.version === 'v1') return { body: { pod: pod.name, version: 'v1', reviews: words } };
  const rating = await call('ratings', '/ratings');
  const stars = rating.status === 200 ? (JSON.parse(rating.body) as { stars: number }).stars : undefined;
  const extra = pod.version === 'v3' ? { verified: true } : {};
  return {
    body: { pod: pod.name, version: pod.version, reviews: words.map((review) => ({ ...review, stars, ...extra })) },
  };
};
