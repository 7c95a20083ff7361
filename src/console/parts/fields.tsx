// What one types and chooses to narrow a list down. What is typed is looked for at once, and not with every key of who types
// fast.
import { useEffect, useRef, useState } from 'preact/hooks';

interface SearchProps {
  readonly label: string;
  readonly value: string;
  readonly onSearch: (text: string) => void;
}

/** Milliseconds from one question to the next: answers to lists come sooner than the next key. */
const patience = 60;

export function Search({ label, value, onSearch }: SearchProps) {
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const last = useRef(-patience);
  useEffect(() => () => clearTimeout(timer.current), []);
  const look = (typed: string): void => {
    last.current = performance.now();
    onSearch(typed);
  };
  const type = (typed: string): void => {
    setText(typed);
    clearTimeout(timer.current);
    const wait = last.current + patience - performance.now();
    if (wait <= 0) look(typed);
    else timer.current = setTimeout(() => look(typed), wait);
  };
  return (
    <label class="search">
      <span class="unseen">{label}</span>
      <input type="search" placeholder={label} value={text} onInput={(event) => type(event.currentTarget.value)} />
    </label>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  /** Value and words. */
  readonly options: readonly (readonly [string, string])[];
  readonly onChoose: (value: string) => void;
}

export const Choice = ({ label, value, options, onChoose }: ChoiceProps) => (
  <label class="choice">
    <span class="unseen">{label}</span>
    <select value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
      {options.map(([option, words]) => (
        <option key={option} value={option}>
          {words}
        </option>
      ))}
    </select>
  </label>
);
