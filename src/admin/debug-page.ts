// One debug page by its path and query, as text: the same for HTTP and for istioctl's xDS types.
import type { DebugAnswer, DebugScope } from '../model/proxy/debug.ts';
import type { ControlPlane } from './control-plane.ts';
import { pages } from './pages/index.ts';
import type { Answer, Page } from './pages/page.ts';
import { refused } from './pages/page.ts';

/** In UTF-16 units: of a path with its query, and of an answer. */
const longestPath = 4096;
const longestAnswer = 256 << 20;

/**
 * `path` is what follows `/debug/`: `syncz?namespace=shop`. `isForwarded`: the call comes through a port that is forwarded to
 * this replica. Answers of any kind are values; bugs are thrown.
 */
export async function debugPage(
  own: ControlPlane,
  path: string,
  scope: DebugScope,
  isForwarded = false,
): Promise<DebugAnswer> {
  if (path.length > longestPath) return { ...print(refused(400, 'the path is too long'), false), unheard: [] };
  const url = new URL(`http://debug/${path.replace(/^\/*(?:debug\/)?/, '')}`);
  const { searchParams: query } = url;
  const name = url.pathname.slice(1);
  const about = isForwarded && isListedByEach(name, query) ? 'mesh' : (pages.get(name)?.about ?? 'mesh');
  const { plane, unheard } =
    about === 'mesh' ? { plane: own, unheard: [] } : await own.everywhere({ held: about === 'streams' });
  return { ...print(await answer(name, { plane, scope, query }), query.has('pretty')), unheard };
}

/**
 * `istioctl version` and Kiali go through forwarded ports to one replica after the other and add up what these say.
 * Who asks for `replicas=all` does not.
 */
const isListedByEach = (name: string, query: URLSearchParams): boolean =>
  name === 'syncz' && query.get('replicas') !== 'all';

function answer(name: string, question: Parameters<Page['answer']>[0]): Answer | Promise<Answer> {
  if (name === '') return { html: index };
  if (name === 'list') return { json: [...pages.keys()] };
  const page = pages.get(name);
  if (page === undefined) return refused(404, `there is no debug page '${name}'; 'list' names all`);
  if (!page.scoped && question.scope !== 'mesh')
    return refused(403, `the debug page '${name}' is for callers of a system namespace`);
  return page.answer(question);
}

const links = [...pages].map(([name, { summary }]) => `<li><a href="/debug/${name}">${name}</a> ${summary}</li>`);

/** For browsers: what there is. */
const index = `<!doctype html><html lang="en"><title>Debug pages</title><h1>Debug pages</h1><ul>${links.join('')}</ul></html>`;

type Printed = Omit<DebugAnswer, 'unheard'>;

function print(given: Answer, pretty: boolean): Printed {
  if ('refused' in given) return text(given.refused.status, `${given.refused.message}\n`);
  if ('html' in given) return { status: 200, body: given.html, contentType: 'text/html; charset=utf-8' };
  if ('text' in given) return text(200, `${given.text}\n`);
  const body = JSON.stringify(given.json, undefined, pretty ? 2 : undefined);
  if (body.length > longestAnswer) return text(400, 'the answer is too long: ask for one namespace or one proxy\n');
  return { status: 200, body, contentType: 'application/json' };
}

const text = (status: number, body: string): Printed => ({
  status,
  body,
  contentType: 'text/plain; charset=utf-8',
});
