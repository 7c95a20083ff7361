// The files of the page, as `make build` has bundled them, each under the headers that keep foreign code out.
// https://developer.mozilla.org/docs/Web/HTTP/Guides/CSP
import { readFile } from 'node:fs/promises';

export interface Asset {
  readonly contentType: string;
  readonly body: Buffer;
}

const files: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'console.js': 'text/javascript; charset=utf-8',
  'console.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
  'problems.json': 'application/json',
};

/** Beside what is compiled, whether this runs as source or compiled. */
const folder = new URL('../../../dist/console/', import.meta.url);

/** undefined for a name that is none of the page's; a fault is thrown. */
export async function asset(name: string): Promise<Asset | 'unbuilt' | undefined> {
  const contentType = Object.hasOwn(files, name) ? files[name] : undefined;
  if (contentType === undefined) return undefined;
  try {
    return { contentType, body: await readFile(new URL(name, folder)) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'unbuilt';
    throw error;
  }
}

/** Browsers ask for it with every change of the address unless they may keep it. */
export const keepable: ReadonlySet<string> = new Set(['icon.svg']);

/** Of everything below /console/. */
export const headers: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};
