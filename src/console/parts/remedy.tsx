// What happens because of a problem and what to do about it: the page of its code, as the documentation has it.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import { remedies } from '../client.ts';

/** Its page is read when somebody opens it. */
export function Remedy({ code }: { readonly code: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="remedy" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <code>{code}</code> – what to do
      </summary>
      {isOpen && <Page code={code} />}
    </details>
  );
}

function Page({ code }: { readonly code: string }) {
  const [text, setText] = useState('');
  useEffect(() => {
    remedies().then(
      (all) => setText(all[code] ?? 'There is no more to say about it.'),
      () => setText('What to do cannot be read at the moment.'),
    );
  }, [code]);
  return (
    <>
      {text
        .split(/\n{2,}/)
        .filter((part) => part.trim() !== '')
        .map((part, i) => (
          <Part key={i} text={part} />
        ))}
    </>
  );
}

/** A paragraph, or a list. */
const Part = ({ text }: { readonly text: string }) =>
  text.startsWith('- ') ? (
    <ul>{text.split(/^- /m).map((item, i) => item.trim() !== '' && <li key={i}>{inline(item)}</li>)}</ul>
  ) : (
    <p>{inline(text)}</p>
  );

/** Of links only the words: pages stand for themselves here. */
const inline = (text: string): readonly ComponentChildren[] =>
  text
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .split(/(`[^`]*`|\*\*[^*]*\*\*)/)
    .map((part) => {
      if (part.startsWith('`')) return <code>{part.slice(1, -1)}</code>;
      return part.startsWith('**') ? <strong>{part.slice(2, -2)}</strong> : part;
    });
