// What a manifest would change: dropped, chosen or pasted, and compared; nothing is applied.
import { useState } from 'preact/hooks';

import type { Difference } from '../../admin/console/api.ts';
import { send } from '../client.ts';
import { Fault, Missing } from '../parts/asked.tsx';
import { Changes } from '../parts/changes.tsx';

export function DiffView() {
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<{
    readonly difference?: Difference;
    readonly warnings?: readonly string[];
    readonly error?: string;
  }>({});
  const compare = (manifests: string): void => {
    setBusy(true);
    send<Difference>('diff', manifests)
      .then(
        ({ data, warnings }) => setAnswer({ difference: data, warnings }),
        (error: Error) => setAnswer({ error: error.message }),
      )
      .finally(() => setBusy(false));
  };
  return (
    <>
      <h1>What would change?</h1>
      <DropBox busy={busy} onManifests={compare} />
      <div aria-live="polite">
        {answer.error !== undefined && <Fault words={answer.error} />}
        <Missing warnings={answer.warnings ?? []} />
        {answer.difference !== undefined && <Changes difference={answer.difference} />}
      </div>
    </>
  );
}

interface DropBoxProps {
  readonly busy: boolean;
  readonly onManifests: (manifests: string) => void;
}

function DropBox({ busy, onManifests }: DropBoxProps) {
  const [text, setText] = useState('');
  const [over, setOver] = useState(false);
  const take = async (files: FileList | null | undefined): Promise<void> => {
    const texts = await Promise.all([...(files ?? [])].map((file) => file.text()));
    if (texts.length === 0) return;
    setText(texts.join('\n---\n'));
    onManifests(texts.join('\n---\n'));
  };
  return (
    <form
      class={over ? 'drop panel over' : 'drop panel'}
      onSubmit={(event) => (event.preventDefault(), onManifests(text))}
      onDragOver={(event) => (event.preventDefault(), setOver(true))}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void take(event.dataTransfer?.files);
      }}
    >
      <label>
        Manifests: drop files here, or paste YAML. Nothing is applied.
        <textarea
          rows={10}
          value={text}
          spellcheck={false}
          placeholder={'apiVersion: networking.istio.io/v1\nkind: VirtualService\n…'}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <div class="tools">
        <button type="submit" disabled={busy || text.trim() === ''}>
          {busy ? 'Comparing …' : 'Compare'}
        </button>
        <Files onFiles={(files) => void take(files)} />
      </div>
    </form>
  );
}

const Files = ({ onFiles }: { readonly onFiles: (files: FileList | null) => void }) => (
  <label class="file">
    <span class="unseen">Files</span>
    <input type="file" multiple accept=".yaml,.yml,.json" onChange={(event) => onFiles(event.currentTarget.files)} />
  </label>
);
