// The page that customers see: a book, its reviews and its price, and which Pod had which part of it.
import type { Answer } from '../http.ts';
import type { Handler } from './app.ts';

type Part = Readonly<Record<string, unknown>>;

export const frontPage: Handler = async ({ user, call }) => {
  const [details, reviews, store] = await Promise.all([
    call('details', '/details').then(part, unreachable),
    call('reviews', '/reviews').then(part, unreachable),
    call('store', '/catalog').then(part, unreachable),
  ]);
  return { body: page(user, details, reviews, store) };
};

const part = (answer: Answer): Part =>
  answer.status === 200 ? (JSON.parse(answer.body) as Part) : { error: `unavailable (${answer.status})` };

const unreachable = (error: Error): Part => ({ error: error.message });

const escaped = (value: unknown): string =>
  String(value).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

function page(user: string | undefined, details: Part, reviews: Part, store: Part): string {
  const who = user === undefined ? '<a href="/?user=jane">Be Jane</a>' : `${escaped(user)} · <a href="/">Log out</a>`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>The Keelson book shop</title>
<style>
  body { font: 17px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem; color: #16324f }
  header { display: flex; justify-content: space-between } h1 { margin: 0.3em 0 } blockquote { margin: 1em 0 }
  table { border-collapse: collapse; width: 100%; margin-top: 2.5em } td, th { text-align: left; padding: 0.3em 0.6em }
  tr + tr { border-top: 1px solid #cfdae5 } .stars { color: #d08700 } .v { font-weight: bold }
</style>
<header><span>The Keelson book shop</span><span>${who}</span></header>
<h1>${escaped(details['title'] ?? 'No details')}</h1>
<p>${escaped(details['author'] ?? details['error'])}${store['price'] === undefined ? '' : ` · € ${escaped(store['price'])}`}</p>
${quotes(reviews)}
<table><caption>Who answered</caption>
<tr><th>service</th><th>pod</th></tr>
${[details, reviews, store].map(row).join('\n')}
</table>
</html>
`;
}

const row = (answer: Part): string => {
  const pod = typeof answer['pod'] === 'string' ? answer['pod'] : '';
  return `<tr><td>${escaped(pod.split('-')[0] || '—')}</td><td class="v">${escaped(pod || answer['error'])}</td></tr>`;
};

interface Review {
  readonly reader: string;
  readonly text: string;
  readonly stars?: number;
  readonly verified?: boolean;
}

function quotes(reviews: Part): string {
  const list = (reviews['reviews'] ?? []) as readonly Review[];
  return list
    .map(({ reader, text, stars, verified }) => {
      const rating = stars === undefined ? '' : ` <span class="stars">${'★'.repeat(stars)}</span>`;
      return `<blockquote>${escaped(text)}${rating}<br>— ${escaped(reader)}${verified === true ? ' ✓' : ''}</blockquote>`;
    })
    .join('\n');
}
