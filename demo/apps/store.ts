// What can be bought. v2 knows one address only, /shop and what is below it; v1 answers at any.
import type { Handler } from './app.ts';

export const store: Handler = ({ url }, pod) => {
  const answer = { pod: pod.name, version: pod.version, path: url.pathname };
  const known = pod.version === 'v1' || url.pathname.startsWith('/shop');
  return known ? { body: { ...answer, price: '19.90' } } : { status: 404, body: answer };
};
