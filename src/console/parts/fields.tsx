// What one types and chooses to narrow a list down. What is typed is looked for when the typing stops.
import { useEffect, useRef, useState } from 'preact/hooks';

interface SearchProps {
  readonly label: string;
  readonly value: string;
  readonly onSearch: (text: string) => void;
}

/** Milliseconds: answers to lists come sooner than the next key. */
const patience = 40;

export function Search({ label, value, onSearch }: SearchProps) {
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const type = (typed: string): void => {
    setText(typed);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onSearch(typed), patience);
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
